#pragma once

/// Distributions of durations that are cheap to record and small to keep.

#include <cstdint>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"

namespace kexp::stats {

/// What is reported of a distribution. Durations are NaN when nothing was recorded (null in JSON): a
/// percentile of nothing was not measured, it is not 0.
struct Summary {
  std::uint64_t count = 0;
  std::uint64_t negative = 0;  ///< How many of them lay below 0: a sign of skewed clocks.
  double mean_ms = 0;
  double p50_ms = 0;
  double p90_ms = 0;
  double p95_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double max_ms = 0;
};

/// The fields under their own names, in their order.
[[nodiscard]] Json to_json(const Summary& summary);

/// A log-linear histogram of durations: 3 significant digits from 1 us to 38 h.
///
/// Below 2.048 ms a bucket is 1 us wide; above, every power of two is split into 1024 buckets, so that a
/// bucket is never wider than 0.1 % of its values. Nothing is dropped: values below 0 and above the range
/// are counted at their end, and `min`, `max` and `mean` are exact for all. Memory grows with the highest
/// value: 16 KB up to 2 ms, 229 KB for the whole range.
/// Threads: one at a time per object; give each thread its own and `merge` them.
/// Source: the bucket scheme of Gil Tene's HdrHistogram.
class Histogram {
 public:
  static constexpr Nanoseconds kResolution = std::chrono::microseconds(1);
  /// The first value above the range: 2^37 us.
  static constexpr Nanoseconds kRange = std::chrono::microseconds(std::int64_t{1} << 37);

  void record(Nanoseconds value);
  void merge(const Histogram& other);
  void clear();

  /// All recorded values, those at the ends included.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Values below 0; they rank as 0.
  [[nodiscard]] std::uint64_t negative() const { return negative_; }
  /// Values of `kRange` and more; they rank as `max()`.
  [[nodiscard]] std::uint64_t above_range() const { return above_range_; }

  /// Exact. 0 when nothing was recorded.
  [[nodiscard]] Nanoseconds min() const { return min_; }
  [[nodiscard]] Nanoseconds max() const { return max_; }
  [[nodiscard]] Nanoseconds mean() const;

  /// The value of nearest rank ceil(p/100 * count): the highest value of its bucket, so never below the
  /// exact one and at most 0.1 % or 1 us above it, and never above `max()`. 0 when nothing was recorded.
  /// Requires: p in [0, 100]; otherwise std::logic_error.
  [[nodiscard]] Nanoseconds percentile(double p) const;

  [[nodiscard]] Summary summary() const;

 private:
  std::vector<std::uint64_t> counts_;  // Up to the highest bucket in use.
  std::uint64_t count_ = 0;
  std::uint64_t negative_ = 0;
  std::uint64_t above_range_ = 0;
  double sum_ns_ = 0;  // A double: a million messages a day late are more than 2^63 ns.
  Nanoseconds min_{0};
  Nanoseconds max_{0};
};

}  // namespace kexp::stats
