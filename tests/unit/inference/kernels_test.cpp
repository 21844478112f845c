#include "opencv/kernels.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace kexp::test {
namespace {

constexpr double kMostRelative = 4e-7;

/// From -120 to 120, in steps that are no multiples of anything.
std::vector<float> many_numbers() {
  std::vector<float> numbers;
  for (float x = -120; x < 120; x += 0.0137F) {
    numbers.push_back(x);
  }
  return numbers;
}

TEST(KernelsTest, SigmoidAndSiluAgreeWithTheMathLibrary) {
  const std::vector<float> numbers = many_numbers();
  std::vector<float> sigmoids(numbers.size());
  std::vector<float> silus(numbers.size());

  inference::sigmoid(numbers.data(), sigmoids.data(), numbers.size());
  inference::silu(numbers.data(), silus.data(), numbers.size());

  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double exact = 1 / (1 + std::exp(-std::max(double{numbers[i]}, -87.0)));
    ASSERT_NEAR(sigmoids[i] / exact, 1, kMostRelative) << numbers[i];
    ASSERT_NEAR(silus[i] - numbers[i] * exact, 0, std::abs(numbers[i] * exact) * kMostRelative) << numbers[i];
  }
}

// With -ffast-math the reciprocal of a large number became NaN, and whole pictures lost their detections.
TEST(KernelsTest, LargeNumbersStayNumbersAndNanStaysNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> numbers{-3e38F, -1000, 1000, 3e38F, kInfinity, std::nanf("")};

  inference::silu(numbers.data(), numbers.data(), numbers.size());

  EXPECT_NEAR(numbers[1], 0, 1e-30);
  EXPECT_EQ(numbers[2], 1000);
  EXPECT_EQ(numbers[3], 3e38F);
  EXPECT_EQ(numbers[4], kInfinity);
  EXPECT_TRUE(std::isnan(numbers[5]));
}

TEST(KernelsTest, SoftmaxOfEachRowSumsUpToOne) {
  constexpr std::size_t kRows = 3;
  constexpr std::size_t kColumns = 37;  // no multiple of a vector
  std::vector<float> numbers(kRows * kColumns);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<float>(i % 11) * 7 - 40;
  }
  std::vector<float> shares(numbers.size());

  inference::softmax(numbers.data(), shares.data(), kRows, kColumns);

  for (std::size_t row = 0; row < kRows; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < kColumns; ++i) {
      sum += std::exp(double{numbers[row * kColumns + i]});
    }
    for (std::size_t i = 0; i < kColumns; ++i) {
      EXPECT_NEAR(shares[row * kColumns + i], std::exp(double{numbers[row * kColumns + i]}) / sum, 1e-6);
    }
  }
}

TEST(KernelsTest, MultiplyAgreesWithTheDefinition) {
  constexpr std::size_t kRows = 5, kInner = 7, kColumns = 19;
  std::vector<float> left(kRows * kInner);
  std::vector<float> right(kInner * kColumns);
  for (std::size_t i = 0; i < left.size(); ++i) {
    left[i] = static_cast<float>(i % 13) - 6;
  }
  for (std::size_t i = 0; i < right.size(); ++i) {
    right[i] = static_cast<float>(i % 17) / 4 - 2;
  }
  std::vector<float> product(kRows * kColumns, -1);

  inference::multiply(left.data(), right.data(), product.data(), kRows, kInner, kColumns);

  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      double sum = 0;
      for (std::size_t k = 0; k < kInner; ++k) {
        sum += double{left[row * kInner + k]} * right[k * kColumns + column];
      }
      EXPECT_NEAR(product[row * kColumns + column], sum, 1e-4);
    }
  }
}

}  // namespace
}  // namespace kexp::test
