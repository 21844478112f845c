#include "quota_pace.hpp"

#include <stop_token>

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;

class QuotaPaceTest : public testing::Test {
 protected:
  QuotaPace pace(const QuotaPace::Setting& setting) {
    return QuotaPace(setting, clock_, [this] { return used_; });
  }
  /// An image that takes so long, and so much CPU of all threads together.
  void image(Nanoseconds time, Nanoseconds cpu) {
    clock_.advance(time);
    used_ += cpu;
  }

  test::FakeClock clock_;
  Nanoseconds used_{};
};

TEST_F(QuotaPaceTest, PausesForWhatOtherThreadsHaveUsed) {
  QuotaPace one = pace({1, 1, 1});
  const SteadyTime begun = clock_.now();
  for (int images = 0; images < 100; ++images) {
    image(50ms, 52ms);
    EXPECT_NEAR(milliseconds(one.pause({})), 2 + 0.5, 0.1);  // A hundredth is left over.
  }
  EXPECT_NEAR(seconds(used_) / seconds(clock_.now() - begun), 0.99, 0.001);
}

TEST_F(QuotaPaceTest, PausesNeverWithoutAQuotaOrWithRoomInIt) {
  QuotaPace without = pace({0, 1, 1});
  QuotaPace roomy = pace({1.5, 1, 1});
  for (int images = 0; images < 10; ++images) {
    image(50ms, 52ms);
    EXPECT_EQ(without.pause({}), 0ns);
    EXPECT_EQ(roomy.pause({}), 0ns);
  }
}

// The kernel does not keep what a period has left, either.
TEST_F(QuotaPaceTest, CountsAWaitForMessagesAsAMillisecondOfCredit) {
  QuotaPace one = pace({1, 1, 1});
  clock_.advance(10s);
  EXPECT_EQ(one.pause({}), 0ns);
  image(50ms, 53ms);
  EXPECT_NEAR(milliseconds(one.pause({})), 53 - 49.5 - 1, 0.1);
}

TEST_F(QuotaPaceTest, SavesUpForAPauseThatIsWorthIt) {
  QuotaPace one = pace({1, 1, 1});
  image(10ms, 10'100us);
  EXPECT_EQ(one.pause({}), 0ns);
  image(10ms, 10'100us);
  EXPECT_EQ(one.pause({}), 0ns);
  image(10ms, 10'100us);
  EXPECT_NEAR(milliseconds(one.pause({})), 0.6, 0.01);
}

TEST_F(QuotaPaceTest, IsBoundedWhateverWasUsed) {
  QuotaPace one = pace({1, 1, 1});
  image(1ms, 10s);
  EXPECT_EQ(one.pause({}), 100ms);
}

TEST_F(QuotaPaceTest, EndsOnAStopAndTellsWhatItWaited) {
  QuotaPace one = pace({1, 1, 1});
  image(1ms, 10s);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(one.pause(stop.get_token()), 0ns);
}

// A quota that even one image's threads use up: pauses are as long as the images.
TEST_F(QuotaPaceTest, PausesLongerUnderHalfACpu) {
  QuotaPace half = pace({0.5, 1, 1});
  image(20ms, 20ms);
  EXPECT_NEAR(milliseconds(half.pause({})), 20.4, 0.1);
}

TEST_F(QuotaPaceTest, LeavesItToTheKernelWhereAPauseOfOneStreamRepaysNothing) {
  QuotaPace many = pace({1, 4, 1});
  image(50ms, 100ms);
  EXPECT_EQ(many.pause({}), 0ns);
}

}  // namespace
}  // namespace kexp::consumer
