#include "patterns_search.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kexp/core/cpu_quota.hpp"

#include "parallel.hpp"
#include "wide_grid.hpp"

namespace kexp::extractor {

namespace {

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

bool was_reset(const SeriesData& data, const prom::Grid& grid) {
  for (std::size_t i = 1; i < data.samples.size(); ++i) {
    const prom::Sample& sample = data.samples[i];
    if (sample.value < data.samples[i - 1].value && sample.ts_ms >= grid.first_ms &&
        sample.ts_ms <= grid.last_ms()) {
      return true;
    }
  }
  return false;
}

/// The name of the histogram or summary whose counter of what it has seen `series` is; empty for another.
std::string histogram_of(const DatasetSeries& series) {
  constexpr std::string_view kCount = "_count";
  return series.type != "counter" && is_counter(series) && series.metric.ends_with(kCount)
             ? series.metric.substr(0, series.metric.size() - kCount.size())
             : "";
}

class Search {
 public:
  Search(const DatasetReader& dataset, const Load& load, const stats::LagTest& test)
      : dataset_(dataset), load_(load), test_(test) {
    for (const std::string& metric : dataset.metrics()) {
      add_series(metric);
    }
    for (const std::string& metric : dataset.histograms()) {
      add_native_histograms(metric);
    }
  }

  std::vector<Pattern> run(const std::stop_token& stop) {
    parallel_for(jobs_.size(), read_cpu_limits().threads(), stop,
                 [&](std::size_t i, const std::stop_token& stop_all) { jobs_[i](stop_all); });
    return std::move(rows_);
  }

 private:
  using Job = std::function<void(const std::stop_token&)>;
  using Take = std::function<void(const SeriesData&)>;
  using Read = std::function<void(const Take&)>;

  void add_series(const std::string& metric) {
    jobs_.push_back([this, metric](const std::stop_token& stop) {
      dataset_.read(metric, [&](const SeriesData& data) {
        look_at(data, is_counter(data.series) ? LookedAt::rate : LookedAt::value, stop);
      });
    });
    const std::string histogram = histogram_of(dataset_.series_of(metric).front());
    if (!histogram.empty() && dataset_.has(histogram + "_sum")) {
      add_means(
          histogram, [this, metric](const Take& take) { dataset_.read(metric, take); },
          [this, sum = histogram + "_sum"](const Take& take) { dataset_.read(sum, take); });
    }
  }

  void add_native_histograms(const std::string& metric) {
    using Part = DatasetReader::Part;
    const auto read = [&](Part part) -> Read {
      return [this, metric, part](const Take& take) { dataset_.read_histograms(metric, part, take); };
    };
    jobs_.push_back([this, counts = read(Part::count)](const std::stop_token& stop) {
      counts([&](const SeriesData& data) { look_at(data, LookedAt::rate, stop); });
    });
    add_means(metric, read(Part::count), read(Part::sum));
  }

  void add_means(std::string histogram, Read read_counts, Read read_sums) {
    jobs_.push_back([this, histogram = std::move(histogram), read_counts = std::move(read_counts),
                     read_sums = std::move(read_sums)](const std::stop_token& stop) {
      look_at_means(histogram, read_counts, read_sums, stop);
    });
  }

  void look_at(const SeriesData& data, LookedAt looked_at, const std::stop_token& stop) {
    const bool is_rate = looked_at == LookedAt::rate;
    const bool reset = is_rate && was_reset(data, load_.grid);
    judge(data.series, data.series.metric, looked_at, reset,
          is_rate ? rate_on_grid(data, load_.grid) : last_on_grid(data, load_.grid), stop);
  }

  void look_at_means(const std::string& histogram, const Read& read_counts, const Read& read_sums,
                     const std::stop_token& stop) {
    struct Counts {
      std::vector<double> rates;
      bool reset;
    };
    using Key = std::pair<std::string, std::string>;  // Source and labels.
    std::map<Key, Counts> counts;
    read_counts([&](const SeriesData& data) {
      counts[Key(data.series.source, data.series.labels)] = {rate_on_grid(data, load_.grid),
                                                             was_reset(data, load_.grid)};
    });
    read_sums([&](const SeriesData& data) {
      const auto found = counts.find(Key(data.series.source, data.series.labels));
      if (found == counts.end()) {
        return;
      }
      std::vector<double> means = rate_on_grid(data, load_.grid);
      for (std::size_t i = 0; i < means.size(); ++i) {
        const double count = found->second.rates[i];
        means[i] = count > 0 ? means[i] / count : std::numeric_limits<double>::quiet_NaN();
      }
      judge(data.series, histogram, LookedAt::mean, found->second.reset, std::move(means), stop);
    });
  }

  void judge(const DatasetSeries& series, const std::string& metric, LookedAt looked_at, bool reset,
             std::vector<double> values, const std::stop_token& stop) {
    if (stop.stop_requested()) {
      return;
    }
    Pattern pattern;
    pattern.series_id = series.id;
    pattern.source = series.source;
    pattern.metric = metric;
    pattern.labels = series.labels;
    pattern.looked_at = looked_at;
    if (reset) {
      pattern.state = PatternState::reset;
    } else if (!fill_gaps(values)) {
      pattern.state = PatternState::gaps;
    } else if (is_flat(values)) {
      pattern.state = PatternState::flat;
    } else {
      const stats::LagResult result = test_.test(values);
      pattern.rho = result.rho;
      pattern.lag = std::chrono::milliseconds(static_cast<std::int64_t>(result.lag) * load_.grid.step_ms);
      pattern.p = result.p;
    }
    const std::lock_guard lock(mutex_);
    rows_.push_back(std::move(pattern));
  }

  const DatasetReader& dataset_;
  const Load& load_;
  const stats::LagTest& test_;
  std::vector<Job> jobs_;
  std::mutex mutex_;
  std::vector<Pattern> rows_;  // Guarded by mutex_.
};

}  // namespace

std::vector<Pattern> look_at_all(const DatasetReader& dataset, const Load& load, const stats::LagTest& test,
                                 const std::stop_token& stop) {
  return Search(dataset, load, test).run(stop);
}

}  // namespace kexp::extractor
