#include "kexp/stats/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "kexp/core/json.hpp"

namespace kexp::stats {

namespace {

constexpr int kLinearBits = 11;                           // Bucket = microsecond below 2^11.
constexpr std::uint64_t kHalf = 1U << (kLinearBits - 1);  // Buckets of every power of two above.
constexpr std::size_t kGrowth = 2 * kHalf;                // Buckets added at a time.

// Microseconds 0 … 2^11-1 are their own index; the values of [2^k, 2^(k+1)) above keep their 11 highest bits.
std::size_t index_of(std::uint64_t us) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(us)) - kLinearBits);
  return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * kHalf + (us >> shift));
}

// The last nanosecond that belongs to the bucket.
Nanoseconds highest_of(std::size_t index) {
  const std::uint64_t shift = index < 2 * kHalf ? 0 : index / kHalf - 1;
  const std::uint64_t end_us = (index - shift * kHalf + 1) << shift;
  return Nanoseconds(static_cast<std::int64_t>(end_us) * 1000 - 1);
}

// `p` is a decimal fraction that binary does not hold exactly: 99.9 % of 1000 must be rank 999, not 1000.
std::uint64_t rank_of(double p, std::uint64_t count) {
  const double exact = p / 100.0 * static_cast<double>(count);
  const auto rank = static_cast<std::uint64_t>(std::ceil(exact * (1.0 - 1e-12)));
  return std::clamp<std::uint64_t>(rank, 1, count);
}

}  // namespace

void Histogram::record(Nanoseconds value) {
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  sum_ns_ += static_cast<double>(value.count());
  ++count_;
  if (value.count() < 0) {
    ++negative_;
    return;
  }
  if (value >= kRange) {
    ++above_range_;
    return;
  }
  const std::size_t index = index_of(static_cast<std::uint64_t>(value.count()) / 1000);
  if (index >= counts_.size()) {
    counts_.resize((index / kGrowth + 1) * kGrowth);
  }
  ++counts_[index];
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) {
    return;
  }
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  sum_ns_ += other.sum_ns_;
  count_ += other.count_;
  negative_ += other.negative_;
  above_range_ += other.above_range_;
  counts_.resize(std::max(counts_.size(), other.counts_.size()));
  std::transform(other.counts_.begin(), other.counts_.end(), counts_.begin(), counts_.begin(), std::plus<>());
}

void Histogram::clear() { *this = Histogram(); }

Nanoseconds Histogram::mean() const {
  return count_ == 0 ? Nanoseconds(0) : Nanoseconds(std::llround(sum_ns_ / static_cast<double>(count_)));
}

Nanoseconds Histogram::percentile(double p) const {
  if (!(p >= 0 && p <= 100)) {
    throw std::logic_error(fmt::format("a percentile is in [0, 100], got {}", p));
  }
  if (count_ == 0) {
    return Nanoseconds(0);
  }
  const std::uint64_t rank = rank_of(p, count_);
  if (rank <= negative_) {
    return std::min(Nanoseconds(0), max_);
  }
  std::uint64_t seen = negative_;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      return std::min(highest_of(i), max_);
    }
  }
  return max_;
}

Summary Histogram::summary() const {
  const auto ms = [this](Nanoseconds value) {
    return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : milliseconds(value);
  };
  return {.count = count_,
          .negative = negative_,
          .mean_ms = ms(mean()),
          .p50_ms = ms(percentile(50)),
          .p90_ms = ms(percentile(90)),
          .p95_ms = ms(percentile(95)),
          .p99_ms = ms(percentile(99)),
          .p999_ms = ms(percentile(99.9)),
          .max_ms = ms(max_)};
}

Json to_json(const Summary& summary) {
  return {{"count", summary.count},   {"negative", summary.negative}, {"mean_ms", summary.mean_ms},
          {"p50_ms", summary.p50_ms}, {"p90_ms", summary.p90_ms},     {"p95_ms", summary.p95_ms},
          {"p99_ms", summary.p99_ms}, {"p999_ms", summary.p999_ms},   {"max_ms", summary.max_ms}};
}

}  // namespace kexp::stats
