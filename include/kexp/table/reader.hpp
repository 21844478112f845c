#pragma once

/// Tables read back from their files, in batches of rows: those that this library writes.

#include <filesystem>
#include <memory>

#include "kexp/table/table.hpp"

namespace kexp::table {

/// The rows of a file. Threads: one at a time per object.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Replaces the rows of `batch`, which has the schema that the file was opened with, by the next ones: some
  /// ten thousand at most. False, and no rows, at the end. Errors: FailedError naming the file.
  [[nodiscard]] virtual bool read(Batch& batch) = 0;
};

/// Opens a CSV file for the columns of `schema`, found by their names; others are passed over. Timestamps are
/// Unix milliseconds; NaN, +Inf and -Inf are read as they are written.
///
/// Errors: FailedError naming the file when it cannot be read or lacks a column.
[[nodiscard]] std::unique_ptr<Reader> open_csv(const std::filesystem::path& file, const Schema& schema);

/// As open_csv, for Parquet. Errors: also UsageError when this build has no kexp_arrow.so; FailedError for a
/// column of another type, or one that may have nulls: such a file is not ours.
[[nodiscard]] std::unique_ptr<Reader> open_parquet(const std::filesystem::path& file, const Schema& schema);

}  // namespace kexp::table
