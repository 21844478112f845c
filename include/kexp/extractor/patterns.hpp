#pragma once

/// What moved with the load of a run, and how much later: every series of its dataset against what was sent
/// (docs/results.md, "patterns.csv"). Needs no Prometheus.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/json_fwd.hpp"

namespace kexp::extractor {

struct PatternsOptions {
  std::filesystem::path run;
  /// The longest lag that is looked at; no more than a quarter of the load's length is.
  std::chrono::milliseconds max_lag{300'000};
  std::chrono::milliseconds step{5'000};
  double alpha = 0.05;  ///< The share of false discoveries among those that are said to have moved.
};

/// Errors: UsageError naming the flag.
void validate(const PatternsOptions& options);

/// What of a series was looked at: its values; of a counter its growth a second; of a histogram or summary
/// the mean of what it counted within a step.
enum class LookedAt { value, rate, mean };
[[nodiscard]] const char* to_text(LookedAt looked_at);

/// moved: q is at most alpha. not_shown: it is not. The others were not looked at: flat had one value only,
/// gaps more than a tenth of its points empty, reset is a counter that began again.
enum class PatternState { moved, not_shown, flat, gaps, reset };
[[nodiscard]] const char* to_text(PatternState state);

struct Pattern {
  std::int64_t series_id = 0;  ///< For the mean of a classic histogram that of its sum.
  std::string source;
  std::string metric;  ///< For a mean the histogram.
  std::string labels;  ///< As JSON.
  LookedAt looked_at = LookedAt::value;
  PatternState state = PatternState::not_shown;
  double rho = 0;  ///< As stats::LagResult; 0 where nothing was looked at.
  std::chrono::milliseconds lag{};
  double p = 1;
  double q = 1;

  [[nodiscard]] bool was_tested() const {
    return state == PatternState::moved || state == PatternState::not_shown;
  }
};

struct Patterns {
  std::filesystem::path file;  ///< patterns.csv in the dataset.
  std::chrono::milliseconds step{};
  std::chrono::milliseconds max_lag{};  ///< That was looked at.
  std::int64_t points = 0;
  double alpha = 0;
  std::vector<Pattern> rows;  ///< moved by |rho|, then not_shown by p, then the others by id.
};

/// Finds them and writes patterns.csv, replacing it. Works on as many threads as CPUs may be used.
///
/// Errors: UsageError when `run` is no run with a load and a dataset; FailedError when the load is constant
/// or too short, or naming a file; InterruptedError on a stop.
[[nodiscard]] Patterns find_patterns(const PatternsOptions& options, std::stop_token stop);

[[nodiscard]] Json to_json(const Patterns& patterns);
/// For a terminal; at most 30 rows. Buckets and sum of a histogram are not among them where its rate or mean
/// is, else the strongest of them.
[[nodiscard]] std::string to_table(const Patterns& patterns);

}  // namespace kexp::extractor
