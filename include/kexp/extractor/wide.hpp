#pragma once

/// A finished dataset as one table with a row a time and a column a series (docs/results.md, "One wide
/// table"). Needs no Prometheus.
///
/// A gauge is the newest sample of at most 1.5 of its usual intervals before; a counter is its growth a
/// second over the step, from 0 after a reset; a histogram is the quantiles 0.5, 0.95 and 0.99 of its growth.
/// Where there is no value stands NaN.

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace kexp::extractor {

struct WideOptions {
  std::filesystem::path dataset;
  std::filesystem::path file;  ///< Parquet where it ends with .parquet, else CSV.
  std::chrono::milliseconds step{5'000};
  /// What a file is that is there already: in the way; or, when it has the same bytes, what an extraction
  /// that was killed has left; or to be replaced.
  enum class Existing { refuse, accept_same, replace } existing = Existing::refuse;
};

/// Checks what needs no dataset, also that nothing is in the way of `file`. Errors: UsageError naming that or
/// --step.
void validate(const WideOptions& options);

struct WideResult {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;  ///< Without the time.
  std::uint64_t bytes = 0;
};

/// Writes the table; it appears whole. Memory: 8 bytes a cell.
/// Errors: UsageError as `validate`, when another file is there, and when there is no dataset; FailedError
/// naming a file.
WideResult write_wide(const WideOptions& options);

}  // namespace kexp::extractor
