#include "outage_watch.hpp"

#include <gtest/gtest.h>

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMs = 1'000'000;

class OutageWatchTest : public testing::Test {
 protected:
  std::optional<ObservedOutage> look(std::int64_t now_ms, std::optional<std::int64_t> oldest_ms,
                                     Nanoseconds debt = 0ns) {
    const auto oldest = oldest_ms ? std::optional(*oldest_ms * kMs) : std::nullopt;
    return watch_.look(now_ms * kMs, oldest, debt, [this] { return fault_; });
  }

  OutageWatch watch_;
  std::string fault_;
};

TEST_F(OutageWatchTest, ASecondWithoutAnAnswerIsAnOutage) {
  watch_.answered(100 * kMs, 90 * kMs);
  EXPECT_FALSE(look(600, 110));
  fault_ = "Connection refused";
  EXPECT_FALSE(look(1200, 110));
  EXPECT_TRUE(watch_.is_silent());
  fault_.clear();
  watch_.answered(5300 * kMs, 110 * kMs);
  EXPECT_FALSE(watch_.is_silent());

  const auto outage = look(5400, 5390);

  ASSERT_TRUE(outage);
  EXPECT_EQ(outage->start_ns, 110 * kMs);  // Nothing was in flight after the answer at 100.
  EXPECT_EQ(outage->end_ns, 5300 * kMs);
  EXPECT_EQ(outage->caught_up_ns, 5300 * kMs);
  EXPECT_EQ(outage->cause, "Connection refused");
  EXPECT_FALSE(look(5500, std::nullopt));
}

TEST_F(OutageWatchTest, ItBeginsWithTheLastAnswerBefore) {
  watch_.answered(100 * kMs, 90 * kMs);
  watch_.answered(200 * kMs, 95 * kMs);
  watch_.answered(1500 * kMs, 98 * kMs);

  const auto outage = look(1600, std::nullopt);

  ASSERT_TRUE(outage);
  EXPECT_EQ(outage->start_ns, 200 * kMs);
  EXPECT_EQ(outage->end_ns, 1500 * kMs);
  EXPECT_EQ(outage->cause, "no answer from the broker");
}

TEST_F(OutageWatchTest, APauseOfThePlanIsNone) {
  watch_.answered(100 * kMs, 90 * kMs);
  EXPECT_FALSE(look(10'000, std::nullopt));
  watch_.answered(10'060 * kMs, 10'050 * kMs);
  EXPECT_FALSE(look(10'100, std::nullopt));
}

TEST_F(OutageWatchTest, IsCaughtUpWhenTheDebtIsRepaid) {
  watch_.answered(3000 * kMs, 1000 * kMs);
  EXPECT_FALSE(look(3200, 3100, 800ms));
  watch_.late(3900 * kMs);
  EXPECT_FALSE(look(4000, 3950, 10ms));

  const auto outage = look(4500, 4490, 9ms);

  ASSERT_TRUE(outage);
  EXPECT_EQ(outage->end_ns, 3000 * kMs);
  EXPECT_EQ(outage->caught_up_ns, 3900 * kMs);  // The last send that was late.
}

TEST_F(OutageWatchTest, ASecondSilenceBeforeThatBelongsToIt) {
  watch_.answered(3000 * kMs, 1000 * kMs);
  EXPECT_FALSE(look(3200, 3100, 800ms));
  watch_.answered(6000 * kMs, 3000 * kMs);

  const auto outage = look(6100, std::nullopt);

  ASSERT_TRUE(outage);
  EXPECT_EQ(outage->start_ns, 1000 * kMs);
  EXPECT_EQ(outage->end_ns, 6000 * kMs);
}

TEST_F(OutageWatchTest, OneThatLastsHasNoEnd) {
  EXPECT_FALSE(look(2500, 1000));
  const auto outage = watch_.end();
  ASSERT_TRUE(outage);
  EXPECT_EQ(outage->start_ns, 1000 * kMs);
  EXPECT_EQ(outage->end_ns, std::nullopt);
  EXPECT_EQ(outage->caught_up_ns, std::nullopt);
  EXPECT_FALSE(watch_.end());
}

// A process that was stopped for 5 s hears nothing of a broker that answers.
TEST_F(OutageWatchTest, TheSilenceOfAStalledProcessIsNone) {
  watch_.answered(100 * kMs, 90 * kMs);
  watch_.stalled_until(5200 * kMs);
  watch_.answered(5210 * kMs, 110 * kMs);
  EXPECT_FALSE(look(5300, std::nullopt));
}

}  // namespace
}  // namespace kexp::feeder
