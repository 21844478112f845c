#include "kexp/stats/interval.hpp"

#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

namespace kexp::test {
namespace {

using stats::clopper_pearson;
using stats::incomplete_beta;
using stats::Interval;

// R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 5 (Clopper-Pearson), 95 %.
TEST(IntervalTest, GivesThePublishedExactIntervals) {
  struct Case {
    std::int64_t hits, trials;
    double low, high;
  };
  const Case cases[] = {
      {81, 263, 0.2527, 0.3676}, {15, 148, 0.0578, 0.1617}, {0, 20, 0, 0.1684}, {1, 29, 0.0009, 0.1776}};
  for (const Case& c : cases) {
    const Interval interval = clopper_pearson(c.hits, c.trials);
    EXPECT_NEAR(interval.low, c.low, 0.00005) << c.hits;
    EXPECT_NEAR(interval.high, c.high, 0.00005) << c.hits;
  }
}

// Fewest samples for "99 % are in time" at 99 % confidence, as MLPerf's early stopping has them: 459 without
// a miss, 662 with one, 2010 with ten.
TEST(IntervalTest, TellsHowManySamplesAPercentileTakes) {
  struct Case {
    std::int64_t misses, samples;
  };
  for (const Case& c : {Case{0, 459}, Case{1, 662}, Case{10, 2010}}) {
    EXPECT_GE(clopper_pearson(c.samples - c.misses, c.samples, 0.98).low, 0.99) << c.samples;
    EXPECT_LT(clopper_pearson(c.samples - 1 - c.misses, c.samples - 1, 0.98).low, 0.99) << c.samples;
  }
}

TEST(IntervalTest, HitsAndMissesMirrorEachOther) {
  const Interval hits = clopper_pearson(3, 1000);
  const Interval misses = clopper_pearson(997, 1000);
  EXPECT_NEAR(hits.low, 1 - misses.high, 1e-12);
  EXPECT_NEAR(hits.high, 1 - misses.low, 1e-12);
}

TEST(IntervalTest, OfNothingNothingIsKnown) {
  const Interval interval = clopper_pearson(0, 0);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 1);
}

TEST(IntervalTest, HoldsTheShareAlsoOfADayOfImages) {
  const Interval interval = clopper_pearson(9'900'000, 10'000'000);
  EXPECT_LT(interval.low, 0.99);
  EXPECT_GT(interval.high, 0.99);
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.959964 * std::sqrt(0.99 * 0.01 / 1e7), 1e-6);
}

TEST(IntervalTest, WhatIsNoShareIsAMistakeOfOurs) {
  EXPECT_THROW(static_cast<void>(clopper_pearson(2, 1)), std::logic_error);
  EXPECT_THROW(static_cast<void>(clopper_pearson(-1, 1)), std::logic_error);
  EXPECT_THROW(static_cast<void>(clopper_pearson(1, 2, 1)), std::logic_error);
}

// I_x(1, b) = 1 - (1 - x)^b, I_x(a, 1) = x^a, and the sum of the upper tail of a binomial.
TEST(IntervalTest, TheBetaFunctionHasItsClosedForms) {
  for (const double x : {0.0, 0.001, 0.3, 0.5, 0.99, 1.0}) {
    EXPECT_NEAR(incomplete_beta(1, 7, x), 1 - std::pow(1 - x, 7), 1e-13);
    EXPECT_NEAR(incomplete_beta(5, 1, x), std::pow(x, 5), 1e-13);
  }
  EXPECT_NEAR(incomplete_beta(8, 3, 0.6), 0.1672897536, 1e-10);  // P(at least 8 of 10), p = 0.6.
}

}  // namespace
}  // namespace kexp::test
