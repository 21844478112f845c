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
      options.curve.breakpoints = 1 + static_cast<int>(random.below(300));
      options.curve.n_cycles = 1 + static_cast<int>(random.below(4));
      options.curve.curve = random.below(2) == 0 ? Curve::stretched : Curve::legacy;
      options.peak_bytes_per_s = 1e4 + static_cast<double>(random.below(3'000'000));
      const auto sizes = random_sizes(random, 1 + random.below(50), 1 + random.below(600'000));

      const Plan plan = Plan::make(options, sizes);

      const CumulativeLoad load(make_segments(options.curve), options.peak_bytes_per_s);
      // The intended time is rounded to whole ns; the curve moves by at most that much.
      const double bound =
          static_cast<double>(plan.largest_image()) / 2 + options.peak_bytes_per_s * 2e-9 + 1e-3;
      double before = 0;
      std::uint64_t last_ns = 0;
      for (const PlannedImage& image : plan.images()) {
        const double due = load.at(static_cast<double>(image.intended_ns) / 1e9);
        ASSERT_LE(std::abs(before - due), bound);
        before += static_cast<double>(image.bytes);
        ASSERT_LE(std::abs(before - due), bound);
        ASSERT_GE(image.intended_ns, last_ns);
        last_ns = image.intended_ns;
      }
      // The whole run is right to one image.
      ASSERT_LE(std::abs(before - load.total()),
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
  options.burst_images = 3;
  EXPECT_THAT(test::message_of<UsageError>([&] { (void)Plan::make(options, {1}); }),
              testing::HasSubstr("--count"));
}

}  // namespace
}  // namespace kexp::cycle
