// Series with a known relation, and many without one, against a day's load that repeats five times.

#include "kexp/stats/lag_test.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>

#include "kexp/core/random.hpp"
#include "kexp/stats/false_discovery.hpp"

namespace kexp::stats {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr std::size_t kPoints = 1440;  // Two hours, 5 s apart.
constexpr std::size_t kMostLag = 60;
constexpr std::size_t kPlantedLag = 6;     // 30 s.
constexpr std::size_t kShortPoints = 400;  // Where many series are needed.
constexpr std::size_t kShortMostLag = 20;

/// A day of 24 hours, five times unless told, as `kexp feed` plays it by default.
std::vector<double> daily_load(std::size_t points, double days = 5) {
  constexpr std::array kHours = {.03, .06, .09, .12, .266, .412, .558, .704, .85, .7625, .675, .587,
                                 .5,  .59, .68, .77, .86,  .97,  .813, .656, .5,  .343,  .186, .03};
  std::vector<double> load;
  for (std::size_t i = 0; i < points; ++i) {
    const double day = days * static_cast<double>(i) / static_cast<double>(points);
    const double hour = (day - std::floor(day)) * 23;
    const auto before = static_cast<std::size_t>(hour);
    load.push_back(std::lerp(kHours[before], kHours[before + 1], hour - std::floor(hour)));
  }
  return load;
}

/// About normal: mean 0, deviation 1.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double operator()() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) {
      sum += static_cast<double>(random_.next() >> 11) * 0x1p-53;
    }
    return sum;
  }

 private:
  SplitMix64 random_;
};

std::vector<double> random_walk(std::uint64_t seed, std::size_t points) {
  Noise noise(seed);
  std::vector<double> walk(points);
  std::partial_sum(walk.begin(), walk.end(), walk.begin(), [&](double sum, double) { return sum + noise(); });
  return walk;
}

/// f of the load some points before, with noise.
std::vector<double> follow(const std::vector<double>& load, std::size_t lag, double noise_size,
                           const std::function<double(double)>& f) {
  Noise noise(77);
  std::vector<double> series;
  for (std::size_t i = 0; i < load.size(); ++i) {
    series.push_back(f(i < lag ? load.front() : load[i - lag]) + noise_size * noise());
  }
  return series;
}

class LagTestTest : public testing::Test {
 protected:
  const std::vector<double> load_ = daily_load(kPoints);
  const LagTest test_{load_, {kMostLag, 199, 1}};
};

TEST(RanksTest, EqualValuesShareTheMeanOfTheirs) {
  EXPECT_THAT(ranks(std::vector{3.0, 1.0, 3.0, 2.0, 3.0}), ElementsAre(4, 1, 4, 2, 4));
}

TEST_F(LagTestTest, FindsTheLagOfWhateverIsMonotone) {
  const std::vector<std::pair<const char*, std::function<double(double)>>> relations = {
      {"linear", [](double x) { return x; }},
      {"falling", [](double x) { return 1 - x; }},
      {"saturating", [](double x) { return std::tanh(3 * x); }},
      {"exploding", [](double x) { return std::exp(4 * x) / std::exp(4.0); }},
  };
  for (const auto& [name, f] : relations) {
    for (const double noise : {0.0, 0.05, 0.2}) {
      const LagResult result = test_.test(follow(load_, kPlantedLag, noise, f));
      EXPECT_NEAR(static_cast<double>(result.lag), kPlantedLag, noise > 0.1 ? 3 : 1) << name << " " << noise;
      EXPECT_LT(result.p, noise > 0.1 ? 1e-3 : 1e-6) << name << " " << noise;
      EXPECT_EQ(result.rho < 0, std::string(name) == "falling");
    }
  }
}

TEST_F(LagTestTest, ANearlyPerfectRelationIsNoChanceAlthoughItsRestIsSmooth) {
  // Between two points the load is half the one and half the other: what is left is as smooth as the load.
  std::vector<double> series = follow(load_, 5, 0.001, [](double x) { return std::exp(4 * x) / 54; });
  for (std::size_t i = kPoints - 1; i > 0; --i) {
    series[i] = (series[i] + series[i - 1]) / 2;
  }
  const LagResult result = test_.test(series);
  EXPECT_GT(result.rho, 0.999);
  EXPECT_LT(result.p, 1e-9);
}

TEST_F(LagTestTest, RhoIsSpearmansOfTheSeriesAsTheyAre) {
  EXPECT_THAT(test_.test(follow(load_, 0, 0, [](double x) { return x * x; })).rho, DoubleNear(1, 1e-9));
}

TEST_F(LagTestTest, FindsALoadUnderAWalk) {
  // A level that drifts for itself, as memory does, and moves with the load besides.
  const std::vector<double> walk = random_walk(5, kPoints);
  std::vector<double> series = follow(load_, kPlantedLag, 0, [](double x) { return 200 * x; });
  for (std::size_t i = 0; i < kPoints; ++i) {
    series[i] += walk[i];
  }
  const LagResult result = test_.test(series);
  EXPECT_LT(result.p, 1e-4);
  EXPECT_NEAR(static_cast<double>(result.lag), kPlantedLag, 1);
}

/// The share of independent series with p up to `limit`.
double false_alarms(const LagTest& test, const std::function<std::vector<double>(std::uint64_t)>& series,
                    std::size_t count, double limit = 0.05) {
  std::size_t alarms = 0;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    alarms += test.test(series(1000 * seed)).p <= limit ? 1U : 0U;
  }
  return static_cast<double>(alarms) / static_cast<double>(count);
}

TEST(LagTestNullTest, PHoldsForSeriesThatRememberTheirPast) {
  const LagTest test(daily_load(kShortPoints), {kShortMostLag, 199, 1});
  const auto persistent = [](double memory, double wave) {
    return [memory, wave](std::uint64_t seed) {
      Noise noise(seed);
      const double phase = 6 * noise();
      std::vector<double> series;
      for (double level = 0; series.size() < kShortPoints;) {
        level = memory * level + noise();
        series.push_back(level + wave * std::sin(phase + static_cast<double>(series.size()) / 20));
      }
      return series;
    };
  };
  // The standard error of the share of 200 is 1.5 %.
  EXPECT_LE(false_alarms(test, persistent(0, 0), 200), 0.1) << "noise";
  EXPECT_LE(false_alarms(test, persistent(0.9, 0), 200), 0.1);
  EXPECT_LE(false_alarms(test, persistent(0.99, 0), 200), 0.1);
  EXPECT_LE(false_alarms(test, persistent(0.5, 3), 200), 0.1) << "a period of its own";
}

// What remembers its past for as long as a load takes to rise was said to follow it 20 times too often.
TEST(LagTestNullTest, SmallPHoldsForLongMemoryAndASlowLoad) {
  const LagTest test(daily_load(kPoints, 1), {kMostLag, 199, 1});
  const auto persistent = [](std::uint64_t seed) {
    Noise noise(seed);
    std::vector<double> series;
    for (double level = 7 * noise(); series.size() < kPoints;) {
      level = 0.99 * level + noise();
      series.push_back(level);
    }
    return series;
  };
  EXPECT_LE(false_alarms(test, persistent, 300, 0.001), 0.01);
}

/// 1,000 of which none has to do with the load: what wanders correlates with |rho| of 0.5 and more by chance.
TEST(LagTestNullTest, OfRandomWalksAtMostFivePercentAreFlagged) {
  const LagTest test(daily_load(kShortPoints), {kShortMostLag, 199, 1});
  std::vector<double> p_values;
  double largest_rho = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const LagResult result = test.test(random_walk(1000 * seed, kShortPoints));
    p_values.push_back(result.p);
    largest_rho = std::max(largest_rho, std::abs(result.rho));
  }
  const auto share = [](const std::vector<double>& values) {
    return static_cast<double>(
               std::count_if(values.begin(), values.end(), [](double value) { return value <= 0.05; })) /
           static_cast<double>(values.size());
  };
  EXPECT_GT(largest_rho, 0.35) << "else this test is too easy";
  EXPECT_LE(share(false_discovery_rates(p_values)), 0.05);
  EXPECT_LE(share(p_values), 0.07) << "one by one, before the rate of false discoveries is controlled";
}

TEST_F(LagTestTest, PlantedSeriesComeFirstAmongRandomWalks) {
  std::vector<double> p_values;
  for (const double noise : {0.0, 0.1, 0.3}) {
    p_values.push_back(
        test_.test(follow(load_, kPlantedLag, noise, [](double x) { return std::exp(3 * x) / 20; })).p);
  }
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    p_values.push_back(test_.test(random_walk(seed, kPoints)).p);
  }
  // As among 1,000: q is p times their number.
  for (std::size_t planted = 0; planted < 3; ++planted) {
    EXPECT_LT(p_values[planted] * 10, *std::min_element(p_values.begin() + 3, p_values.end()));
    EXPECT_LT(p_values[planted], 0.05 / 10'000);
  }
}

TEST_F(LagTestTest, OneJumpIsNoProof) {
  std::vector<double> jump(kPoints, 0);
  std::fill(jump.begin() + 300, jump.end(), 1);
  EXPECT_GT(test_.test(jump).p, 0.01);
}

TEST_F(LagTestTest, AConstantSeriesShowsNothing) {
  const LagResult result = test_.test(std::vector<double>(kPoints, 3));
  EXPECT_EQ(result.p, 1);
  EXPECT_EQ(result.rho, 0);
}

TEST_F(LagTestTest, TheSameSeedGivesTheSame) {
  const std::vector<double> series = random_walk(9, kPoints);
  EXPECT_EQ(test_.test(series).p, LagTest(load_, {kMostLag, 199, 1}).test(series).p);
}

TEST(LagTestSizeTest, TooFewPointsForTheLagsAreRefused) {
  EXPECT_THROW(LagTest(daily_load(100), {60, 199, 1}), std::logic_error);
}

}  // namespace
}  // namespace kexp::stats
