#include "wide_grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kexp::extractor {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kNoIntervalMs = 60'000;  // Prometheus' default.

/// Walks along the samples of a series as time goes on.
class Walk {
 public:
  explicit Walk(const SeriesData& data) : data_(data) {}

  /// How many samples are at `ts_ms` or before. Times do not fall from call to call.
  std::size_t up_to(std::int64_t ts_ms) {
    while (next_ < data_.samples.size() && data_.samples[next_].ts_ms <= ts_ms) {
      ++next_;
    }
    return next_;
  }
  /// Whether the series was marked as ended after its newest sample, at `ts_ms` or before.
  bool ended(std::int64_t ts_ms) {
    while (next_end_ < data_.ends_ms.size() && data_.ends_ms[next_end_] <= ts_ms) {
      ++next_end_;
    }
    return next_end_ > 0 && next_ > 0 && data_.ends_ms[next_end_ - 1] >= data_.samples[next_ - 1].ts_ms;
  }

 private:
  const SeriesData& data_;
  std::size_t next_ = 0;
  std::size_t next_end_ = 0;
};

/// The counter without its resets: how much it grew since its first sample.
std::vector<double> grown(std::span<const prom::Sample> samples) {
  std::vector<double> total(samples.size());
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const double grew = growth(samples[i - 1].value, samples[i].value);
    total[i] = total[i - 1] + (std::isnan(grew) ? 0 : grew);
  }
  return total;
}

}  // namespace

std::int64_t usual_interval_ms(std::span<const prom::Sample> samples) {
  if (samples.size() < 2) {
    return kNoIntervalMs;
  }
  std::vector<std::int64_t> distances;
  distances.reserve(samples.size());
  for (std::size_t i = 1; i < samples.size(); ++i) {
    distances.push_back(samples[i].ts_ms - samples[i - 1].ts_ms);
  }
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle;
}

std::vector<double> last_on_grid(const SeriesData& data, const prom::Grid& grid) {
  const std::int64_t most_ms = usual_interval_ms(data.samples) * 3 / 2;
  std::vector<double> values(static_cast<std::size_t>(grid.count), kNothing);
  Walk walk(data);
  std::int64_t ts_ms = grid.first_ms;
  for (double& value : values) {
    const std::size_t count = walk.up_to(ts_ms);
    if (count > 0 && ts_ms - data.samples[count - 1].ts_ms <= most_ms && !walk.ended(ts_ms)) {
      value = data.samples[count - 1].value;
    }
    ts_ms += grid.step_ms;
  }
  return values;
}

std::vector<double> rate_on_grid(const SeriesData& data, const prom::Grid& grid) {
  const std::int64_t most_ms = usual_interval_ms(data.samples) * 3 / 2;
  const std::vector<double> total = grown(data.samples);
  std::vector<double> rates(static_cast<std::size_t>(grid.count), kNothing);
  Walk newest(data), oldest(data);
  std::int64_t ts_ms = grid.first_ms;
  for (double& rate : rates) {
    const std::size_t to = newest.up_to(ts_ms);
    const std::size_t from = std::min(oldest.up_to(ts_ms - grid.step_ms), to > 0 ? to - 1 : 0);
    if (to > 1 && ts_ms - data.samples[to - 1].ts_ms <= most_ms && !newest.ended(ts_ms)) {
      const prom::Sample& last = data.samples[to - 1];
      const prom::Sample& first = data.samples[from > 0 ? from - 1 : 0];
      if (last.ts_ms > first.ts_ms && last.ts_ms - first.ts_ms <= most_ms + grid.step_ms) {
        rate = (total[to - 1] - total[from > 0 ? from - 1 : 0]) * 1000 /
               static_cast<double>(last.ts_ms - first.ts_ms);
      }
    }
    ts_ms += grid.step_ms;
  }
  return rates;
}

}  // namespace kexp::extractor
