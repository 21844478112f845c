#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <parquet/file_writer.h>
#include <parquet/types.h>

#include "arrow_abi.hpp"

namespace kexp::table {

/// Collects rows until they are a row group and writes that. Errors: exceptions of Arrow and of std.
class ParquetFile {
 public:
  ParquetFile(std::vector<ArrowColumn> columns, ArrowSettings settings, ArrowSink sink);
  ~ParquetFile();

  void write(const void* const* columns, std::uint64_t rows);
  void finish();

 private:
  class Sink;

  /// Text of many rows in one piece.
  struct Texts {
    std::string bytes;
    std::vector<std::uint32_t> sizes;
  };
  struct Column {
    std::string name;
    ArrowType type;
    std::variant<std::vector<std::int64_t>, std::vector<double>, Texts> rows;
  };

  [[nodiscard]] std::uint64_t row_bytes(const void* const* columns, std::uint64_t row) const;
  void take(const void* const* columns, std::uint64_t first, std::uint64_t count);
  void open();
  void write_group();

  const ArrowSettings settings_;
  std::shared_ptr<Sink> sink_;
  std::vector<Column> columns_;
  std::vector<std::size_t> text_columns_;
  std::uint64_t rows_ = 0;  ///< In columns_.
  std::uint64_t bytes_ = 0;
  std::unique_ptr<parquet::ParquetFileWriter>
      file_;  ///< Of the first row group on, which decides the encodings.
};

}  // namespace kexp::table
