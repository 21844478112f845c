#include "kexp/core/random.hpp"

#include <array>
#include <cctype>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace kexp {
namespace {

TEST(SplitMix64Test, FollowsThePublishedSequences) {
  SplitMix64 zero(0);
  EXPECT_EQ(zero.next(), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(zero.next(), 0x6E789E6AA1B965F4ULL);
  EXPECT_EQ(zero.next(), 0x06C45D188009454FULL);

  SplitMix64 other(1234567);
  EXPECT_EQ(other.next(), 6457827717110365317ULL);
  EXPECT_EQ(other.next(), 3203168211198807973ULL);
  EXPECT_EQ(other.next(), 9817491932198370423ULL);
  EXPECT_EQ(other.next(), 4593380528125082431ULL);
  EXPECT_EQ(other.next(), 16408922859458223821ULL);
}

TEST(SplitMix64Test, BelowIsTheSameEverywhere) {
  SplitMix64 random(42);
  for (const std::uint64_t wanted : {1U, 1U, 0U, 0U, 4U, 0U, 1U, 2U, 1U, 2U, 5U, 4U}) {
    EXPECT_EQ(random.below(6), wanted);
  }
}

TEST(SplitMix64Test, BelowDropsWhatWouldFavourSmallNumbers) {
  // 2^64 mod (2^63 + 1) = 2^63 - 1: nearly half of the numbers are dropped. Of seed 7 the first two and the
  // fifth and sixth and the eighth are.
  SplitMix64 random(7);
  EXPECT_EQ(random.below((1ULL << 63U) + 1), 7392729709960833537ULL);
  EXPECT_EQ(random.below((1ULL << 63U) + 1), 1529793891446696394ULL);
  EXPECT_EQ(random.below((1ULL << 63U) + 1), 8483179396677329707ULL);
  EXPECT_EQ(random.below((1ULL << 63U) + 1), 7711100304988943181ULL);
}

TEST(SplitMix64Test, BelowOneIsZero) {
  SplitMix64 random(3);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(SplitMix64Test, BelowIsEven) {
  SplitMix64 random(1);
  std::array<int, 10> counts{};
  for (int i = 0; i < 100'000; ++i) {
    ++counts[random.below(10)];
  }
  for (const int count : counts) {
    EXPECT_NEAR(count, 10'000, 400);  // four standard deviations of 95
  }
}

TEST(SecretTextTest, IsLettersAndDigitsAndNeverTheSame) {
  const std::string text = secret_text(10'000);
  EXPECT_EQ(text.size(), 10'000U);
  std::map<char, int> counts;
  for (const char c : text) {
    ++counts[c];
  }
  EXPECT_EQ(counts.size(), 62U);
  for (const auto& [letter, count] : counts) {
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(letter))) << letter;
    EXPECT_NEAR(count, 161, 90) << letter;  // Seven standard deviations.
  }
  EXPECT_NE(secret_text(24), secret_text(24));
}

}  // namespace
}  // namespace kexp
