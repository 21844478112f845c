#include "kexp/core/clock.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace kexp {
namespace {

using namespace std::chrono_literals;

TEST(SystemClockTest, DeadlineThatIsPastDoesNotWait) {
  SystemClock clock;
  EXPECT_TRUE(clock.sleep_until(clock.now() - 1h, {}));
  EXPECT_TRUE(clock.sleep_until(SteadyTime{}, {}));
}

TEST(SystemClockTest, WakesAfterTheDeadlineNeverBefore) {
  SystemClock clock;
  use_precise_timers();
  for (int i = 0; i < 5; ++i) {
    const SteadyTime deadline = clock.now() + 300us;
    ASSERT_TRUE(clock.sleep_until(deadline, {}));
    EXPECT_GE(clock.now(), deadline);
  }
}

TEST(SystemClockTest, SharpSleepNeverEndsBeforeTheDeadline) {
  SystemClock clock;
  use_precise_timers();
  EXPECT_TRUE(clock.sleep_until_sharply(SteadyTime{}, {}));
  for (int i = 0; i < 20; ++i) {
    const SteadyTime deadline = clock.now() + std::chrono::microseconds(10 * i);
    ASSERT_TRUE(clock.sleep_until_sharply(deadline, {}));
    EXPECT_GE(clock.now(), deadline);
  }
}

TEST(SystemClockTest, SharpSleepSeesAStop) {
  SystemClock clock;
  std::stop_source stop;
  stop.request_stop();

  EXPECT_FALSE(clock.sleep_until_sharply(clock.now() + 1h, stop.get_token()));
}

TEST(SystemClockTest, StopRequestedBeforeDoesNotWait) {
  SystemClock clock;
  std::stop_source stop;
  stop.request_stop();

  EXPECT_FALSE(clock.sleep_for(1h, stop.get_token()));
}

TEST(SystemClockTest, StopEndsAWait) {
  SystemClock clock;
  std::stop_source stop;
  const SteadyTime start = clock.now();
  std::jthread sleeper([&] { EXPECT_FALSE(clock.sleep_until(start + 1h, stop.get_token())); });

  stop.request_stop();
  sleeper.join();

  EXPECT_LT(clock.now() - start, 10s);
}

TEST(SystemClockTest, WallTimeIsUnixTime) { EXPECT_GT(unix_ms(SystemClock().wall_now()), 1'700'000'000'000); }

TEST(UnixTimeTest, MillisecondsAreRoundedDown) {
  EXPECT_EQ(unix_ms(WallTime(1'999'999ns)), 1);
  EXPECT_EQ(unix_ms(WallTime(-1ns)), -1);
  EXPECT_EQ(unix_ns(WallTime(5s)), 5'000'000'000);
  EXPECT_DOUBLE_EQ(seconds(1500ms), 1.5);
  EXPECT_DOUBLE_EQ(milliseconds(2500us), 2.5);
}

}  // namespace
}  // namespace kexp
