#include "kexp/extractor/patterns.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/extractor/dataset.hpp"
#include "kexp/stats/false_discovery.hpp"
#include "kexp/stats/lag_test.hpp"

#include "dataset_reader.hpp"
#include "patterns_load.hpp"
#include "patterns_output.hpp"
#include "patterns_search.hpp"

namespace kexp::extractor {

namespace {

constexpr std::size_t kLeastPoints = 100;

/// Images are of many sizes, so a constant load is not the same in every step.
bool is_constant(std::vector<double> load) {
  std::sort(load.begin(), load.end());
  const double low = load[load.size() / 20];
  const double high = load[load.size() - 1 - load.size() / 20];
  return high - low <= 0.1 * high;
}

/// Over all series that were looked at.
void decide(std::vector<Pattern>& rows, double alpha) {
  std::vector<double> p_values;
  for (const Pattern& row : rows) {
    if (row.was_tested()) {
      p_values.push_back(row.p);
    }
  }
  const std::vector<double> rates = stats::false_discovery_rates(p_values);
  for (auto rate = rates.begin(); Pattern & row : rows) {
    if (row.was_tested()) {
      row.q = *rate++;
      row.state = row.q <= alpha ? PatternState::moved : PatternState::not_shown;
    }
  }
}

bool comes_before(const Pattern& a, const Pattern& b) {
  const auto key = [](const Pattern& row) {
    const double within = row.state == PatternState::moved ? -std::abs(row.rho) : row.p;
    return std::tuple(std::min(row.state, PatternState::flat), within, row.series_id, row.looked_at);
  };
  return key(a) < key(b);
}

std::size_t lags_of(const PatternsOptions& options, std::size_t points) {
  const auto wanted = static_cast<std::size_t>(options.max_lag / options.step);
  return std::min(wanted, (points - kLeastPoints / 2) / 4);
}

}  // namespace

void validate(const PatternsOptions& options) {
  if (options.step < std::chrono::seconds(1)) {
    throw UsageError("--step must be 1s or more: the load is known by the second");
  }
  if (options.max_lag < std::chrono::milliseconds(0)) {
    throw UsageError("--max-lag must be 0s or more");
  }
  if (!(options.alpha > 0 && options.alpha < 1)) {
    throw UsageError(fmt::format("--alpha must be above 0 and below 1, got {}", options.alpha));
  }
}

const char* to_text(LookedAt looked_at) {
  return looked_at == LookedAt::value ? "value" : looked_at == LookedAt::rate ? "rate" : "mean";
}

const char* to_text(PatternState state) {
  switch (state) {
    case PatternState::moved:
      return "moved";
    case PatternState::not_shown:
      return "not shown";
    case PatternState::flat:
      return "flat";
    case PatternState::gaps:
      return "gaps";
    case PatternState::reset:
      break;
  }
  return "reset";
}

Patterns find_patterns(const PatternsOptions& options, std::stop_token stop) {
  validate(options);
  const DatasetReader dataset(dataset_of(options.run));
  const Load load = read_load(options.run, options.step);
  const std::size_t points = load.bytes_per_s.size();
  if (points < kLeastPoints) {
    const double step_s = std::chrono::duration<double>(options.step).count();
    const double fitting_s = std::floor(static_cast<double>(points) * step_s / kLeastPoints);
    throw FailedError(fmt::format(
        "the load of {} has {} points of {} s; {} are needed: {}", options.run.string(), points, step_s,
        kLeastPoints, fitting_s >= 1 ? fmt::format("give --step {}s", fitting_s) : "the run is too short"));
  }
  if (is_constant(load.bytes_per_s)) {
    throw FailedError(
        fmt::format("the load of {} was constant: nothing can move with it", options.run.string()));
  }
  Patterns patterns;
  stats::LagTestOptions lags;
  lags.max_lag = lags_of(options, points);
  patterns.rows = look_at_all(dataset, load, stats::LagTest(load.bytes_per_s, lags), stop);
  decide(patterns.rows, options.alpha);
  std::sort(patterns.rows.begin(), patterns.rows.end(), comes_before);
  patterns.file = dataset.folder() / "patterns.csv";
  patterns.step = options.step;
  patterns.max_lag = static_cast<std::int64_t>(lags.max_lag) * options.step;
  patterns.points = static_cast<std::int64_t>(points);
  patterns.alpha = options.alpha;
  write_patterns(patterns);
  return patterns;
}

}  // namespace kexp::extractor
