#include "prefetch.hpp"

#include <gtest/gtest.h>

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;

TEST(PrefetchTest, FetchesASecondOfWorkAhead) {
  EXPECT_EQ(plan_prefetch(50ms, 1).records, 20);
  EXPECT_EQ(plan_prefetch(50ms, 2).records, 40);
  EXPECT_EQ(plan_prefetch(70ms, 1).records, 15);
}

TEST(PrefetchTest, KeepsTwoImagesForEachStreamHoweverSlowTheyAre) {
  EXPECT_EQ(plan_prefetch(10s, 1).records, 2);
  EXPECT_EQ(plan_prefetch(10s, 3).records, 6);
}

TEST(PrefetchTest, IsBoundedHoweverFastTheDetectorIs) {
  EXPECT_EQ(plan_prefetch(1us, 1).records, 200);
  EXPECT_EQ(plan_prefetch(0ns, 1).records, 200) << "not measured";
}

// An answer holds what its bytes allow, and at least one image.
TEST(PrefetchTest, FetchesLessAtOnceForASlowDetector) {
  EXPECT_EQ(plan_prefetch(10s, 1).fetch_bytes, 32 * 1024);
  EXPECT_EQ(plan_prefetch(50ms, 1).fetch_bytes, 10 * 32 * 1024);
  EXPECT_EQ(plan_prefetch(1ms, 1).fetch_bytes, 1024 * 1024);
}

}  // namespace
}  // namespace kexp::consumer
