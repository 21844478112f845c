#include "support/fake_kafka.hpp"

#include <thread>

#include <gmock/gmock.h>

#include "support/errors.hpp"
#include "support/fake_clock.hpp"

namespace kexp::test {
namespace {

using namespace std::chrono_literals;
using kafka::SendOutcome;
using testing::ElementsAre;
using testing::IsEmpty;
using Partitions = std::vector<std::int32_t>;

std::string text_of(const kafka::Message& message) {
  return {message.value().begin(), message.value().end()};
}

class Listener final : public kafka::RebalanceListener {
 public:
  void on_assigned(const Partitions& partitions) override { note("assigned", partitions); }
  void on_revoked(const Partitions& partitions) override {
    note("revoked", partitions);
    if (at_revoke) {
      at_revoke();
    }
  }
  void on_lost(const Partitions& partitions) override { note("lost", partitions); }

  std::vector<std::string> events;
  std::function<void()> at_revoke;

 private:
  void note(const char* what, const Partitions& partitions) {
    events.push_back(fmt::format("{} {}", what, fmt::join(partitions, ",")));
  }
};

class FakeKafkaTest : public testing::Test {
 protected:
  FakeKafkaTest() {
    kafka_.add_topic("in", 2);
    producer_ = kafka_.make_producer({}, [this](const kafka::DeliveryReport& r) { reports_.push_back(r); });
    kafka_.on_idle_poll = [] {};
  }

  SendOutcome send(std::uint64_t tag, std::int32_t partition = 0, std::string_view topic = "in") {
    const std::string value = "v" + std::to_string(tag);
    const kafka::Header header{"h", "x"};
    kafka::OutgoingRecord record;
    record.topic = topic;
    record.partition = partition;
    record.key = "k";
    record.value = {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
    record.headers = {&header, 1};
    record.timestamp_ms = 7;
    record.tag = tag;
    return producer_->send(record);
  }

  std::unique_ptr<kafka::Consumer> member(const std::string& id) {
    kafka::ConsumerOptions options;
    options.group = "g";
    options.client.client_id = id;
    auto consumer = kafka_.make_consumer(options);
    consumer->subscribe("in", listener_);
    return consumer;
  }

  std::vector<std::uint64_t> tags() const {
    std::vector<std::uint64_t> tags;
    for (const auto& report : reports_) {
      tags.push_back(report.tag);
    }
    return tags;
  }

  FakeClock clock_;
  FakeKafka kafka_{clock_};
  Listener listener_;
  std::vector<kafka::DeliveryReport> reports_;
  std::unique_ptr<kafka::Producer> producer_;
};

TEST_F(FakeKafkaTest, KeepsWhatIsSentAndReportsItAtOnce) {
  clock_.advance(3s);
  EXPECT_EQ(send(11, 1), SendOutcome::queued);

  const auto records = kafka_.records("in");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].partition, 1);
  EXPECT_EQ(records[0].text(), "v11");
  EXPECT_EQ(records[0].header("h"), "x");
  EXPECT_EQ(records[0].timestamp_ms, 7);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].tag, 11U);
  EXPECT_EQ(reports_[0].offset, 0);
  EXPECT_EQ(reports_[0].error, "");
  EXPECT_EQ(reports_[0].time, SteadyTime(3s));
  EXPECT_EQ(producer_->flush(0ms, {}), 0U);
}

TEST_F(FakeKafkaTest, StampsItsOwnTimeWhereTheTopicSaysSo) {
  kafka_.set_broker_ahead(5s);
  static_cast<void>(send(1));
  kafka_.set_topic_config("in", "message.timestamp.type", "LogAppendTime");
  static_cast<void>(send(2));

  const std::int64_t brokers_ms = unix_ms(clock_.wall_now() + 5s);
  EXPECT_EQ(kafka_.records("in")[0].timestamp_ms, 7);
  EXPECT_EQ(kafka_.records("in")[1].timestamp_ms, brokers_ms);
  ASSERT_EQ(reports_.size(), 2U);
  EXPECT_EQ(reports_[0].log_append_ms, std::nullopt);
  EXPECT_EQ(reports_[1].log_append_ms, brokers_ms);
}

TEST_F(FakeKafkaTest, SettingsAreReadAndAdminCallsAreShownBefore) {
  std::vector<std::string> calls;
  kafka_.on_admin = [&](const std::string& call, const std::string& name) {
    calls.push_back(call + " " + name);
    if (name == "forbidden") {
      throw UnavailableError("not for you");
    }
  };
  const auto admin = kafka_.make_admin({}, {});
  admin->create_topic_on("here", {3, 1}, {{"a", "b"}});
  kafka_.set_broker_config("c", "d");

  EXPECT_EQ(admin->topic_settings("here"), (kafka::Settings{{"a", "b"}}));
  EXPECT_EQ(admin->topic_config("here", "c"), std::nullopt);
  EXPECT_EQ(admin->broker_settings(1), (kafka::Settings{{"c", "d"}}));
  EXPECT_EQ(admin->describe("here").partitions.size(), 2U);
  EXPECT_THROW(admin->delete_topic("forbidden"), UnavailableError);
  admin->delete_topic("here");
  EXPECT_EQ(kafka_.topics(), (std::vector<std::string>{"in"}));
  EXPECT_EQ(calls,
            (std::vector<std::string>{"create_topic here", "topic_settings here", "topic_settings here",
                                      "broker_settings 1", "delete_topic forbidden", "delete_topic here"}));
}

TEST_F(FakeKafkaTest, HoldsReportsUntilTheyAreReleasedInAnyOrder) {
  kafka_.hold_reports();
  static_cast<void>(send(1));
  static_cast<void>(send(2));
  static_cast<void>(send(3));
  EXPECT_EQ(producer_->flush(1h, {}), 3U);

  EXPECT_TRUE(kafka_.release_report(2));
  EXPECT_FALSE(kafka_.release_report(2));
  EXPECT_THAT(tags(), ElementsAre(2U));
  kafka_.release_reports();
  EXPECT_THAT(tags(), ElementsAre(2U, 1U, 3U));
  EXPECT_EQ(producer_->flush(1h, {}), 0U);
}

TEST_F(FakeKafkaTest, ReportsFailuresWithoutKeepingTheRecord) {
  kafka_.fail_next("MSG_TIMED_OUT");
  static_cast<void>(send(1));
  static_cast<void>(send(2, 0, "elsewhere"));
  static_cast<void>(send(3));

  ASSERT_EQ(reports_.size(), 3U);
  EXPECT_EQ(reports_[0].error, "MSG_TIMED_OUT");
  EXPECT_EQ(reports_[1].error, "UNKNOWN_TOPIC_OR_PART");
  EXPECT_EQ(reports_[2].error, "");
  EXPECT_EQ(kafka_.records("in").size(), 1U);
  EXPECT_THROW(static_cast<void>(send(4, 2)), kafka::KafkaError);
}

TEST_F(FakeKafkaTest, SaysQueueFullWhileTold) {
  kafka_.set_queue_full(true);
  EXPECT_EQ(send(1), SendOutcome::queue_full);
  kafka_.set_queue_full(false);
  EXPECT_EQ(send(1), SendOutcome::queued);
  EXPECT_THAT(tags(), ElementsAre(1U));
}

TEST_F(FakeKafkaTest, FirstMemberGetsAllPartitionsAndReadsThemInTurn) {
  kafka_.add_record("in", 0, "a", "0-0");
  kafka_.add_record("in", 0, "b", "0-1");
  kafka_.add_record("in", 1, "c", "1-0");
  const auto consumer = member("pod-a");

  std::vector<std::string> read;
  while (const auto message = consumer->poll(0ms)) {
    read.push_back(text_of(*message));
  }
  EXPECT_THAT(read, ElementsAre("0-0", "1-0", "0-1"));
  EXPECT_THAT(listener_.events, ElementsAre("assigned 0,1"));
}

TEST_F(FakeKafkaTest, CommitsWhatIsStoredWhileRevokingAndGoesOnThereWithTheNextMember) {
  kafka_.add_record("in", 1, "a", "1-0");
  kafka_.add_record("in", 1, "b", "1-1");
  const auto first = member("pod-a");
  EXPECT_EQ(text_of(*first->poll(0ms)), "1-0");
  listener_.at_revoke = [&] { first->store_offset(1, 1); };
  kafka_.revoke("pod-a", {1});
  EXPECT_EQ(first->poll(0ms), nullptr);
  EXPECT_EQ(kafka_.committed("g", "in", 1), 1);
  EXPECT_EQ(kafka_.committed("g", "in", 0), std::nullopt);

  const auto second = member("pod-b");
  EXPECT_EQ(text_of(*second->poll(0ms)), "1-1");
  EXPECT_THAT(kafka_.assignment("pod-a"), ElementsAre(0));
  EXPECT_THAT(kafka_.assignment("pod-b"), ElementsAre(1));
}

TEST_F(FakeKafkaTest, IgnoresOffsetsOfLostPartitions) {
  const auto consumer = member("pod-a");
  EXPECT_EQ(consumer->poll(0ms), nullptr);
  consumer->store_offset(0, 5);
  EXPECT_EQ(kafka_.stored("pod-a", 0), 5);
  kafka_.lose("pod-a", {0});
  EXPECT_EQ(consumer->poll(0ms), nullptr);
  consumer->store_offset(0, 6);
  consumer->commit();
  EXPECT_EQ(kafka_.committed("g", "in", 0), std::nullopt);
  EXPECT_THAT(listener_.events, ElementsAre("assigned 0,1", "lost 0"));
}

TEST_F(FakeKafkaTest, ClosingRevokesAndCommits) {
  const auto consumer = member("pod-a");
  EXPECT_EQ(consumer->poll(0ms), nullptr);
  consumer->store_offset(1, 4);
  consumer->close(1s);
  EXPECT_EQ(kafka_.committed("g", "in", 1), 4);
  EXPECT_THAT(listener_.events, ElementsAre("assigned 0,1", "revoked 0,1"));
  EXPECT_THAT(kafka_.assignment("pod-a"), IsEmpty());
}

TEST_F(FakeKafkaTest, PausedItServesItsGroupAndReadsOnWhereItWas) {
  kafka_.add_record("in", 0, "a", "0-0");
  kafka_.add_record("in", 0, "b", "0-1");
  const auto consumer = member("pod-a");
  EXPECT_EQ(text_of(*consumer->poll(0ms)), "0-0");
  consumer->pause();
  EXPECT_TRUE(kafka_.paused("pod-a"));
  kafka_.revoke("pod-a", {1});
  EXPECT_EQ(consumer->poll(0ms), nullptr);
  EXPECT_THAT(listener_.events, ElementsAre("assigned 0,1", "revoked 1"));
  consumer->resume();
  EXPECT_EQ(text_of(*consumer->poll(0ms)), "0-1");
}

TEST_F(FakeKafkaTest, TellsOfStoredOffsets) {
  kafka_.on_store_offset = [](std::int32_t partition, std::int64_t next_offset) {
    throw FailedError(fmt::format("{} {}", partition, next_offset));
  };
  const auto consumer = member("pod-a");
  EXPECT_EQ(consumer->poll(0ms), nullptr);
  EXPECT_EQ(message_of<FailedError>([&] { consumer->store_offset(1, 4); }), "1 4");
}

TEST_F(FakeKafkaTest, AssignReadsFromGivenOffsetsWithoutAGroup) {
  kafka_.add_record("in", 0, "a", "0-0");
  kafka_.add_record("in", 0, "b", "0-1");
  const auto consumer = kafka_.make_consumer({});
  consumer->assign("in", {{0, 1}});
  EXPECT_EQ(text_of(*consumer->poll(0ms)), "0-1");
  EXPECT_EQ(consumer->poll(0ms), nullptr);
}

TEST_F(FakeKafkaTest, PollOfAMissingTopicThrowsItsName) {
  const auto consumer = member("pod-a");
  kafka_.delete_topic("in");
  try {
    static_cast<void>(consumer->poll(0ms));
    FAIL() << "threw nothing";
  } catch (const kafka::KafkaError& e) {
    EXPECT_EQ(e.name(), "UNKNOWN_TOPIC_OR_PART");
  }
}

TEST_F(FakeKafkaTest, WakesAPollWhenARecordArrives) {
  kafka_.on_idle_poll = nullptr;
  const auto consumer = member("pod-a");
  EXPECT_EQ(consumer->poll(0ms), nullptr);
  std::unique_ptr<kafka::Message> message;
  std::jthread reader([&] { message = consumer->poll(10s); });
  kafka_.add_record("in", 0, "a", "late");
  reader.join();
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(text_of(*message), "late");
}

TEST_F(FakeKafkaTest, WaitUntilSeesChangesOfOtherThreads) {
  const std::jthread sender([this] { static_cast<void>(send(1)); });
  EXPECT_TRUE(kafka_.wait_until([this] { return kafka_.records("in").size() == 1; }));
  EXPECT_FALSE(kafka_.wait_until([] { return false; }, 0ms));
}

TEST_F(FakeKafkaTest, WhatIsDeletedIsNeitherReadNorFound) {
  for (const char* key : {"0", "1", "2"}) {
    kafka_.add_record("in", 0, key, "v");
  }
  kafka_.delete_before("in", 0, 2);

  const auto admin = kafka_.make_admin({}, {});
  EXPECT_EQ(admin->lag("in", "g")[0].begin, 2);
  EXPECT_EQ(admin->lag("in", "g")[0].end, 3);
  EXPECT_EQ(admin->offsets_at("in", 0)[0].offset, 2);
  const auto reader = kafka_.make_consumer({});
  reader->assign("in", {{0, 0}});
  const auto message = reader->poll(0ms);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->key(), "2");
}

TEST_F(FakeKafkaTest, AdminFindsTheFirstRecordOfATime) {
  const auto admin = kafka_.make_admin({}, {});
  admin->create_topic("out", 2, 1);
  for (const std::int64_t time : {1000, 2000, 3000}) {
    FakeRecord record;
    record.timestamp_ms = time;
    kafka_.add_record("out", record);
  }
  const auto offsets = admin->offsets_at("out", 1500);
  ASSERT_EQ(offsets.size(), 2U);
  EXPECT_EQ(offsets[0].offset, 1);
  EXPECT_EQ(offsets[1].offset, 0);  // There is none: its end.
  EXPECT_EQ(admin->offsets_at("out", 4000)[0].offset, 3);
}

TEST_F(FakeKafkaTest, AdminSeesTopicsLagAndGroups) {
  const auto admin = kafka_.make_admin({}, {});
  admin->create_topic("out", 3, 1);
  EXPECT_EQ(admin->describe("out").partitions.size(), 3U);
  EXPECT_THROW(admin->create_topic("out", 3, 1), kafka::KafkaError);
  kafka_.add_record("out", 2, "a", "x");
  kafka_.set_committed("g", "out", 2, 1);
  const auto lags = admin->lag("out", "g");
  ASSERT_EQ(lags.size(), 3U);
  EXPECT_EQ(lags[2].end, 1);
  EXPECT_EQ(lags[2].lag(), 0);
  EXPECT_EQ(admin->group("g").state, "Empty");
  const auto consumer = member("pod-a");
  EXPECT_EQ(admin->group("g").members.at(0).client_id, "pod-a");
  admin->delete_topic("out");
  EXPECT_THAT(admin->describe("out").partitions, IsEmpty());
  kafka_.set_down(true);
  EXPECT_THROW(static_cast<void>(admin->describe("out")), UnavailableError);
}

}  // namespace
}  // namespace kexp::test
