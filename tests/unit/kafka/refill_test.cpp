#include "refill.hpp"

#include <gtest/gtest.h>

namespace kexp::kafka {
namespace {

constexpr std::size_t kImage = 300'000;

TEST(FetchLevelTest, AsksOnceTheFullQueueHasHalfEmptied) {
  FetchLevel level(8, 1 << 30);
  EXPECT_FALSE(level.taken(9, kImage));
  EXPECT_FALSE(level.taken(6, kImage));
  EXPECT_TRUE(level.taken(5, kImage)) << "of 10 that there were";
  EXPECT_FALSE(level.taken(4, kImage)) << "once";
  EXPECT_FALSE(level.taken(0, kImage));
}

TEST(FetchLevelTest, AsksForNothingWhileTheQueueWasNeverFull) {
  FetchLevel level(8, 1 << 30);
  for (int record = 0; record < 100; ++record) {
    EXPECT_FALSE(level.taken(0, kImage));
    EXPECT_FALSE(level.taken(6, kImage));
  }
}

TEST(FetchLevelTest, TheQueueIsAlsoFullWithItsBytes) {
  FetchLevel level(100, 4 * kImage);
  EXPECT_FALSE(level.taken(3, kImage));
  EXPECT_TRUE(level.taken(2, kImage));
}

TEST(FetchLevelTest, AsksAgainAfterTheNextFetch) {
  FetchLevel level(2, 1 << 30);
  EXPECT_TRUE(level.taken(1, kImage));
  EXPECT_FALSE(level.taken(0, kImage));
  EXPECT_TRUE(level.taken(1, kImage));
}

}  // namespace
}  // namespace kexp::kafka
