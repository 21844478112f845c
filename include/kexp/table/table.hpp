#pragma once

/// Tables with typed columns, written to a file in batches of rows.
///
/// Rows are handed over column by column, so that a million samples are three arrays and not a million small
/// objects. A table becomes a CSV or a Parquet file of the same columns. Threads: one at a time per object.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kexp::table {

/// `timestamp_ms` is Unix milliseconds: a number in CSV, a point in time (UTC) in Parquet.
enum class ColumnType { int64, timestamp_ms, float64, text };

struct Column {
  std::string name;
  ColumnType type = ColumnType::text;
};
using Schema = std::vector<Column>;

/// The values of one column; timestamps are int64.
using Values = std::variant<std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

/// Rows of one schema.
class Batch {
 public:
  explicit Batch(const Schema& schema);

  [[nodiscard]] std::vector<std::int64_t>& int64s(std::size_t column) { return get<std::int64_t>(column); }
  [[nodiscard]] std::vector<double>& float64s(std::size_t column) { return get<double>(column); }
  [[nodiscard]] std::vector<std::string>& texts(std::size_t column) { return get<std::string>(column); }

  [[nodiscard]] const std::vector<Values>& columns() const { return columns_; }
  [[nodiscard]] std::size_t rows() const;
  void clear();

 private:
  template <typename T>
  [[nodiscard]] std::vector<T>& get(std::size_t column) {
    return std::get<std::vector<T>>(columns_.at(column));
  }

  std::vector<Values> columns_;
};

/// What was written.
struct WrittenFile {
  std::filesystem::path path;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::string sha256;
};

/// A table that becomes a file.
class Writer {
 public:
  virtual ~Writer() = default;
  /// Adds rows. Errors: FailedError naming the file; std::logic_error when the columns differ in length or
  /// are not those of the schema.
  virtual void write(const Batch& batch) = 0;
  /// Hands everything to the kernel; call it once, at the end. Errors: FailedError naming the file.
  [[nodiscard]] virtual WrittenFile finish() = 0;
};

/// A CSV file (RFC 4180, line end LF) with a header. A double is the shortest text that reads back the same;
/// what is not finite is written as Prometheus does: NaN, +Inf, -Inf.
///
/// `file` must not exist; it appears when it is finished. Errors: FailedError naming the file.
[[nodiscard]] std::unique_ptr<Writer> make_csv_writer(const std::filesystem::path& file,
                                                      const Schema& schema);

/// How a float64 column is written in Parquet; `best` tries the others on its first rows and keeps to the
/// smallest.
enum class NumberEncoding { best, dictionary, byte_stream_split, plain };

struct ParquetOptions {
  NumberEncoding numbers = NumberEncoding::best;
  std::size_t group_rows = 1 << 20;  ///< Most rows of a row group; fewer where they hold more than 32 MiB.
};

/// A Parquet file (zstd): whole numbers and times as packed differences, text by dictionary. The same rows
/// give the same bytes, whatever the batches. A double keeps every bit.
///
/// `file` must not exist; it appears when it is finished. Memory: one row group as it is, and packed.
/// Errors: UsageError when this build has no kexp_arrow.so; FailedError naming the file.
[[nodiscard]] std::unique_ptr<Writer> make_parquet_writer(const std::filesystem::path& file,
                                                          const Schema& schema,
                                                          const ParquetOptions& options = {});

/// Where kexp_arrow.so is: in KEXP_LIB_DIR, else in ../lib/kexp beside the executable.
[[nodiscard]] std::optional<std::filesystem::path> parquet_module();

/// Throws UsageError saying how to get Parquet where make_parquet_writer would.
void require_parquet();

}  // namespace kexp::table
