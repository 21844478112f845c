#include "prefetch.hpp"

#include <gtest/gtest.h>

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;

TEST(PrefetchTest, FetchesThreeQuartersOfASecondOfWorkAhead) {
  EXPECT_EQ(plan_prefetch(50ms, 1).records, 15);
  EXPECT_EQ(plan_prefetch(50ms, 2).records, 30);
  EXPECT_EQ(plan_prefetch(70ms, 1).records, 11);
}

// What an answer brings comes on top of what is ahead when it is asked for, one record less than planned, and
// of what the streams have queued. With tiny images that was four seconds of work.
TEST(PrefetchTest, HoldsAtMostTwoSecondsOfSmallImages) {
  constexpr std::int64_t kSmallImage = 6 * 1024;
  for (const auto image_time : {2ms, 5ms, 10ms, 25ms, 60ms, 100ms, 150ms}) {
    for (const int streams : {1, 2, 4}) {
      const Prefetch prefetch = plan_prefetch(image_time, streams);
      const std::int64_t queued = streams + 1;
      const std::int64_t most = prefetch.records - 1 + prefetch.fetch_bytes / kSmallImage + queued;
      EXPECT_LE(static_cast<double>(most) * seconds(image_time) / streams, 2.0)
          << image_time.count() << " ms, " << streams << " streams";
    }
  }
}

TEST(PrefetchTest, KeepsTwoImagesForEachStreamHoweverSlowTheyAre) {
  EXPECT_EQ(plan_prefetch(10s, 1).records, 2);
  EXPECT_EQ(plan_prefetch(10s, 3).records, 6);
}

TEST(PrefetchTest, IsBoundedHoweverFastTheDetectorIs) {
  EXPECT_EQ(plan_prefetch(1us, 1).records, 200);
  EXPECT_EQ(plan_prefetch(0ns, 1).records, 150) << "not measured";
}

// An answer holds what its bytes allow, and at least one image.
TEST(PrefetchTest, FetchesLessAtOnceForASlowDetector) {
  EXPECT_EQ(plan_prefetch(10s, 1).fetch_bytes, 16 * 1024);
  EXPECT_EQ(plan_prefetch(50ms, 2).fetch_bytes, 15 * 16 * 1024);
  EXPECT_EQ(plan_prefetch(1us, 20).fetch_bytes, 1024 * 1024);
}

}  // namespace
}  // namespace kexp::consumer
