#include "chunk.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bad_answer.hpp"
#include "support/chunk_writer.hpp"

namespace kexp::prom {
namespace {

constexpr std::int64_t kStart = 1'795'284'000'137;
const double kStale = std::bit_cast<double>(kStaleBits);

std::vector<Sample> decoded(const std::string& chunk) {
  std::vector<std::int64_t> ts_ms;
  std::vector<double> values;
  decode_xor_chunk(bytes_of(chunk), ts_ms, values);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < ts_ms.size(); ++i) {
    samples.push_back({ts_ms[i], values[i]});
  }
  return samples;
}

/// Compares bits: NaNs have different ones.
void expect_same(const std::vector<Sample>& actual, const std::vector<Sample>& wanted) {
  ASSERT_EQ(actual.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(actual[i].ts_ms, wanted[i].ts_ms) << i;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(actual[i].value), std::bit_cast<std::uint64_t>(wanted[i].value))
        << i;
  }
}

void expect_round_trip(const std::vector<Sample>& samples) {
  expect_same(decoded(xor_chunk(samples)), samples);
}

TEST(XorChunkTest, ReadsNoneOneAndTwoSamples) {
  expect_same(decoded(std::string(2, '\0')), {});
  expect_round_trip({{kStart, 1.5}});
  expect_round_trip({{kStart, 1.5}, {kStart + 15'000, 1.5}});
  expect_round_trip({{-7, -0.0}, {-6, 0.0}});
}

TEST(XorChunkTest, ReadsEveryCodeOfADistanceAndBothSidesOfItsLimits) {
  for (const unsigned bits : {14U, 17U, 20U, 62U}) {
    const std::int64_t limit = std::int64_t{1} << (bits - 1);
    for (const std::int64_t change : {limit - 1, limit, limit + 1, -limit + 1, -limit, -limit - 1}) {
      SCOPED_TRACE(change);
      const std::int64_t distance = 5000;
      expect_round_trip({{0, 1}, {distance, 1}, {2 * distance + change, 1}, {3 * distance + change, 1}});
    }
  }
}

TEST(XorChunkTest, KeepsEveryBitOfUnusualValues) {
  using Limits = std::numeric_limits<double>;
  std::vector<Sample> samples;
  for (const double value :
       {kStale, Limits::quiet_NaN(), std::bit_cast<double>(std::uint64_t{0x7ff8000000000001}),
        std::bit_cast<double>(std::uint64_t{0xfff0dead0000beef}), Limits::infinity(), -Limits::infinity(),
        0.0, -0.0, Limits::denorm_min(), Limits::max(), Limits::lowest(), Limits::min(), 0.1, 1e300, 1.0,
        1.0}) {
    samples.push_back({kStart + 5000 * static_cast<std::int64_t>(samples.size()), value});
  }
  expect_round_trip(samples);
}

TEST(XorChunkTest, ReadsRandomSeries) {
  std::mt19937_64 random(7);
  for (int series = 0; series < 60; ++series) {
    std::vector<Sample> samples;
    std::int64_t ts_ms = kStart;
    double counter = 0;
    const auto count = 1 + random() % 400;
    for (std::size_t i = 0; i < count; ++i) {
      ts_ms += 5000 + static_cast<std::int64_t>(random() % 3) + (random() % 50 == 0 ? 600'000 : 0);
      counter = random() % 100 == 0 ? 0 : counter + static_cast<double>(random() % 500);  // With resets.
      const double noise = std::bit_cast<double>(random());
      samples.push_back({ts_ms, series % 3 == 0 ? counter : series % 3 == 1 ? noise : 42.0});
    }
    SCOPED_TRACE(series);
    expect_round_trip(samples);
  }
}

TEST(XorChunkTest, ReadsSamplesThatGoBackInTime) {
  expect_round_trip({{kStart, 1}, {kStart + 5000, 2}, {kStart + 1000, 3}, {kStart + 1000, 4}});
}

TEST(XorChunkTest, AppendsToWhatIsThere) {
  std::vector<std::int64_t> ts_ms = {1};
  std::vector<double> values = {2};
  const std::string chunk = xor_chunk({{5, 6}, {7, 8}});
  decode_xor_chunk(bytes_of(chunk), ts_ms, values);
  EXPECT_THAT(ts_ms, ::testing::ElementsAre(1, 5, 7));
  EXPECT_THAT(values, ::testing::ElementsAre(2, 6, 8));
}

TEST(XorChunkTest, RefusesAChunkThatIsCutAnywhere) {
  std::vector<Sample> samples;
  for (int i = 0; i < 50; ++i) {
    samples.push_back({kStart + i * 5000 + i % 3, std::sin(i)});
  }
  const std::string chunk = xor_chunk(samples);
  for (std::size_t size = 0; size < chunk.size(); ++size) {
    EXPECT_THROW(decoded(chunk.substr(0, size)), BadAnswer) << size;
  }
}

/// Calls `decode` with many chunks that nobody wrote: it returns, or throws BadAnswer.
template <typename Decode>
void feed_any_bytes(unsigned seed, const Decode& decode) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3'000; ++i) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(random());
    }
    try {
      decode(bytes);
    } catch (const BadAnswer&) {  // The only way out.
    }
  }
}

TEST(XorChunkTest, EndsOnAnyBytes) {
  feed_any_bytes(11, [](const std::string& bytes) { static_cast<void>(decoded(bytes)); });
}

std::shared_ptr<const HistogramLayout> layout_of(HistogramLayout layout) {
  return std::make_shared<const HistogramLayout>(std::move(layout));
}

void expect_same(const Histogram& actual, const Histogram& wanted) {
  EXPECT_EQ(actual.ts_ms, wanted.ts_ms);
  EXPECT_EQ(actual.counts, wanted.counts);
  EXPECT_EQ(actual.reset, wanted.reset);
  EXPECT_EQ(actual.count, wanted.count);
  EXPECT_EQ(actual.zero_count, wanted.zero_count);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(actual.sum), std::bit_cast<std::uint64_t>(wanted.sum));
  EXPECT_EQ(actual.positive, wanted.positive);
  EXPECT_EQ(actual.negative, wanted.negative);
  EXPECT_EQ(*actual.layout, *wanted.layout);
}

/// Random histograms of one layout; the last one marks the end of the series.
std::vector<Histogram> random_histograms(Histogram::Counts counts,
                                         const std::shared_ptr<const HistogramLayout>& layout,
                                         unsigned seed) {
  std::mt19937_64 random(seed);
  const auto number = [&](unsigned bits) {
    const auto whole = static_cast<double>(random() >> (64 - bits));
    return counts == Histogram::Counts::integer ? whole : whole / 7;
  };
  const auto buckets = [&](const std::vector<BucketSpan>& spans) {
    std::vector<double> all;
    for (const BucketSpan& span : spans) {
      for (std::uint32_t i = 0; i < span.length; ++i) {
        all.push_back(number(1 + static_cast<unsigned>(random() % 40)));
      }
    }
    return all;
  };
  std::vector<Histogram> histograms;
  for (int i = 0; i < 60; ++i) {
    Histogram& histogram = histograms.emplace_back();
    histogram.ts_ms = kStart + i * 15'000 + static_cast<std::int64_t>(random() % 5);
    histogram.counts = counts;
    histogram.reset = i == 0 ? Histogram::Reset::unknown : Histogram::Reset::no;
    histogram.count = number(50);
    histogram.zero_count = number(9);
    histogram.sum = std::bit_cast<double>(random());
    histogram.positive = buckets(layout->positive);
    histogram.negative = buckets(layout->negative);
    histogram.layout = layout;
  }
  Histogram& end = histograms.back();
  end.sum = kStale;
  end.positive.clear();
  end.negative.clear();
  end.count = end.zero_count = 0;
  return histograms;
}

void expect_round_trip(const std::vector<Histogram>& histograms, const std::string& chunk) {
  std::vector<Histogram> read;
  if (histograms.front().counts == Histogram::Counts::integer) {
    decode_histogram_chunk(bytes_of(chunk), read);
  } else {
    decode_float_histogram_chunk(bytes_of(chunk), read);
  }
  ASSERT_EQ(read.size(), histograms.size());
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(read[i], histograms[i]);
  }
}

TEST(HistogramChunkTest, ReadsRandomHistogramsOfManyLayouts) {
  const std::vector<HistogramLayout> layouts = {
      {3, std::ldexp(1, -128), {{0, 2}, {5, 1}}, {}, {}},
      {-4, 0, {}, {{-3, 4}, {0, 0}, {100'000, 1}}, {}},
      {8, 0.001, {{2'000'000'000, 1}}, {{-2'000'000'000, 1}}, {}},
      {0, 1024, {}, {}, {}},
      {-53, 0, {{0, 3}}, {}, {0.005, 0.25, 33'554.43, 1e9, -1.5, 1.0 / 3}},
  };
  unsigned seed = 1;
  for (const HistogramLayout& layout : layouts) {
    SCOPED_TRACE(layout.schema);
    const auto shared = layout_of(layout);
    const auto integer = random_histograms(Histogram::Counts::integer, shared, ++seed);
    expect_round_trip(integer, histogram_chunk(integer));
    const auto floating = random_histograms(Histogram::Counts::floating, shared, ++seed);
    expect_round_trip(floating, float_histogram_chunk(floating));
  }
}

TEST(HistogramChunkTest, SaysWhereCountersBeganAnew) {
  const auto layout = layout_of({3, 0, {{0, 1}}, {}, {}});
  auto histograms = random_histograms(Histogram::Counts::integer, layout, 3);
  histograms[0].reset = Histogram::Reset::yes;
  expect_round_trip(histograms, histogram_chunk(histograms, 0x80));
  for (Histogram& histogram : histograms) {
    histogram.reset = Histogram::Reset::gauge;
  }
  expect_round_trip(histograms, histogram_chunk(histograms, 0xc0));
}

TEST(HistogramChunkTest, RefusesAChunkThatIsCutAnywhere) {
  const auto layout = layout_of({3, 0.3, {{0, 2}}, {{1, 1}}, {}});
  auto histograms = random_histograms(Histogram::Counts::integer, layout, 5);
  histograms.resize(5);
  const std::string chunk = histogram_chunk(histograms);
  std::vector<Histogram> read;
  for (std::size_t size = 0; size < chunk.size(); ++size) {
    EXPECT_THROW(decode_histogram_chunk(bytes_of(chunk.substr(0, size)), read), BadAnswer) << size;
  }
}

TEST(HistogramChunkTest, RefusesToMakeRoomForBucketsThatCannotBe) {
  const auto layout = layout_of({3, 0, {{0, 0xffffffff}}, {}, {}});
  Histogram histogram;
  histogram.layout = layout;
  std::vector<Histogram> read;
  EXPECT_THROW(decode_histogram_chunk(bytes_of(histogram_chunk({histogram})), read), BadAnswer);
  EXPECT_THROW(decode_float_histogram_chunk(bytes_of(float_histogram_chunk({histogram})), read), BadAnswer);
}

TEST(HistogramChunkTest, EndsOnAnyBytes) {
  std::vector<Histogram> read;
  feed_any_bytes(13, [&](const std::string& bytes) { decode_histogram_chunk(bytes_of(bytes), read); });
  feed_any_bytes(14, [&](const std::string& bytes) { decode_float_histogram_chunk(bytes_of(bytes), read); });
}

}  // namespace
}  // namespace kexp::prom
