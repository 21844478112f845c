#include "kexp/extractor/patterns.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <tuple>

#include <fmt/format.h>

#include "kexp/core/cpu_quota.hpp"
#include "kexp/core/error.hpp"
#include "kexp/extractor/dataset.hpp"
#include "kexp/stats/false_discovery.hpp"
#include "kexp/stats/lag_test.hpp"

#include "dataset_reader.hpp"
#include "parallel.hpp"
#include "patterns_load.hpp"
#include "patterns_output.hpp"
#include "wide_grid.hpp"

namespace kexp::extractor {

namespace {

constexpr std::size_t kLeastPoints = 100;
constexpr double kMostGaps = 0.1;  // Of the points.

/// Puts the value before it, or else the one after it, where there is none. False: too many are missing.
bool fill_gaps(std::vector<double>& values) {
  const auto missing = [](double value) { return std::isnan(value); };
  const auto gaps = static_cast<double>(std::count_if(values.begin(), values.end(), missing));
  if (gaps > kMostGaps * static_cast<double>(values.size())) {
    return false;
  }
  const auto first = std::find_if_not(values.begin(), values.end(), missing);
  std::fill(values.begin(), first, first == values.end() ? 0 : *first);
  for (std::size_t i = 1; i < values.size(); ++i) {
    values[i] = missing(values[i]) ? values[i - 1] : values[i];
  }
  return true;
}

bool is_flat(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
}

/// Images are of many sizes, so a constant load is not the same in every step.
bool is_constant(std::vector<double> load) {
  std::sort(load.begin(), load.end());
  const double low = load[load.size() / 20];
  const double high = load[load.size() - 1 - load.size() / 20];
  return high - low <= 0.1 * high;
}

bool was_reset(std::span<const prom::Sample> samples, const prom::Grid& grid) {
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].value < samples[i - 1].value && samples[i].ts_ms >= grid.first_ms &&
        samples[i].ts_ms <= grid.last_ms()) {
      return true;
    }
  }
  return false;
}

Pattern look_at(const SeriesData& data, const Load& load, const stats::LagTest& test) {
  Pattern pattern;
  pattern.series_id = data.series.id;
  pattern.source = data.series.source;
  pattern.metric = data.series.metric;
  pattern.labels = data.series.labels;
  pattern.is_rate = is_counter(data.series);
  if (pattern.is_rate && was_reset(data.samples, load.grid)) {
    pattern.state = PatternState::reset;
    return pattern;
  }
  std::vector<double> values =
      pattern.is_rate ? rate_on_grid(data, load.grid) : last_on_grid(data, load.grid);
  if (!fill_gaps(values)) {
    pattern.state = PatternState::gaps;
  } else if (is_flat(values)) {
    pattern.state = PatternState::flat;
  } else {
    const stats::LagResult result = test.test(values);
    pattern.rho = result.rho;
    pattern.lag = std::chrono::milliseconds(static_cast<std::int64_t>(result.lag) * load.grid.step_ms);
    pattern.p = result.p;
  }
  return pattern;
}

bool was_tested(const Pattern& pattern) {
  return pattern.state == PatternState::moved || pattern.state == PatternState::not_shown;
}

/// Over all series that were looked at.
void decide(std::vector<Pattern>& rows, double alpha) {
  std::vector<double> p_values;
  for (const Pattern& row : rows) {
    if (was_tested(row)) {
      p_values.push_back(row.p);
    }
  }
  const std::vector<double> rates = stats::false_discovery_rates(p_values);
  for (auto rate = rates.begin(); Pattern & row : rows) {
    if (was_tested(row)) {
      row.q = *rate++;
      row.state = row.q <= alpha ? PatternState::moved : PatternState::not_shown;
    }
  }
}

bool comes_before(const Pattern& a, const Pattern& b) {
  const auto key = [](const Pattern& row) {
    const double within = row.state == PatternState::moved ? -std::abs(row.rho) : row.p;
    return std::tuple(std::min(row.state, PatternState::flat), within, row.series_id);
  };
  return key(a) < key(b);
}

std::size_t lags_of(const PatternsOptions& options, std::size_t points) {
  const auto wanted = static_cast<std::size_t>(options.max_lag / options.step);
  return std::min(wanted, (points - kLeastPoints / 2) / 4);
}

std::vector<Pattern> look_at_all(const DatasetReader& dataset, const Load& load, const stats::LagTest& test,
                                 const std::stop_token& stop) {
  const std::vector<std::string>& metrics = dataset.metrics();
  std::mutex mutex;
  std::vector<Pattern> rows;  // Guarded by mutex.
  parallel_for(metrics.size(), read_cpu_limits().threads(), stop,
               [&](std::size_t i, const std::stop_token& stop_all) {
                 dataset.read(metrics[i], [&](const SeriesData& data) {
                   if (stop_all.stop_requested()) {
                     return;
                   }
                   Pattern pattern = look_at(data, load, test);
                   const std::lock_guard lock(mutex);
                   rows.push_back(std::move(pattern));
                 });
               });
  return rows;
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
