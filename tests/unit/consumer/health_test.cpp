#include "health.hpp"

#include <gmock/gmock.h>

#include "messages.hpp"
#include "support/fake_clock.hpp"

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HealthTest : public testing::Test {
 protected:
  test::FakeClock clock_;
  Exchange exchange_{clock_};
  Health health_{clock_, exchange_, 300s};
};

TEST_F(HealthTest, IsNotReadyBeforeItIsAMember) {
  EXPECT_FALSE(health_.ready().ok);
  EXPECT_THAT(health_.ready().why, HasSubstr("model"));
  health_.enter(Phase::waiting_for_broker);
  EXPECT_FALSE(health_.ready().ok);
  EXPECT_THAT(health_.ready().why, HasSubstr("broker"));
}

TEST_F(HealthTest, IsReadyWithPartitionsOnly) {
  health_.enter(Phase::member);
  EXPECT_FALSE(health_.ready().ok);
  EXPECT_THAT(health_.ready().why, HasSubstr("no partitions assigned"));
  exchange_.assign({0, 3});
  EXPECT_TRUE(health_.ready().ok);
  EXPECT_EQ(health_.ready().why, "2 partitions assigned");
  exchange_.lose({0, 3});
  EXPECT_FALSE(health_.ready().ok);
}

TEST_F(HealthTest, IsNotReadyWhileStopping) {
  exchange_.assign({0});
  health_.enter(Phase::stopping);
  EXPECT_FALSE(health_.ready().ok);
  EXPECT_TRUE(health_.healthy().ok);
}

TEST_F(HealthTest, IsUnhealthyWhenOneImageTakesForEver) {
  exchange_.assign({0});
  exchange_.give(std::make_unique<test::TestMessage>(0, 7));
  const auto work = exchange_.next();
  clock_.advance(300s);
  health_.alive();
  EXPECT_TRUE(health_.healthy().ok);
  clock_.advance(1s);
  health_.alive();
  EXPECT_FALSE(health_.healthy().ok);
  EXPECT_THAT(health_.healthy().why, HasSubstr("partition 0 offset 7"));
}

// With refused answers up to the limit nothing was in work and the poll loop went round: healthy for ever.
TEST_F(HealthTest, IsUnhealthyWhenRefusedAnswersLetNothingThrough) {
  Exchange exchange(clock_, {.queued_messages = 1, .unacknowledged_answers = 1});
  Health health(clock_, exchange, 300s);
  exchange.assign({0});
  exchange.give(std::make_unique<test::TestMessage>(0, 7));
  const auto answer = std::make_shared<Answer>();
  answer->ticket = std::get<Task>(exchange.next().value()).ticket;
  EXPECT_TRUE(exchange.post(answer));
  exchange.give(std::make_unique<test::TestMessage>(0, 8));
  clock_.advance(300s);
  health.alive();
  EXPECT_TRUE(health.healthy().ok);
  clock_.advance(1s);
  health.alive();
  EXPECT_FALSE(health.healthy().ok);
  EXPECT_THAT(health.healthy().why, HasSubstr("301 s: 1 answers are not acknowledged"));
}

TEST_F(HealthTest, IsUnhealthyWhenThePollLoopStandsStill) {
  clock_.advance(301s);
  EXPECT_FALSE(health_.healthy().ok);
  EXPECT_THAT(health_.healthy().why, HasSubstr("poll loop"));
  health_.alive();
  EXPECT_TRUE(health_.healthy().ok);
}

}  // namespace
}  // namespace kexp::consumer
