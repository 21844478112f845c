#include "clock_watch.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

TEST(ClockWatchTest, FindsStepsInBothDirectionsOnce) {
  test::FakeClock clock;
  ClockWatch watch(clock);
  EXPECT_EQ(watch.look(), std::nullopt);
  clock.advance(3600s);
  EXPECT_EQ(watch.look(), std::nullopt);
  clock.step_wall(2s);
  EXPECT_EQ(watch.look(), 2s);
  EXPECT_EQ(watch.look(), std::nullopt);
  clock.step_wall(-150ms);
  EXPECT_EQ(watch.look(), -150ms);
}

TEST(ClockWatchTest, WhatIsSlewedIsNoStep) {
  test::FakeClock clock;
  ClockWatch watch(clock);
  for (int i = 0; i < 10; ++i) {
    clock.step_wall(90ms);
    EXPECT_EQ(watch.look(), std::nullopt);
  }
}

}  // namespace
}  // namespace kexp::feeder
