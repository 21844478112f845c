#include "kexp/cycle/plan.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"

#include "support/errors.hpp"

namespace kexp::cycle {
namespace {

std::vector<std::uint64_t> random_sizes(SplitMix64& random, std::size_t count, std::uint64_t largest) {
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < count; ++i) {
    sizes.push_back(1 + random.below(largest));
  }
  return sizes;
}

PlanOptions small_day() {
  PlanOptions options;
  options.curve.duration_s = 60;
  options.curve.breakpoints = 48;
  options.curve.n_cycles = 1;
  options.peak_bytes_per_s = 2e6;
  options.partitions = 3;
  return options;
}

TEST(PlanTest, AtEveryIssueInstantTheBytesAreWithinHalfTheLargestImageOfTheCurve) {
  SplitMix64 random(7);
  for (const char* profile : {"daynight", "linear", "constant"}) {
    for (int round = 0; round < 40; ++round) {
      PlanOptions options;
      options.curve.profile = profile;
      options.curve.duration_s = 1 + static_cast<double>(random.below(5000)) / 7;
      options.curve.breakpoints = 2 + static_cast<int>(random.below(300));
      options.curve.n_cycles = 1 + static_cast<int>(random.below(4));
      options.curve.curve = random.below(2) == 0 ? Curve::stretched : Curve::legacy;
      options.peak_bytes_per_s = 1e4 + static_cast<double>(random.below(3'000'000));
      const auto sizes = random_sizes(random, 1 + random.below(50), 1 + random.below(600'000));

      const Plan plan = Plan::make(options, sizes);

      const std::vector<Segment> segments = make_segments(options.curve);
      // The bytes of the curve until a time that never falls.
      auto due_until = [&, at = std::size_t{0}, passed = 0.0](double t_s) mutable {
        const auto bytes_of = [&](const Segment& segment) {
          return options.peak_bytes_per_s * segment.fraction *
                 std::clamp(t_s - segment.start_s, 0.0, segment.duration_s);
        };
        for (; at + 1 < segments.size() && segments[at + 1].start_s <= t_s; ++at) {
          passed += bytes_of(segments[at]);
        }
        return passed + bytes_of(segments[at]);
      };
      // The intended time is rounded to whole ns; the curve moves by at most that much.
      const double bound =
          static_cast<double>(plan.largest_image()) / 2 + options.peak_bytes_per_s * 2e-9 + 1e-3;
      double before = 0;
      std::uint64_t last_ns = 0;
      for (const PlannedImage& image : plan.images()) {
        const double due = due_until(static_cast<double>(image.intended_ns) / 1e9);
        ASSERT_LE(std::abs(before - due), bound);
        before += static_cast<double>(image.bytes);
        ASSERT_LE(std::abs(before - due), bound);
        ASSERT_GE(image.intended_ns, last_ns);
        last_ns = image.intended_ns;
      }
      // The whole run is right to one image.
      ASSERT_LE(std::abs(before - due_until(options.curve.duration_s)),
                static_cast<double>(*std::max_element(sizes.begin(), sizes.end())));
    }
  }
}

TEST(PlanTest, HashIsPinned) {
  // Changes of this value change what every published plan hash means.
  const Plan plan = Plan::make(small_day(), {30'000, 45'001, 12'345});

  EXPECT_EQ(plan.images().size(), 2104U);
  EXPECT_EQ(plan.hash(), "554fc4a4d0e2353c05dd3652df12ea0234f4d0dad3e8226a3effc8d1a9f06cf2");
}

TEST(PlanTest, HashCoversTheSeedOfAShuffle) {
  PlanOptions options = small_day();
  options.shuffle = true;
  const std::vector<std::uint64_t> sizes = {30'000, 45'001, 12'345, 700, 9'000};

  const std::string first = Plan::make(options, sizes).hash();
  EXPECT_EQ(Plan::make(options, sizes).hash(), first);
  options.seed = 2;
  EXPECT_NE(Plan::make(options, sizes).hash(), first);
}

TEST(PlanTest, AShuffleSendsEveryImageOncePerPass) {
  PlanOptions options = small_day();
  options.shuffle = true;
  const std::vector<std::uint64_t> sizes(10, 50'000);

  const Plan plan = Plan::make(options, sizes);

  ASSERT_GE(plan.images().size(), 20U);
  for (std::size_t pass = 0; pass < 2; ++pass) {
    std::set<std::uint64_t> seen;
    for (std::size_t i = 0; i < 10; ++i) {
      seen.insert(plan.images()[pass * 10 + i].dataset_index);
    }
    EXPECT_EQ(seen.size(), 10U);
  }
}

TEST(PlanTest, PartitionsCarryEqualBytes) {
  SplitMix64 random(3);
  PlanOptions options = small_day();
  options.partitions = 7;
  const Plan plan = Plan::make(options, random_sizes(random, 20, 100'000));

  std::vector<std::uint64_t> bytes(7);
  for (const PlannedImage& image : plan.images()) {
    bytes[image.partition] += image.bytes;
  }

  const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
  EXPECT_LE(*most - *least, plan.largest_image());
}

TEST(PlanTest, EachImageGoesToTheLowestOfThePartitionsWithTheFewestBytes) {
  SplitMix64 random(9);
  for (const std::uint32_t partitions : {1U, 2U, 3U, 16U, 34U, 100U}) {
    PlanOptions options = small_day();
    options.partitions = partitions;
    // Few sizes: many partitions are equal.
    const Plan plan = Plan::make(options, {10'000 + random.below(3), 10'000, 20'000, 40'000});

    std::vector<std::uint64_t> bytes(partitions);
    for (const PlannedImage& image : plan.images()) {
      ASSERT_EQ(image.partition, std::min_element(bytes.begin(), bytes.end()) - bytes.begin());
      bytes[image.partition] += image.bytes;
    }
    EXPECT_EQ(plan.partition_bytes(), bytes);
  }
}

TEST(PlanTest, ARandomPartitionerIsPinnedAndChangesNothingElse) {
  PlanOptions options = small_day();
  options.shuffle = true;
  const std::vector<std::uint64_t> sizes = {30'000, 45'001, 12'345};
  const Plan balanced = Plan::make(options, sizes);
  options.partitioner = Partitioner::random;

  const Plan plan = Plan::make(options, sizes);

  EXPECT_EQ(plan.hash(), "ff360d8b3ef7e2cafe731532bd599bc58cf565aac16881b332135e5ed27793bf");
  ASSERT_EQ(plan.images().size(), balanced.images().size());
  for (std::size_t i = 0; i < plan.images().size(); ++i) {
    ASSERT_EQ(plan.images()[i].dataset_index, balanced.images()[i].dataset_index);
    ASSERT_EQ(plan.images()[i].intended_ns, balanced.images()[i].intended_ns);
  }
}

TEST(PlanTest, ARandomPartitionerIsUniform) {
  PlanOptions options = small_day();
  options.partitioner = Partitioner::random;
  options.partitions = 34;
  options.curve.duration_s = 6000;
  const Plan plan = Plan::make(options, {30'000});

  std::vector<double> images(34);
  for (const PlannedImage& image : plan.images()) {
    images[image.partition] += 1;
  }

  const double expected = static_cast<double>(plan.images().size()) / 34;
  double chi_squared = 0;
  for (const double count : images) {
    chi_squared += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_squared, 63.9);  // 33 degrees of freedom: one seed in a thousand is above.
  EXPECT_GT(chi_squared, 12.0);  // Nor too even.
}

TEST(PlanTest, SkewTellsHowEvenPartitionsAre) {
  const PartitionSkew skew = skew_of({1, 3, 2, 2});

  EXPECT_EQ(skew.least_bytes, 1U);
  EXPECT_EQ(skew.most_bytes, 3U);
  EXPECT_DOUBLE_EQ(skew.mean_bytes, 2);
  EXPECT_DOUBLE_EQ(skew.cv, std::sqrt(0.5) / 2);
  EXPECT_DOUBLE_EQ(skew.most_over_mean, 1.5);
  EXPECT_EQ(skew_of({0, 0}).most_over_mean, 0);
}

PlanOptions poisson_hour() {
  PlanOptions options;
  options.curve.profile = "constant";
  options.curve.duration_s = 3600;
  options.peak_bytes_per_s = 3e6;
  options.arrival = Arrival::poisson;
  return options;
}

TEST(PlanTest, PoissonIsPinned) {
  PlanOptions options = small_day();
  options.arrival = Arrival::poisson;

  const Plan plan = Plan::make(options, {30'000, 45'001, 12'345});

  EXPECT_EQ(plan.hash(), "d5dcc9c2aac5a29410676bb5097229294c51cd94f475aab601f30a753e79af30");
}

TEST(PlanTest, PoissonGapsAreExponentialWithTheMeanImageAsMean) {
  const std::vector<std::uint64_t> sizes = {20'000, 40'000, 60'000, 80'000};  // 50 kB: a mean gap of 1/60 s.
  const Plan plan = Plan::make(poisson_hour(), sizes);

  const double expected = 3600.0 * 3e6 / 50'000;
  EXPECT_NEAR(static_cast<double>(plan.images().size()), expected, 4 * std::sqrt(expected));
  std::vector<double> uniform;  // 1 − e^(−gap / mean) is uniform.
  std::uint64_t before_ns = 0;
  for (const PlannedImage& image : plan.images()) {
    uniform.push_back(1 - std::exp(-static_cast<double>(image.intended_ns - before_ns) / 1e9 * 60));
    before_ns = image.intended_ns;
  }
  std::sort(uniform.begin(), uniform.end());
  double distance = 0;  // Kolmogorov-Smirnov.
  const double count = static_cast<double>(uniform.size());
  for (std::size_t i = 0; i < uniform.size(); ++i) {
    distance = std::max(distance, std::abs(uniform[i] - (static_cast<double>(i) + 0.5) / count));
  }
  EXPECT_LT(distance * std::sqrt(count), 1.95);  // One seed in a thousand is above.
}

TEST(PlanTest, PoissonFollowsTheCurve) {
  PlanOptions options = small_day();
  options.arrival = Arrival::poisson;
  options.curve.duration_s = 40'000;
  const Plan plan = Plan::make(options, {50'000});

  double chi_squared = 0;
  for (const SegmentTotals& totals : plan.segments()) {
    const double expected = totals.target_bytes_per_s * totals.segment.duration_s / 50'000;
    chi_squared += (static_cast<double>(totals.images) - expected) *
                   (static_cast<double>(totals.images) - expected) / expected;
  }
  EXPECT_LT(chi_squared, 84.0);  // 48 segments: one seed in a thousand is above.
  EXPECT_GT(chi_squared, 22.0);
}

TEST(PlanTest, PoissonWithMaxIpsHasOneImageAsMean) {
  PlanOptions options = poisson_hour();
  options.peak_images_per_s = 10;

  const Plan plan = Plan::make(options, {100, 900'000});

  EXPECT_NEAR(static_cast<double>(plan.images().size()), 36'000, 4 * std::sqrt(36'000.0));
}

TEST(PlanTest, StreamsOfASeedAreIndependent) {
  PlanOptions options = poisson_hour();
  const std::vector<std::uint64_t> sizes(50, 50'000);
  const Plan plain = Plan::make(options, sizes);
  options.shuffle = true;
  options.partitioner = Partitioner::random;
  options.partitions = 8;
  const Plan plan = Plan::make(options, sizes);

  ASSERT_EQ(plan.images().size(), plain.images().size());
  for (std::size_t i = 0; i < plan.images().size(); ++i) {
    ASSERT_EQ(plan.images()[i].intended_ns, plain.images()[i].intended_ns);
  }
}

TEST(PlanTest, MaxIpsCountsImagesWhateverTheirSize) {
  PlanOptions options;
  options.curve.profile = "constant";
  options.curve.duration_s = 10;
  options.peak_images_per_s = 4;

  const Plan plan = Plan::make(options, {100, 900'000});

  ASSERT_EQ(plan.images().size(), 40U);
  EXPECT_EQ(plan.images()[0].intended_ns, 125'000'000U);  // The middle of the first quarter second.
  EXPECT_EQ(plan.images()[39].intended_ns, 9'875'000'000U);
}

TEST(PlanTest, ThePeakIsOfTheCurveHoweverShortItsSegments) {
  PlanOptions options = small_day();
  options.curve.duration_s = 48;  // 48 segments of a second, an image in some of them.
  options.peak_images_per_s = 0.5;
  const Plan plan = Plan::make(options, {200, 400});

  double peak_fraction = 0;
  for (const SegmentTotals& totals : plan.segments()) {
    peak_fraction = std::max(peak_fraction, totals.segment.fraction);
  }
  const double mean = static_cast<double>(plan.total_bytes()) / static_cast<double>(plan.images().size());
  EXPECT_DOUBLE_EQ(plan.peak_bytes_per_s(), peak_fraction * 0.5 * mean);
  EXPECT_DOUBLE_EQ(plan.segments()[7].target_bytes_per_s, plan.segments()[7].segment.fraction * 0.5 * mean);
}

TEST(PlanTest, ABurstIsDueAtOnce) {
  PlanOptions options;
  options.curve.profile = "burst";
  options.burst_images = 5;

  const Plan plan = Plan::make(options, {10, 20});

  ASSERT_EQ(plan.images().size(), 5U);
  EXPECT_THAT(plan.images(), testing::Each(testing::Field(&PlannedImage::intended_ns, 0U)));
  EXPECT_EQ(plan.total_bytes(), 70U);
}

TEST(PlanTest, SegmentsSumUpToThePlan) {
  const Plan plan = Plan::make(small_day(), {30'000, 45'001, 12'345});

  std::uint64_t images = 0;
  std::uint64_t bytes = 0;
  for (const SegmentTotals& segment : plan.segments()) {
    images += segment.images;
    bytes += segment.bytes;
    // Quantised by whole images at both borders.
    EXPECT_NEAR(static_cast<double>(segment.bytes), segment.target_bytes_per_s * segment.segment.duration_s,
                45'002);
  }
  EXPECT_EQ(images, plan.images().size());
  EXPECT_EQ(bytes, plan.total_bytes());
}

// 48 slivers of 10 s end 2e-15 s after it: a table of the plan's seconds had an eleventh.
TEST(PlanTest, LastsAsLongAsItWasToldHoweverManySegmentsItHas) {
  PlanOptions options = small_day();
  for (const double duration_s : {10.0, 20.0, 60.7, 86'400.0}) {
    options.curve.duration_s = duration_s;
    for (const int breakpoints : {2, 48, 60, 200}) {
      options.curve.breakpoints = breakpoints;
      EXPECT_EQ(Plan::make(options, {5'000'000}).duration_s(), duration_s) << breakpoints;
    }
  }
}

TEST(PlanTest, FlagsOutOfRangeAreNamed) {
  PlanOptions options = small_day();
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {}); }),
              testing::HasSubstr("--dataset"));
  options.peak_bytes_per_s = -3e6;
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1}); }),
              testing::HasSubstr("--max-mbps must be above 0, got -3"));
  options.peak_images_per_s = std::nan("");
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1}); }),
              testing::HasSubstr("--max-ips"));
  options = small_day();
  options.partitions = 0;
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1}); }),
              testing::HasSubstr("--partitions"));
  options = small_day();
  options.peak_bytes_per_s = 1e18;
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1000}); }),
              testing::HasSubstr("more than 200000000 images: lower --max-mbps"));
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(small_day(), {5'000'000'000}); }),
              testing::HasSubstr("--dataset"));
  options = small_day();
  options.curve.profile = "burst";
  options.burst_images = 3;
  options.arrival = Arrival::poisson;
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1}); }),
              testing::HasSubstr("--arrival"));
  options = small_day();
  options.burst_images = 3;
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1}); }),
              testing::HasSubstr("--count"));
}

}  // namespace
}  // namespace kexp::cycle
