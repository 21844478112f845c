#include "overload.hpp"

#include <gtest/gtest.h>

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using Decision = Overload::Decision;

constexpr std::int64_t kMs = 1'000'000;

TEST(OverloadTest, AnImageIsDueWhenItIsIntendedWhileThereIsNoDebt) {
  for (const auto policy : {OnOverload::burst, OnOverload::bounded, OnOverload::drop, OnOverload::fail}) {
    Overload overload(policy, 100ms);
    overload.sent(100 * kMs, 100 * kMs);
    EXPECT_EQ(overload.due(200 * kMs), 200 * kMs) << cycle::name_of(kOverloadNames, policy);
  }
}

TEST(OverloadTest, BurstAndDropRepayADebtAtOnce) {
  for (const auto policy : {OnOverload::burst, OnOverload::drop}) {
    Overload overload(policy, 10s);
    overload.sent(100 * kMs, 900 * kMs);
    EXPECT_EQ(overload.due(200 * kMs), 200 * kMs) << cycle::name_of(kOverloadNames, policy);
  }
}

TEST(OverloadTest, BoundedRepaysTenMillisecondsAtOnce) {
  Overload overload(OnOverload::bounded, 100ms);
  overload.sent(100 * kMs, 110 * kMs);
  EXPECT_EQ(overload.due(105 * kMs), 105 * kMs);
}

TEST(OverloadTest, BoundedRepaysMoreAtTwiceThePlannedRate) {
  Overload overload(OnOverload::bounded, 100ms);
  overload.sent(100 * kMs, 500 * kMs);  // 400 ms behind.

  EXPECT_EQ(overload.due(200 * kMs), 550 * kMs);
  EXPECT_EQ(overload.due(600 * kMs), 750 * kMs);
  EXPECT_EQ(overload.due(900 * kMs), 900 * kMs);  // 800 ms of plan in 400 ms: there again.
  EXPECT_EQ(overload.due(1000 * kMs), 1000 * kMs);
}

TEST(OverloadTest, ACatchUpEndsWhereItMeetsThePlan) {
  Overload overload(OnOverload::bounded, 100ms);
  overload.sent(0, 100 * kMs);
  overload.sent(200 * kMs, 200 * kMs);
  overload.sent(300 * kMs, 305 * kMs);  // Five milliseconds late: no new catch-up.
  EXPECT_EQ(overload.due(301 * kMs), 301 * kMs);
}

TEST(OverloadTest, ACatchUpThatIsHeldUpBeginsAnew) {
  Overload overload(OnOverload::bounded, 100ms);
  overload.sent(0, 1000 * kMs);
  overload.sent(200 * kMs, 1500 * kMs);  // Due at 1100.
  EXPECT_EQ(overload.due(400 * kMs), 1600 * kMs);
}

TEST(OverloadTest, OnlyDropAndFailMindTheMostDebt) {
  const auto decision = [](OnOverload policy, std::int64_t now_ns) {
    return Overload(policy, 100ms).decide(0, now_ns);
  };
  for (const auto policy : {OnOverload::burst, OnOverload::bounded}) {
    EXPECT_EQ(decision(policy, 10'000 * kMs), Decision::send);
  }
  EXPECT_EQ(decision(OnOverload::drop, 100 * kMs), Decision::send);
  EXPECT_EQ(decision(OnOverload::drop, 100 * kMs + 1), Decision::drop);
  EXPECT_EQ(decision(OnOverload::fail, 100 * kMs), Decision::send);
  EXPECT_EQ(decision(OnOverload::fail, 100 * kMs + 1), Decision::fail);
}

}  // namespace
}  // namespace kexp::feeder
