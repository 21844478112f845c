#include "lag_watch.hpp"

#include <gmock/gmock.h>

#include "support/capturing_log.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"

namespace kexp::consumer {
namespace {

using testing::HasSubstr;
using testing::Not;

class LagWatchTest : public testing::Test {
 protected:
  LagWatchTest() {
    kafka_.add_topic("images", 3);
    for (int i = 0; i < 5; ++i) {
      kafka_.add_record("images", 0, "", "x");
      kafka_.add_record("images", 1, "", "x");
    }
    kafka_.set_committed("group", "images", 0, 3);
    exchange_.assign({0, 2});
  }

  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  telemetry::Metrics metrics_;
  Exchange exchange_{clock_};
  LagWatch lag_{{kafka_.make_admin({}, {}), "images", "group", exchange_, metrics_, log_}};
};

TEST_F(LagWatchTest, KnowsNothingBeforeItAsked) { EXPECT_EQ(lag_.total(), std::nullopt); }

TEST_F(LagWatchTest, ShowsOurPartitionsOnly) {
  lag_.look();
  EXPECT_EQ(lag_.total(), 2);
  EXPECT_THAT(metrics_.render(), HasSubstr(R"(kexp_consumer_lag_records{partition="0",topic="images"} 2)"));
  EXPECT_THAT(metrics_.render(), HasSubstr(R"(kexp_consumer_lag_records{partition="2",topic="images"} 0)"));
  EXPECT_THAT(metrics_.render(), Not(HasSubstr(R"(partition="1")")));
}

// Every pod asked for all partitions of its group, one after the other.
TEST_F(LagWatchTest, AsksForOurPartitionsOnly) {
  std::vector<std::vector<std::int32_t>> asked;
  kafka_.on_lag_of = [&](const std::vector<std::int32_t>& partitions) { asked.push_back(partitions); };
  lag_.look();
  EXPECT_THAT(asked, testing::ElementsAre(testing::ElementsAre(0, 2)));
}

TEST_F(LagWatchTest, HidesAPartitionThatWent) {
  lag_.look();
  exchange_.lose({0});
  lag_.look();
  EXPECT_EQ(lag_.total(), 0);
  EXPECT_THAT(metrics_.render(), Not(HasSubstr(R"(partition="0")")));
}

TEST_F(LagWatchTest, ShowsNoOldLagWhileTheBrokerIsDown) {
  lag_.look();
  kafka_.set_down(true);
  lag_.look();
  lag_.look();
  EXPECT_EQ(lag_.total(), std::nullopt);
  EXPECT_THAT(metrics_.render(), Not(HasSubstr("kexp_consumer_lag_records{")));
  EXPECT_EQ(log_.count(LogLevel::warn), 1U);  // Once for each outage.
}

}  // namespace
}  // namespace kexp::consumer
