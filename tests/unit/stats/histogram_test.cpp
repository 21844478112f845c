#include "kexp/stats/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "kexp/core/json.hpp"
#include "kexp/core/random.hpp"

namespace kexp::test {
namespace {

using namespace std::chrono_literals;
using stats::Histogram;

// Nearest rank on the sorted values: what the histogram approximates. `per_mille` keeps the rank exact.
Nanoseconds exact_percentile(const std::vector<Nanoseconds>& sorted, std::uint64_t per_mille) {
  const std::uint64_t rank = std::max<std::uint64_t>(1, (sorted.size() * per_mille + 999) / 1000);
  return sorted[rank - 1];
}

void expect_close_above(Nanoseconds got, Nanoseconds exact) {
  EXPECT_GE(got, exact);
  const double allowed = std::max(1000.0, static_cast<double>(exact.count()) * 0.001);
  EXPECT_LE(static_cast<double>((got - exact).count()), allowed) << "exact " << exact.count();
}

// As many values of every magnitude from 1 ns to 1 day.
std::vector<Nanoseconds> random_durations(std::size_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<Nanoseconds> values;
  for (std::size_t i = 0; i < count; ++i) {
    const double exponent = static_cast<double>(random.below(13'936'513)) / 1e6;  // log10 of a day in ns
    values.emplace_back(static_cast<std::int64_t>(std::pow(10.0, exponent)));
  }
  return values;
}

Histogram histogram_of(const std::vector<Nanoseconds>& values) {
  Histogram histogram;
  for (const Nanoseconds value : values) {
    histogram.record(value);
  }
  return histogram;
}

TEST(HistogramTest, PercentilesAreTheExactOnesWithin3Digits) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    auto values = random_durations(200 + seed * 997, seed);
    const Histogram histogram = histogram_of(values);
    std::sort(values.begin(), values.end());

    for (std::uint64_t per_mille = 0; per_mille <= 1000; ++per_mille) {
      SCOPED_TRACE(per_mille);
      expect_close_above(histogram.percentile(static_cast<double>(per_mille) / 10.0),
                         exact_percentile(values, per_mille));
    }
    EXPECT_EQ(histogram.min(), values.front());
    EXPECT_EQ(histogram.max(), values.back());
    EXPECT_EQ(histogram.percentile(100), values.back());
    EXPECT_EQ(histogram.count(), values.size());
  }
}

TEST(HistogramTest, SeparatesNeighbouringMicrosecondsBelow2Milliseconds) {
  Histogram histogram;
  for (int us = 0; us < 2048; ++us) {
    histogram.record(std::chrono::microseconds(us));
  }

  for (int us = 0; us < 2047; ++us) {
    const double p = 100.0 * (us + 1) / 2048.0;
    EXPECT_EQ(histogram.percentile(p), std::chrono::microseconds(us) + 999ns);
  }
}

TEST(HistogramTest, BucketsJoinWithoutGapAtEveryPowerOfTwo) {
  for (int k = 1; k < 37; ++k) {
    const Nanoseconds edge = std::chrono::microseconds(std::int64_t{1} << k);
    const Histogram histogram = histogram_of({edge - 1ns, edge, 1h * 30});
    SCOPED_TRACE(k);
    EXPECT_EQ(histogram.percentile(33), edge - 1ns);  // The last of its bucket, so exact.
    expect_close_above(histogram.percentile(66), edge);
  }
}

TEST(HistogramTest, RankOfADecimalPercentileIsExact) {
  Histogram histogram;
  for (int us = 1; us <= 1000; ++us) {
    histogram.record(std::chrono::microseconds(us));
  }

  EXPECT_EQ(histogram.percentile(99.9), 999us + 999ns);
  EXPECT_EQ(histogram.percentile(0), 1us + 999ns);
  EXPECT_EQ(histogram.percentile(0.1), 1us + 999ns);
  EXPECT_EQ(histogram.percentile(50), 500us + 999ns);
}

TEST(HistogramTest, PercentileIsNeverAboveMax) {
  const Histogram histogram = histogram_of({5h + 1ns});

  EXPECT_EQ(histogram.percentile(50), 5h + 1ns);
}

TEST(HistogramTest, KeepsAndFlagsNegativeValues) {
  const Histogram histogram = histogram_of({-5ms, -1ms, 2ms, 3ms});

  EXPECT_EQ(histogram.count(), 4U);
  EXPECT_EQ(histogram.negative(), 2U);
  EXPECT_EQ(histogram.min(), -5ms);
  EXPECT_EQ(histogram.percentile(50), 0ns);
  expect_close_above(histogram.percentile(75), 2ms);
  EXPECT_EQ(histogram.mean(), -250us);
}

TEST(HistogramTest, AllNegativeStaysBelowItsMax) {
  const Histogram histogram = histogram_of({-5ms, -3ms});

  EXPECT_EQ(histogram.percentile(99), -3ms);
}

TEST(HistogramTest, CountsValuesAboveTheRangeAsMax) {
  const Histogram histogram =
      histogram_of({1ms, Histogram::kRange - 1ns, Histogram::kRange, Nanoseconds(std::chrono::hours(100))});

  EXPECT_EQ(histogram.above_range(), 2U);
  EXPECT_EQ(histogram.count(), 4U);
  EXPECT_EQ(histogram.percentile(50), Histogram::kRange - 1ns);
  EXPECT_EQ(histogram.percentile(75), std::chrono::hours(100));
  EXPECT_GE(Histogram::kRange, 24h);
}

TEST(HistogramTest, MergeEqualsRecordingEverythingInOne) {
  auto all = random_durations(1000, 7);
  all.push_back(-1s);
  all.push_back(std::chrono::hours(50));
  const std::vector<Nanoseconds> first(all.begin(), all.begin() + 300);
  const std::vector<Nanoseconds> second(all.begin() + 300, all.end());
  const Histogram whole = histogram_of(all);

  for (bool swapped : {false, true}) {  // The smaller array into the larger one, and the other way round.
    Histogram merged = histogram_of(swapped ? second : first);
    merged.merge(histogram_of(swapped ? first : second));
    merged.merge(Histogram());

    EXPECT_EQ(merged.count(), whole.count());
    EXPECT_EQ(merged.negative(), 1U);
    EXPECT_EQ(merged.above_range(), 1U);
    EXPECT_EQ(merged.min(), whole.min());
    EXPECT_EQ(merged.max(), whole.max());
    for (const double p : {0.0, 1.0, 50.0, 99.0, 99.9, 100.0}) {
      EXPECT_EQ(merged.percentile(p), whole.percentile(p));
    }
  }
}

TEST(HistogramTest, MeanStaysRightWhereNanosecondsOverflow) {
  Histogram histogram;
  for (int i = 0; i < 200'000; ++i) {
    histogram.record(24h);  // 200,000 days are more than 2^63 ns.
  }

  EXPECT_EQ(histogram.mean(), 24h);
}

TEST(HistogramTest, ClearForgetsEverything) {
  Histogram histogram = histogram_of({-1ms, 1ms, 1h});
  histogram.clear();
  histogram.record(7us);

  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.negative(), 0U);
  EXPECT_EQ(histogram.min(), 7us);
  EXPECT_EQ(histogram.max(), 7us);
}

TEST(HistogramTest, RefusesAPercentileOutsideItsRange) {
  const Histogram histogram = histogram_of({1ms});

  EXPECT_THROW(static_cast<void>(histogram.percentile(-0.1)), std::logic_error);
  EXPECT_THROW(static_cast<void>(histogram.percentile(100.1)), std::logic_error);
  EXPECT_THROW(static_cast<void>(histogram.percentile(std::nan(""))), std::logic_error);
}

TEST(HistogramTest, SummaryIsInMilliseconds) {
  Histogram histogram;
  for (int ms = 1; ms <= 1000; ++ms) {
    histogram.record(std::chrono::milliseconds(ms));
  }

  const stats::Summary summary = histogram.summary();

  EXPECT_EQ(summary.count, 1000U);
  EXPECT_NEAR(summary.mean_ms, 500.5, 1e-9);
  EXPECT_NEAR(summary.p50_ms, 500, 0.5);
  EXPECT_NEAR(summary.p90_ms, 900, 0.9);
  EXPECT_NEAR(summary.p95_ms, 950, 0.95);
  EXPECT_NEAR(summary.p99_ms, 990, 0.99);
  EXPECT_NEAR(summary.p999_ms, 999, 0.999);
  EXPECT_EQ(summary.max_ms, 1000);
}

TEST(HistogramTest, SummaryOfNothingIsNullNotZero) {
  EXPECT_EQ(stats::to_json(Histogram().summary()).dump(),
            R"({"count":0,"negative":0,"mean_ms":null,"p50_ms":null,"p90_ms":null,"p95_ms":null,)"
            R"("p99_ms":null,"p999_ms":null,"max_ms":null})");
}

}  // namespace
}  // namespace kexp::test
