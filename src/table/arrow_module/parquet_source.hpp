#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <parquet/file_reader.h>

#include "arrow_abi.hpp"

namespace kexp::table {

/// Columns of a file that ParquetFile wrote, some rows at a time. Errors: exceptions of Arrow and of std.
class ParquetSource {
 public:
  ParquetSource(const std::string& file, const std::vector<ArrowColumn>& columns);

  /// Points `columns` to the next rows and says how many they are; 0 at the end.
  std::uint64_t read(const void** columns);

 private:
  /// Text of many rows in one piece, and where each lies in it.
  struct Texts {
    std::string bytes;
    std::vector<std::uint32_t> sizes;
    std::vector<ArrowText> values;
  };
  struct Column {
    int index;  ///< In the file.
    std::shared_ptr<parquet::ColumnReader> reader;
    std::variant<std::vector<std::int64_t>, std::vector<double>, Texts> rows;
  };

  [[nodiscard]] bool next_group();
  static const void* read(Column& column, std::int64_t rows);
  static void read_texts(parquet::ColumnReader& reader, std::int64_t rows, Texts& texts);

  std::unique_ptr<parquet::ParquetFileReader> file_;
  std::vector<Column> columns_;
  int group_ = 0;               ///< The next one.
  std::int64_t rows_left_ = 0;  ///< Of the one before it.
};

}  // namespace kexp::table
