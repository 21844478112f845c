#include "kexp/cycle/logarithm.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kexp/core/random.hpp"

namespace kexp::cycle {
namespace {

constexpr double kRelative = 1e-15;

void expect_near_std(double x) {
  const long double exact = std::log(static_cast<long double>(x));
  ASSERT_LE(std::abs(static_cast<long double>(natural_logarithm(x)) - exact),
            static_cast<long double>(kRelative) * std::abs(exact))
      << "x = " << x;
}

TEST(LogarithmTest, IsStdLogToFifteenDigitsAcrossTheUnitInterval) {
  SplitMix64 random(11);
  for (int i = 0; i < 200'000; ++i) {
    expect_near_std(static_cast<double>((random.next() >> 11U) + 1) * 0x1p-53);
  }
}

TEST(LogarithmTest, IsStdLogToFifteenDigitsInEveryBinade) {
  SplitMix64 random(12);
  for (int exponent = -1022; exponent <= 1023; ++exponent) {
    for (int i = 0; i < 50; ++i) {
      const double mantissa = 1 + static_cast<double>(random.next() >> 12U) * 0x1p-52;
      expect_near_std(std::ldexp(mantissa, exponent));
    }
  }
}

TEST(LogarithmTest, KeepsItsDigitsNextToOne) {
  for (int bit = 2; bit <= 53; ++bit) {
    expect_near_std(1 - std::ldexp(1.0, -bit));
    expect_near_std(1 + std::ldexp(1.0, -std::min(bit, 52)));
  }
  EXPECT_EQ(natural_logarithm(1), 0);
}

TEST(LogarithmTest, HoldsAtTheEndsOfItsRange) {
  expect_near_std(std::numeric_limits<double>::min());
  expect_near_std(std::numeric_limits<double>::max());
}

TEST(LogarithmTest, NeverFallsWhereItsSeriesMeetsTheNextBinade) {
  // The mantissa is halved above the root of 2: the two sides of that step must fit.
  for (const double middle : {std::sqrt(2.0), 1.0, std::sqrt(0.5)}) {
    double x = middle;
    for (int i = 0; i < 100; ++i) {
      x = std::nextafter(x, 0.0);
    }
    for (int i = 0; i < 200; ++i) {
      const double next = std::nextafter(x, 10.0);
      ASSERT_LE(natural_logarithm(x), natural_logarithm(next) + 2e-16) << x;
      x = next;
    }
  }
}

}  // namespace
}  // namespace kexp::cycle
