#include "kexp/cycle/load_curve.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::cycle {
namespace {

using test::TempDir;

/// Interpolation again, by search for the hour and exact fractions of integers instead of steps.
double recomputed(int k, int count) {
  const auto& day = day_profile();
  const long double x = static_cast<long double>(k) * 23.0L / static_cast<long double>(count - 1);
  for (std::size_t hour = 0; hour + 1 < day.size(); ++hour) {
    if (x <= static_cast<long double>(hour + 1)) {
      const long double part = x - static_cast<long double>(hour);
      return static_cast<double>((1 - part) * static_cast<long double>(day[hour]) +
                                 part * static_cast<long double>(day[hour + 1]));
    }
  }
  return day.back();
}

std::vector<double> fractions_of(const std::vector<Segment>& segments) {
  std::vector<double> values;
  for (const Segment& segment : segments) {
    values.push_back(segment.fraction);
  }
  return values;
}

TEST(LoadCurveTest, FortyEightBreakpointsGiveThePublishedTable) {
  const std::vector<double> published = {
      0.03,   0.0447, 0.0594, 0.074,  0.0887, 0.1034, 0.1181, 0.1821, 0.2536, 0.325,  0.3965, 0.4679,
      0.5394, 0.6108, 0.6823, 0.7537, 0.8251, 0.8221, 0.7793, 0.7364, 0.6936, 0.6507, 0.6076, 0.5648,
      0.5222, 0.5211, 0.5651, 0.6091, 0.6532, 0.6972, 0.7413, 0.7853, 0.8294, 0.8764, 0.9302, 0.95,
      0.8731, 0.7963, 0.7195, 0.6427, 0.5664, 0.49,   0.4131, 0.3363, 0.2595, 0.1827, 0.1063, 0.03};

  EXPECT_THAT(stretch(day_profile(), 48), testing::Pointwise(testing::DoubleNear(0.5e-4 + 1e-12), published));
}

class StretchTest : public testing::TestWithParam<int> {};

TEST_P(StretchTest, EqualsARecomputationToTwelveDigits) {
  const int count = GetParam();

  const std::vector<double> values = stretch(day_profile(), count);

  ASSERT_EQ(values.size(), static_cast<std::size_t>(count));
  for (int k = 0; k < count; ++k) {
    EXPECT_NEAR(values[static_cast<std::size_t>(k)], recomputed(k, count), 1e-12) << "breakpoint " << k;
  }
}
INSTANTIATE_TEST_SUITE_P(Breakpoints, StretchTest, testing::Values(2, 24, 47, 48, 200, 800));

TEST(LoadCurveTest, DefaultsAreFiveDaysOfTwoHundredBreakpoints) {
  const std::vector<Segment> segments = make_segments({});

  ASSERT_EQ(segments.size(), 1000U);
  EXPECT_DOUBLE_EQ(segments[0].duration_s, 7.2);
  EXPECT_DOUBLE_EQ(segments.back().start_s + segments.back().duration_s, 7200);
  EXPECT_EQ(segments[0].fraction, segments[200].fraction);
  const auto values = fractions_of(segments);
  EXPECT_NEAR(*std::max_element(values.begin(), values.end()), 0.9689, 5e-5);
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 1000, 0.5185, 5e-5);
}

TEST(LoadCurveTest, LegacyStretchesTheRepeatedTable) {
  CurveOptions options;
  options.curve = Curve::legacy;
  const std::vector<Segment> segments = make_segments(options);

  ASSERT_EQ(segments.size(), 200U);
  EXPECT_DOUBLE_EQ(segments[0].duration_s, 36);
  const auto values = fractions_of(segments);
  EXPECT_NEAR(*std::max_element(values.begin(), values.end()), 0.9668, 5e-5);  // 200 x 5
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 200, 0.5021, 5e-5);
}

TEST(LoadCurveTest, LinearIsARampOfTwentyFourSteps) {
  CurveOptions options;
  options.profile = "linear";
  options.breakpoints = 24;
  options.n_cycles = 1;

  const auto values = fractions_of(make_segments(options));

  ASSERT_EQ(values.size(), 24U);
  EXPECT_DOUBLE_EQ(values.front(), 1.0 / 24);
  EXPECT_DOUBLE_EQ(values.back(), 1.0);
}

TEST(LoadCurveTest, StepsFollowOneAnother) {
  const TempDir dir;
  CurveOptions options;
  options.profile =
      "steps:" + dir.write("steps.csv", "duration_s,fraction\n10,0.5\n\n5,0\n# done\n1.5,1\n").string();

  const auto segments = make_segments(options);

  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[2].start_s, 15);
  EXPECT_EQ(segments[2].duration_s, 1.5);
  EXPECT_EQ(segments[1].fraction, 0);
}

// Their sum had no bound, and times beyond it no whole nanoseconds.
TEST(LoadCurveTest, StepsLastNoLongerThanAnyRun) {
  const TempDir dir;
  CurveOptions options;
  options.profile = "steps:" + dir.write("steps.csv", "31622400,0.5\n").string();
  EXPECT_EQ(make_segments(options).size(), 1U);
  for (const char* steps : {"31622400,0.5\n1,0.5\n", "1e15,0.000001\n", "1e308,0\n1e308,0\n"}) {
    options.profile = "steps:" + dir.write("steps.csv", steps).string();
    EXPECT_THAT(
        test::message_of<UsageError>([&] { return make_segments(options); }),
        testing::AllOf(testing::HasSubstr("--profile steps:"), testing::HasSubstr("a run at most 31622400")));
  }
}

TEST(LoadCurveTest, AStepFunctionHoldsItsLastValueToTheEnd) {
  const TempDir dir;
  CurveOptions options;
  options.duration_s = 100;
  options.profile = "csv:" + dir.write("load.csv", "t_s,fraction\n0,0.25\n40,1\n100,0\n").string();

  const auto segments = make_segments(options);

  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].duration_s, 40);
  EXPECT_EQ(segments[1].duration_s, 60);
}

// They were cut away without a word: with the default of two hours, most of a file of a day.
TEST(LoadCurveTest, RowsOfAStepFunctionBeyondTheDurationAreRefused) {
  const TempDir dir;
  CurveOptions options;
  options.duration_s = 100;
  options.profile = "csv:" + dir.write("load.csv", "t_s,fraction\n0,0.25\n40,1\n100.5,3\n").string();

  const std::string message = test::message_of<UsageError>([&] { return make_segments(options); });

  EXPECT_THAT(message, testing::HasSubstr("load.csv:4: t_s 100.5"));
  EXPECT_THAT(message, testing::HasSubstr("--duration 100"));
}

TEST(LoadCurveTest, AProfileThatWasReadNeedsItsFileNoMore) {
  CurveOptions options;
  {
    const TempDir dir;
    options.profile = "steps:" + dir.write("steps.csv", "10,0.5\n5,1\n").string();
    read_profile(options);
  }
  EXPECT_EQ(make_segments(options).size(), 2U);
}

TEST(LoadCurveTest, SegmentsReadBeforeReplaceTheFile) {
  CurveOptions options;
  options.profile = "steps:gone.csv";
  options.read_segments = {{0, 10, 0.5}, {10, 5, 1}};

  const auto segments = make_segments(options);

  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[1].start_s, 10);
}

TEST(LoadCurveTest, ABadLineOfAFileIsNamed) {
  const TempDir dir;
  CurveOptions options;
  options.profile = "steps:" + dir.write("steps.csv", "10,0.5\n5,a lot\n").string();
  EXPECT_THAT(test::message_of<UsageError>([&] { return make_segments(options); }),
              testing::HasSubstr("steps.csv:2"));
  options.profile = "csv:" + dir.write("load.csv", "5,0.5\n").string();
  EXPECT_THAT(test::message_of<UsageError>([&] { return make_segments(options); }),
              testing::HasSubstr("load.csv:1"));
  options.profile = "steps:" + dir.write("negative.csv", "5,-0.5\n").string();
  EXPECT_THAT(test::message_of<UsageError>([&] { return make_segments(options); }),
              testing::HasSubstr("negative.csv:1"));
}

TEST(LoadCurveTest, FlagsOutOfRangeAreNamed) {
  const auto broken = [](auto change) {
    CurveOptions options;
    change(options);
    return options;
  };
  EXPECT_THAT(test::message_of<UsageError>([&] { validate(broken([](auto& o) { o.duration_s = 0; })); }),
              testing::HasSubstr("--duration"));
  EXPECT_THAT(
      test::message_of<UsageError>([&] { validate(broken([](auto& o) { o.duration_s = std::nan(""); })); }),
      testing::HasSubstr("--duration"));
  EXPECT_THAT(test::message_of<UsageError>([&] { validate(broken([](auto& o) { o.breakpoints = 0; })); }),
              testing::HasSubstr("--breakpoints"));
  EXPECT_THAT(test::message_of<UsageError>([&] { validate(broken([](auto& o) { o.breakpoints = 1; })); }),
              testing::HasSubstr("--breakpoints 1 would leave"));
  EXPECT_THAT(test::message_of<UsageError>([&] { validate(broken([](auto& o) { o.n_cycles = -1; })); }),
              testing::HasSubstr("--n-cycles"));
  EXPECT_THAT(test::message_of<UsageError>([&] { validate(broken([](auto& o) { o.profile = "day"; })); }),
              testing::HasSubstr("--profile"));
}

/// When each amount is due, by one cursor.
std::vector<double> due(const CumulativeLoad& load, const std::vector<double>& amounts) {
  CumulativeLoad::Cursor cursor(load);
  std::vector<double> times;
  for (const double amount : amounts) {
    times.push_back(cursor.inverse(amount));
  }
  return times;
}

TEST(CumulativeLoadTest, ACursorTellsWhenAnAmountIsDue) {
  const CumulativeLoad load({{0, 10, 0.5}, {10, 10, 0}, {20, 5, 1}}, 100);

  EXPECT_DOUBLE_EQ(load.total(), 1000);
  EXPECT_EQ(due(load, {0, 200, 200, 750}), (std::vector<double>{0, 4, 4, 22.5}));
}

// What is due until t, summed up segment by segment, is what the cursor is asked for.
TEST(CumulativeLoadTest, ACursorInvertsRandomCurves) {
  SplitMix64 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<Segment> segments;
    double start = 0;
    for (std::uint64_t i = 0; i <= random.below(12); ++i) {
      const double duration = 0.1 + static_cast<double>(random.below(1000)) / 7;
      segments.push_back({start, duration, static_cast<double>(random.below(4)) / 3});
      start += duration;
    }
    const double peak = 1e6 / 3;
    const CumulativeLoad load(segments, peak);
    CumulativeLoad::Cursor cursor(load);
    for (double amount = 0; amount <= load.total();
         amount += load.total() / 97 + static_cast<double>(random.below(1000)) + 1) {
      const double t_s = cursor.inverse(amount);
      double until = 0;
      for (const Segment& segment : segments) {
        until += peak * segment.fraction * std::clamp(t_s - segment.start_s, 0.0, segment.duration_s);
      }
      ASSERT_NEAR(until, amount, 1e-9 * load.total());
    }
  }
}

TEST(CumulativeLoadTest, WhatIsDueInAStretchOfRateZeroIsDueAtItsEnd) {
  const CumulativeLoad load({{0, 10, 0.5}, {10, 7, 0}, {17, 3, 0}, {20, 5, 1}, {25, 5, 0}}, 100);

  EXPECT_EQ(due(load, {0, 500, 1000}), (std::vector<double>{0, 20, 30}));
}

}  // namespace
}  // namespace kexp::cycle
