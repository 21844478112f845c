#include "kexp/core/nearest.hpp"

#include <gtest/gtest.h>

namespace kexp {
namespace {

TEST(NearestTest, FindsAnExchangedOrMissingLetter) {
  EXPECT_EQ(nearest_name("linger.sm", {"acks", "linger.ms", "retries"}), "linger.ms");
  EXPECT_EQ(nearest_name("fed", {"extract", "feed"}), "feed");
}

TEST(NearestTest, WhatIsFarAwayIsNotSuggested) {
  EXPECT_EQ(suggestion("bicycle", {"feed", "track"}), "");
  EXPECT_EQ(suggestion("x", {}), "");
}

TEST(NearestTest, AsksWhetherItWasMeant) {
  EXPECT_EQ(suggestion("duraton", {"duration", "seed"}), " (did you mean duration?)");
}

}  // namespace
}  // namespace kexp
