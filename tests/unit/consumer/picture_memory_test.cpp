#include "picture_memory.hpp"

#include <gtest/gtest.h>

namespace kexp::consumer {
namespace {

constexpr auto kUnlimited = image::DecodeLimits{}.memory_bytes;
const FreeMemory kLeft{400'000'000, "cgroup v2 memory.max"};

TEST(PictureMemoryTest, PicturesInFlightShareHalfOfWhatIsLeft) {
  EXPECT_EQ(plan_picture_memory({.streams = 1}, kLeft).memory_bytes, 200'000'000U);
  EXPECT_EQ(plan_picture_memory({.streams = 2}, kLeft).memory_bytes, 100'000'000U);
  EXPECT_EQ(plan_picture_memory({.streams = 2, .decode_ahead = true}, kLeft).memory_bytes, 50'000'000U);
}

TEST(PictureMemoryTest, WithoutALimitNothingIsRefused) {
  EXPECT_EQ(plan_picture_memory({.streams = 2}, std::nullopt).memory_bytes, kUnlimited);
}

}  // namespace
}  // namespace kexp::consumer
