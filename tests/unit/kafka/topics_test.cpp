#include "kexp/kafka/topics.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"

namespace kexp::kafka {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using testing::AllOf;
using testing::HasSubstr;

class TopicsTest : public testing::Test {
 protected:
  void create(int partitions) {
    create_topic_verified(*admin_, clock_, "in", partitions, 1, 30s, stop_.get_token());
  }
  void remove() { delete_topic_verified(*admin_, clock_, "in", 30s, stop_.get_token()); }

  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  std::stop_source stop_;
  std::unique_ptr<Admin> admin_ = kafka_.make_admin({}, {});
};

TEST_F(TopicsTest, CreatesATopicAndReturnsOnceItIsSeen) {
  create(3);
  EXPECT_EQ(partitions_of(*admin_, "in", TopicUse::images, "--topic"), 3);
  EXPECT_LT(clock_.now(), SteadyTime(1s));
}

TEST_F(TopicsTest, AcceptsATopicThatHasTheNumberOfPartitions) {
  kafka_.add_topic("in", 3);
  EXPECT_NO_THROW(create(3));
}

TEST_F(TopicsTest, RefusesATopicWithAnotherNumberAndNamesReset) {
  kafka_.add_topic("in", 1);
  try {
    create(3);
    FAIL() << "threw nothing";
  } catch (const KafkaError& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    EXPECT_EQ(e.name(), "TOPIC_ALREADY_EXISTS");
    EXPECT_THAT(e.what(), AllOf(HasSubstr("1 partition,"), HasSubstr("wanted 3"), HasSubstr("--reset")));
  }
}

TEST_F(TopicsTest, WaitsForSlowMetadata) {
  kafka_.on_describe = [this](TopicInfo& info) {
    if (clock_.now() < SteadyTime(5s)) {
      info.partitions.clear();
    } else if (clock_.now() < SteadyTime(6s)) {
      info.partitions.resize(1);  // Some brokers know some partitions.
    }
  };
  create(3);
  EXPECT_GE(clock_.now(), SteadyTime(6s));
  EXPECT_LT(clock_.now(), SteadyTime(7s));
}

TEST_F(TopicsTest, GivesUpOnAMissingLeaderAndNamesThePartition) {
  kafka_.on_describe = [](TopicInfo& info) {
    if (!info.partitions.empty()) {
      info.partitions.at(1).leader = -1;
    }
  };
  EXPECT_THAT(message_of<UnavailableError>([&] { create(3); }), HasSubstr("partition 1 has no leader"));
  EXPECT_EQ(clock_.now(), SteadyTime(30s));
}

TEST_F(TopicsTest, CreatesAgainOnceTheDeletionOfTheOldTopicIsThrough) {
  kafka_.add_topic("in", 1);  // Deleted for the metadata, not yet for the controller.
  kafka_.on_describe = [this](TopicInfo& info) {
    if (clock_.now() < SteadyTime(2s)) {
      info.partitions.clear();
    } else if (clock_.now() < SteadyTime(2100ms)) {
      kafka_.delete_topic("in");
      info.partitions.clear();
    }
  };
  create(3);
  EXPECT_EQ(partitions_of(*admin_, "in", TopicUse::images, "--topic"), 3);
}

TEST_F(TopicsTest, DeletesAndWaitsUntilTheMetadataShowsIt) {
  kafka_.add_topic("in", 1);
  kafka_.on_describe = [this](TopicInfo& info) {
    if (info.partitions.empty() && clock_.now() < SteadyTime(4s)) {
      info.partitions.resize(1);
    }
  };
  remove();
  EXPECT_GE(clock_.now(), SteadyTime(4s));
  EXPECT_NO_THROW(remove()) << "gone already";
}

TEST_F(TopicsTest, GivesUpOnADeletionThatDoesNotEnd) {
  kafka_.add_topic("in", 1);
  kafka_.on_describe = [](TopicInfo& info) { info.partitions.resize(1); };
  EXPECT_THAT(message_of<UnavailableError>([&] { remove(); }), HasSubstr("topic in was not gone within"));
}

TEST_F(TopicsTest, EndsOnAStopAndSaysWhatItWaitedFor) {
  stop_.request_stop();
  kafka_.on_describe = [](TopicInfo& info) { info.partitions.clear(); };
  EXPECT_THAT(message_of<InterruptedError>([&] { create(3); }), HasSubstr("waiting for topic in"));
}

TEST_F(TopicsTest, AMissingTopicIsAMistakeOfItsFlagAndSaysHowToCreateIt) {
  try {
    static_cast<void>(partitions_of(*admin_, "in", TopicUse::images, "--topic"));
    FAIL() << "threw nothing";
  } catch (const KafkaError& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("--topic: there is no topic in"),
                                HasSubstr("kexp topics create --input-topic in --partitions")));
  }
}

// It was guessed from the flag, and --topic of track names a topic of answers.
TEST_F(TopicsTest, AMissingTopicOfAnswersIsCreatedByTheFlagForThose) {
  EXPECT_THAT(
      message_of<KafkaError>([&] { return partitions_of(*admin_, "out", TopicUse::answers, "--topic"); }),
      testing::EndsWith("create it by kexp topics create --output-topic out --partitions N"));
}

}  // namespace
}  // namespace kexp::kafka
