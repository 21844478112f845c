#include "kexp/kafka/topic_tasks.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"

#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"

namespace kexp::kafka {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class NoListener final : public RebalanceListener {
 public:
  void on_assigned(const std::vector<std::int32_t>&) override {}
  void on_revoked(const std::vector<std::int32_t>&) override {}
  void on_lost(const std::vector<std::int32_t>&) override {}
};

class TopicTasksTest : public testing::Test {
 protected:
  TopicTasksTest() {
    options_.partitions = 3;
    kafka_.on_idle_poll = [] {};
  }

  std::vector<CreatedTopic> create() { return create_topics(*admin_, clock_, options_, {}); }

  /// A consumer of the group that has taken its partitions.
  std::unique_ptr<Consumer> member(const std::string& id) {
    ConsumerOptions options;
    options.group = "yolo_input.consumers";
    options.client.client_id = id;
    auto consumer = kafka_.make_consumer(options);
    consumer->subscribe("yolo_input", listener_);
    static_cast<void>(consumer->poll(0ms));
    return consumer;
  }

  NoListener listener_;
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  std::unique_ptr<Admin> admin_ = kafka_.make_admin({}, {});
  CreateTopicsOptions options_;
};

TEST_F(TopicTasksTest, ValidateNamesTheFlag) {
  EXPECT_NO_THROW(validate(options_));
  const auto refused = [](const auto& change) {
    CreateTopicsOptions options;
    options.partitions = 3;
    change(options);
    return message_of<UsageError>([&] {
      validate(options);
      return 0;
    });
  };
  EXPECT_THAT(refused([](auto& o) { o.partitions = 0; }), HasSubstr("--partitions must be from 1"));
  EXPECT_THAT(refused([](auto& o) { o.partitions = 10'001; }), HasSubstr("got 10001"));
  EXPECT_THAT(refused([](auto& o) { o.output_partitions = 0; }), HasSubstr("--output-partitions must be"));
  EXPECT_THAT(refused([](auto& o) { o.replication = 0; }), HasSubstr("--replication"));
  EXPECT_THAT(refused([](auto& o) { o.timeout = 0s; }), HasSubstr("--timeout"));
  EXPECT_THAT(refused([](auto& o) { o.topics.input = "a b"; }), HasSubstr("--input-topic"));
  EXPECT_THAT(refused([](auto& o) { o.topics.input = ""; }), HasSubstr("--input-topic"));
  EXPECT_THAT(refused([](auto& o) { o.topics.output = ".."; }), HasSubstr("--output-topic"));
  EXPECT_THAT(refused([](auto& o) { o.topics.output = std::string(250, 'x'); }), HasSubstr("--output-topic"));
  EXPECT_THAT(refused([](auto& o) { o.topics.output = o.topics.input; }), HasSubstr("must differ"));
}

TEST_F(TopicTasksTest, CreatesBothAndSaysWhichExisted) {
  kafka_.add_topic("yolo_output", 1);
  const auto topics = create();
  ASSERT_THAT(topics, SizeIs(2));
  EXPECT_EQ(topics[0].partitions, 3);
  EXPECT_FALSE(topics[0].existed);
  EXPECT_TRUE(topics[1].existed);
  EXPECT_THAT(admin_->describe("yolo_input").partitions, SizeIs(3));
}

TEST_F(TopicTasksTest, CreatesNeitherWhenOneHasAnotherNumberOfPartitions) {
  kafka_.add_topic("yolo_output", 2);
  EXPECT_THAT(message_of<KafkaError>([this] { return create(); }),
              AllOf(HasSubstr("yolo_output exists with 2"), HasSubstr("--reset")));
  EXPECT_THAT(admin_->describe("yolo_input").partitions, IsEmpty());
}

TEST_F(TopicTasksTest, PlansAResetWithWhatGetsLost) {
  EXPECT_THAT(plan_reset(*admin_, {}).topics, IsEmpty());
  create();
  for (int i = 0; i < 5; ++i) {
    kafka_.add_record("yolo_input", 0, "k", "v");
  }
  kafka_.add_record("yolo_output", 0, "k", "v");
  kafka_.set_committed("yolo_input.consumers", "yolo_input", 0, 4);

  const ResetPlan plan = plan_reset(*admin_, {});
  EXPECT_EQ(to_text(plan),
            "yolo_input: 3 partitions, 5 records, 1 of them not processed by yolo_input.consumers\n"
            "yolo_output: 1 partition, 1 record\n");
}

TEST_F(TopicTasksTest, DestroysByForceWhatIsNotProcessedOnceThatIsConfirmed) {
  create();
  kafka_.add_record("yolo_input", 0, "k", "v");
  const auto destroy = [this](std::function<void(const std::string&)> confirm) {
    destroy_topics(*admin_, clock_, plan_reset(*admin_, {}), {.force = true, .confirm = std::move(confirm)},
                   {});
    return 0;
  };
  const auto refuse = [](const std::string&) { throw FailedError("nothing was deleted"); };
  EXPECT_EQ(message_of<FailedError>([&] { return destroy(refuse); }), "nothing was deleted");
  EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input", "yolo_output"));

  std::string told;
  destroy([&](const std::string& what_goes) { told = what_goes; });
  EXPECT_THAT(told, HasSubstr("yolo_input: 3 partitions, 1 record, 1 of them not processed"));
  EXPECT_THAT(kafka_.topics(), IsEmpty());
  destroy(refuse);  // Nothing is left, so nobody is asked.
}

TEST_F(TopicTasksTest, RecreatesWithThePartitionsThatWere) {
  kafka_.add_topic("yolo_input", 7);
  const auto only_input = recreation(plan_reset(*admin_, {}), {}, 9s);
  EXPECT_EQ(only_input.partitions, 7);
  EXPECT_EQ(only_input.output_partitions, 1);
  EXPECT_EQ(only_input.timeout, 9s);
  kafka_.add_topic("yolo_output", 2);
  EXPECT_EQ(recreation(plan_reset(*admin_, {}), {}, 9s).output_partitions, 2);
  EXPECT_THAT(message_of<KafkaError>([] { return recreation({}, {}, 9s); }), HasSubstr("kexp topics create"));
}

TEST_F(TopicTasksTest, DescribesATopicThatFitsWithoutWarnings) {
  create();
  kafka_.set_topic_config("yolo_input", "max.message.bytes", "16777216");
  kafka_.set_topic_config("yolo_input", "message.timestamp.type", "CreateTime");
  kafka_.add_record("yolo_input", 2, "k", "v");
  const TopicReport report = describe_topic(*admin_, "yolo_input", TopicUse::images);
  EXPECT_EQ(report.records, 1);
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_THAT(to_text(report),
              HasSubstr("yolo_input: 3 partitions, 1 record, max.message.bytes 16777216, CreateTime\n"
                        "partition  leader  replicas  in sync\n"
                        "0          1       1         1\n"));
  const Json json = to_json(report);
  EXPECT_EQ(json.at("max_message_bytes"), 16777216);
  EXPECT_EQ(json.at("partitions").at(2).at("leader"), 1);
}

TEST_F(TopicTasksTest, WarnsOfWhatSpoilsAnExperiment) {
  create();
  kafka_.set_topic_config("yolo_input", "max.message.bytes", "1048588");
  kafka_.set_topic_config("yolo_input", "message.timestamp.type", "LogAppendTime");
  kafka_.on_describe = [](TopicInfo& info) { info.partitions.at(1).leader = -1; };
  const TopicReport report = describe_topic(*admin_, "yolo_input", TopicUse::images);
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("partition 1 has no leader"), HasSubstr("LogAppendTime"),
                                           HasSubstr("max.message.bytes is 1048588")));
  EXPECT_EQ(to_json(report).at("partitions").at(1).at("leader"), nullptr);
}

TEST_F(TopicTasksTest, DescribesSettingsThatTheBrokerDoesNotSayAsUnknown) {
  create();
  const TopicReport report = describe_topic(*admin_, "yolo_input", TopicUse::images);
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_THAT(to_text(report), HasSubstr("max.message.bytes unknown, time unknown"));
  EXPECT_EQ(to_json(report).at("timestamp_type"), nullptr);
}

TEST_F(TopicTasksTest, ShowsTheLagAndWhoHasAPartition) {
  create();
  kafka_.add_record("yolo_input", 0, "k", "v");
  kafka_.add_record("yolo_input", 1, "k", "v");
  kafka_.set_committed("yolo_input.consumers", "yolo_input", 1, 1);
  const auto consumer = member("pod-a");
  const LagReport report = read_lag(*admin_, "yolo_input", "yolo_input.consumers");
  EXPECT_EQ(report.total(), 1);
  EXPECT_EQ(to_text(report),
            "yolo_input: group yolo_input.consumers is Stable, 1 member, lag 1\n"
            "partition  end  committed  lag  consumer\n"
            "0          1    none       1    pod-a\n"
            "1          1    1          0    pod-a\n"
            "2          0    none       0    pod-a\n");
  const Json json = to_json(report);
  EXPECT_EQ(json.at("lag"), 1);
  EXPECT_EQ(json.at("partitions").at(0).at("committed"), nullptr);
  EXPECT_EQ(json.at("partitions").at(1).at("consumer"), "pod-a");
  EXPECT_THAT(message_of<KafkaError>([this] { return read_lag(*admin_, "other", "g"); }),
              HasSubstr("--input-topic: there is no topic other"));
}

TEST_F(TopicTasksTest, TellsAGroupThatIsNotThereFromOneWithoutMembers) {
  create();
  kafka_.set_committed("idle", "yolo_input", 0, 0);
  const LagReport idle = read_lag(*admin_, "yolo_input", "idle");
  EXPECT_THAT(to_text(idle), HasSubstr("group idle is Empty, 0 members"));
  EXPECT_NO_THROW(require_group(idle));

  const LagReport missing = read_lag(*admin_, "yolo_input", "yolo_input.consumer");
  EXPECT_THAT(to_text(missing), HasSubstr("group yolo_input.consumer is not there, 0 members"));
  EXPECT_EQ(to_json(missing).at("state"), "Dead");
  try {
    require_group(missing);
    FAIL() << "threw nothing";
  } catch (const KafkaError& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("--group: there is no group yolo_input.consumer "),
                                HasSubstr("yolo_input.consumers")));
  }
}

/// Does something at a moment of the fake time.
class ActingClock final : public Clock {
 public:
  ActingClock(test::FakeClock& clock, SteadyTime at, std::function<void()> act)
      : clock_(clock), at_(at), act_(std::move(act)) {}
  [[nodiscard]] SteadyTime now() const override { return clock_.now(); }
  [[nodiscard]] WallTime wall_now() const override { return clock_.wall_now(); }
  [[nodiscard]] bool sleep_until(SteadyTime deadline, std::stop_token stop) override {
    const bool slept = clock_.sleep_until(deadline, stop);
    if (act_ && clock_.now() >= at_) {
      std::exchange(act_, nullptr)();
    }
    return slept;
  }

 private:
  test::FakeClock& clock_;
  SteadyTime at_;
  std::function<void()> act_;
};

/// A reset of topics with five processed images and one answer.
class FinishedTest : public TopicTasksTest {
 protected:
  FinishedTest() {
    create();
    for (int i = 0; i < 5; ++i) {
      kafka_.add_record("yolo_input", i % 3, "k", "v");
    }
    kafka_.add_record("yolo_output", 0, "k", "v");
    processed({2, 2, 1});
  }

  void processed(const std::vector<std::int64_t>& offsets) {
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      kafka_.set_committed("yolo_input.consumers", "yolo_input", static_cast<std::int32_t>(i), offsets[i]);
    }
  }

  /// Without force, while `clock` goes on.
  void destroy(Clock& clock, std::stop_token stop = {}) {
    const auto confirm = [this](const std::string&) { asked_ = true; };
    destroy_topics(*admin_, clock, plan_reset(*admin_, {}), {.confirm = confirm}, std::move(stop));
  }
  std::string refusal(Clock& clock) {
    const std::string message = message_of<UsageError>([&] {
      destroy(clock);
      return 0;
    });
    EXPECT_FALSE(asked_);
    EXPECT_THAT(kafka_.topics(), SizeIs(2));
    return message;
  }

  bool asked_ = false;
};

TEST_F(FinishedTest, LetsGoWhatIsProcessedWhateverTheOutputHolds) {
  const SteadyTime start = clock_.now();
  destroy(clock_);
  EXPECT_TRUE(asked_);
  EXPECT_THAT(kafka_.topics(), IsEmpty());
  EXPECT_GE(clock_.now(), start + 1s);
}

TEST_F(FinishedTest, RefusesWhileConsumersRun) {
  const auto consumer = member("pod-a");
  EXPECT_THAT(refusal(clock_),
              AllOf(HasSubstr("1 running consumer"), HasSubstr("pod-a"), HasSubstr("--force")));
}

TEST_F(FinishedTest, RefusesWhileSomebodyFeedsThoughAllIsProcessed) {
  ActingClock clock(clock_, clock_.now() + 1s, [this] {
    kafka_.add_record("yolo_input", 0, "k", "v");
    processed({3, 2, 1});
  });
  EXPECT_THAT(refusal(clock),
              AllOf(HasSubstr("1 record came to yolo_input within 1.0 s"), HasSubstr("--force")));
}

TEST_F(FinishedTest, RefusesWhileAnswersArrive) {
  ActingClock clock(clock_, clock_.now() + 1s, [this] {
    kafka_.add_record("yolo_output", 0, "k", "v");
    kafka_.add_record("yolo_output", 0, "k", "v");
  });
  EXPECT_THAT(refusal(clock), HasSubstr("2 records came to yolo_output"));
}

TEST_F(FinishedTest, RefusesWhileImagesAreNotProcessed) {
  processed({2, 0, 1});
  EXPECT_THAT(refusal(clock_),
              AllOf(HasSubstr("2 of 5 records in yolo_input not processed by yolo_input.consumers"),
                    HasSubstr("kexp topics lag"), HasSubstr("--force")));
}

TEST_F(FinishedTest, EndsOnAStopWithoutALook) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(destroy(clock_, stop.get_token()), InterruptedError);
  EXPECT_THAT(kafka_.topics(), SizeIs(2));
}

class DrainTest : public TopicTasksTest {
 protected:
  DrainTest() {
    create();
    kafka_.add_record("yolo_input", 0, "k", "v");
    start_ = clock_.now();
  }
  LagReport drain(Clock& clock, std::stop_token stop = {}) {
    return wait_until_drained(*admin_, clock, "yolo_input", "g", 10s, stop);
  }

  SteadyTime start_;
};

TEST_F(DrainTest, WaitsUntilEverythingIsCommitted) {
  ActingClock clock(clock_, start_ + 4s, [this] { kafka_.set_committed("g", "yolo_input", 0, 1); });
  EXPECT_EQ(drain(clock).total(), 0);
  EXPECT_EQ(clock_.now(), start_ + 4s);
}

TEST_F(DrainTest, GivesWhatIsLeftAfterTheTimeout) {
  EXPECT_EQ(drain(clock_).total(), 1);
  EXPECT_EQ(clock_.now(), start_ + 10s);
}

TEST_F(DrainTest, WaitsForABrokerThatComesBack) {
  kafka_.set_committed("g", "yolo_input", 0, 1);
  kafka_.set_down(true);
  ActingClock clock(clock_, start_ + 4s, [this] { kafka_.set_down(false); });
  EXPECT_EQ(drain(clock).total(), 0);
  kafka_.set_down(true);
  EXPECT_THROW(static_cast<void>(drain(clock_)), UnavailableError);
}

TEST_F(DrainTest, EndsOnAStop) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(message_of<InterruptedError>([&] { return drain(clock_, stop.get_token()); }),
              HasSubstr("lag of g to be 0"));
}

}  // namespace
}  // namespace kexp::kafka
