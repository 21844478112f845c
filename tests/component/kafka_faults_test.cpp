// What a real broker cannot be made to do: errors and silence on demand, by librdkafka's mock cluster.

#include <array>
#include <mutex>

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kexp/core/error.hpp"
#include "kexp/kafka/librdkafka.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/loopback_socket.hpp"

namespace kexp::kafka {
namespace {

using namespace std::chrono_literals;
using test::CapturingLog;
using test::message_of;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using Partitions = std::vector<std::int32_t>;

constexpr std::int32_t kBroker = 1;
constexpr std::chrono::seconds kDeadline{30};
/// Well below any time-out that could hold something up, well above what it takes on a busy machine.
constexpr std::chrono::seconds kAtOnce{15};
// Numbers of requests in the protocol.
constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kOffsetCommit = 8;
constexpr std::int16_t kFindCoordinator = 10;
constexpr std::int16_t kInitProducerId = 22;

/// One broker of librdkafka's, in this process.
class MockBroker {
 public:
  MockBroker() {
    std::array<char, 512> text{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", text.data(), text.size());  // It misses servers of its own.
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    cluster_ = rd_kafka_mock_cluster_new(client_, 1);
  }
  ~MockBroker() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }
  MockBroker(const MockBroker&) = delete;
  MockBroker& operator=(const MockBroker&) = delete;

  [[nodiscard]] std::string servers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void create(const std::string& topic, int partitions) {
    rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
  }
  void set_down() { rd_kafka_mock_broker_set_down(cluster_, kBroker); }
  void set_up() { rd_kafka_mock_broker_set_up(cluster_, kBroker); }
  void answer_after(std::chrono::milliseconds delay) {
    rd_kafka_mock_broker_set_rtt(cluster_, kBroker, static_cast<int>(delay.count()));
  }
  /// The next `count` requests of that kind fail.
  void fail(std::int16_t request, rd_kafka_resp_err_t error, std::size_t count = 1) {
    const std::vector<rd_kafka_resp_err_t> errors(count, error);
    rd_kafka_mock_push_request_errors_array(cluster_, request, count, errors.data());
  }

 private:
  rd_kafka_t* client_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

class Listener final : public RebalanceListener {
 public:
  void on_assigned(const Partitions& partitions) override { assigned += partitions.size(); }
  void on_revoked(const Partitions& partitions) override {
    revoked += partitions.size();
    if (at_revoke) {
      at_revoke();
    }
  }
  void on_lost(const Partitions& partitions) override { lost += partitions.size(); }

  std::size_t assigned = 0;
  std::size_t revoked = 0;
  std::size_t lost = 0;
  std::function<void()> at_revoke;
};

template <typename Action>
std::chrono::steady_clock::duration time_of(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::steady_clock::now() - start;
}

class KafkaFaultsTest : public testing::Test {
 protected:
  KafkaFaultsTest() {
    broker_.create("in", 2);
    producer_options_.client.servers = broker_.servers();
    consumer_options_.client.servers = broker_.servers();
    consumer_options_.group = "g";
    consumer_options_.session_timeout = 30s;
  }

  std::unique_ptr<Producer> producer() {
    return factory_->make_producer(producer_options_, [this](const DeliveryReport& report) {
      const std::scoped_lock lock(mutex_);
      reports_.push_back(report);
    });
  }

  static OutgoingRecord record(std::span<const std::uint8_t> value, std::uint64_t tag = 0) {
    OutgoingRecord record;
    record.topic = "in";
    record.partition = 0;
    record.value = value;
    record.tag = tag;
    return record;
  }

  SendOutcome send_byte(Producer& producer, std::uint64_t tag = 0) {
    const std::uint8_t byte = 7;
    return producer.send(record({&byte, 1}, tag));
  }

  std::vector<std::string> errors() {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> errors;
    for (const DeliveryReport& report : reports_) {
      errors.push_back(report.error);
    }
    return errors;
  }

  /// A consumer of the group that has its partitions.
  std::unique_ptr<Consumer> member() {
    auto consumer = factory_->make_consumer(consumer_options_);
    consumer->subscribe("in", listener_);
    EXPECT_TRUE(poll_until(*consumer, [this] { return listener_.assigned == 2; }));
    return consumer;
  }

  template <typename Done>
  static bool wait_until(Done done, std::chrono::milliseconds timeout = kDeadline) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return done();
  }

  template <typename Done>
  static bool poll_until(Consumer& consumer, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      static_cast<void>(consumer.poll(20ms));
    }
    return done();
  }

  MockBroker broker_;
  CapturingLog log_;
  std::unique_ptr<ClientFactory> factory_ = make_client_factory(log_);
  ProducerOptions producer_options_;
  ConsumerOptions consumer_options_;
  Listener listener_;
  std::mutex mutex_;
  std::vector<DeliveryReport> reports_;
};

TEST_F(KafkaFaultsTest, ReportsTheBrokersRefusalByItsName) {
  broker_.fail(kProduce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_THAT(errors(), ElementsAre("TOPIC_AUTHORIZATION_FAILED"));
}

TEST_F(KafkaFaultsTest, SendsAgainWhatFailedInPassing) {
  broker_.fail(kProduce, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 2);
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_THAT(errors(), ElementsAre(""));
}

TEST_F(KafkaFaultsTest, FatalErrorOfTheProducerThrowsAtTheNextSend) {
  broker_.fail(kInitProducerId, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
  const auto sender = producer();
  try {
    static_cast<void>(send_byte(*sender));  // The refusal may come before it,
    ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
    EXPECT_THAT(errors(), ElementsAre(Not("")));
    static_cast<void>(send_byte(*sender));  // and has come before this one.
    FAIL() << "threw nothing";
  } catch (const KafkaError& e) {
    EXPECT_EQ(e.name(), "CLUSTER_AUTHORIZATION_FAILED");
    EXPECT_EQ(e.code(), ExitCode::failed);
    EXPECT_FALSE(e.retriable());
  }
  EXPECT_EQ(sender->flush(kDeadline, {}), 0U);  // A refused record is not waited for.
}

// The headers were freed twice, by librdkafka, once a topic had been deleted.
TEST_F(KafkaFaultsTest, RecordWithHeadersForAPartitionThatIsNotThereThrows) {
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);  // The topic's partitions are known.
  const std::uint8_t byte = 7;
  const Header header{"name", "value"};
  OutgoingRecord lost = record({&byte, 1});
  lost.partition = 2;
  lost.headers = {&header, 1};
  try {
    static_cast<void>(sender->send(lost));
    FAIL() << "threw nothing";
  } catch (const KafkaError& e) {
    EXPECT_EQ(e.name(), "_UNKNOWN_PARTITION");
  }
  EXPECT_EQ(sender->flush(kDeadline, {}), 0U);  // A refused record is not waited for.
}

TEST_F(KafkaFaultsTest, ReportsWhatNobodyAnsweredInTimeAsTimedOut) {
  broker_.set_down();
  producer_options_.delivery_timeout = 300ms;
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_THAT(errors(), ElementsAre("_MSG_TIMED_OUT"));
  EXPECT_FALSE(reports_.front().possibly_persisted) << "it never left";
}

TEST_F(KafkaFaultsTest, FlushGivesUpWhatNeverLeftWhenItsTimeIsOver) {
  broker_.set_down();
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  EXPECT_EQ(sender->flush(50ms, {}), 0U);
  EXPECT_THAT(errors(), ElementsAre("_PURGE_QUEUE", "_PURGE_QUEUE"));
  EXPECT_FALSE(reports_.front().possibly_persisted);
}

TEST_F(KafkaFaultsTest, SaysThatWhatTimedOutOnItsWayMayHaveArrived) {
  producer_options_.delivery_timeout = 4s;
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);  // Connected.
  broker_.answer_after(30s);
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_THAT(errors(), ElementsAre("", "_MSG_TIMED_OUT"));
  EXPECT_FALSE(reports_.front().possibly_persisted);
  EXPECT_TRUE(reports_.back().possibly_persisted);
}

TEST_F(KafkaFaultsTest, FlushSaysOfWhatItGivesUpThatItMayHaveArrived) {
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);  // Connected.
  broker_.answer_after(30s);
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  EXPECT_EQ(sender->flush(2s, {}), 1U) << "on its way";
  broker_.set_down();
  ASSERT_TRUE(wait_until([&] { return !sender->last_fault().empty(); }));
  EXPECT_EQ(sender->flush(300ms, {}), 0U) << "waited to be sent again";
  EXPECT_THAT(errors(), ElementsAre("", "_PURGE_QUEUE"));
  EXPECT_TRUE(reports_.back().possibly_persisted);
}

TEST_F(KafkaFaultsTest, SaysQueueFullAndLeavesNothingBehindAtTheEnd) {
  broker_.set_down();
  producer_options_.queue_bytes = 1;  // The largest record must still fit.
  auto sender = producer();
  const std::vector<std::uint8_t> image(6'000'000);
  EXPECT_EQ(sender->send(record(image)), SendOutcome::queued);
  EXPECT_EQ(sender->send(record(image)), SendOutcome::queued);
  EXPECT_EQ(sender->send(record(image)), SendOutcome::queue_full);
  EXPECT_LT(time_of([&] { sender.reset(); }), kAtOnce);
  EXPECT_THAT(reports_, SizeIs(0)) << "nobody is told of what nobody knows";
}

TEST_F(KafkaFaultsTest, SmallRecordsFillTheQueueByTheirNumber) {
  broker_.set_down();
  producer_options_.queue_records = 2;
  const auto sender = producer();
  EXPECT_EQ(send_byte(*sender), SendOutcome::queued);
  EXPECT_EQ(send_byte(*sender), SendOutcome::queued);
  EXPECT_EQ(send_byte(*sender), SendOutcome::queue_full);
}

TEST_F(KafkaFaultsTest, FlushGivesUpWhatNeverLeftWithinASecondOfAStop) {
  broker_.set_down();
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  std::stop_source stop;
  stop.request_stop();
  const auto time = time_of([&] { EXPECT_LE(sender->flush(kDeadline, stop.get_token()), 1U); });
  EXPECT_GE(time, 700ms);
  EXPECT_LT(time, kAtOnce);
  ASSERT_TRUE(wait_until([this] { return !errors().empty(); }));  // On a busy machine after it has returned.
  EXPECT_THAT(errors(), ElementsAre("_PURGE_QUEUE"));
  EXPECT_FALSE(reports_.front().possibly_persisted);
}

TEST_F(KafkaFaultsTest, FlushAfterAStopStillTakesWhatComes) {
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  std::stop_source stop;
  stop.request_stop();
  static_cast<void>(sender->flush(kDeadline, stop.get_token()));
  EXPECT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_THAT(errors(), ElementsAre(""));
}

TEST_F(KafkaFaultsTest, LogsOnceThatBrokersAreGoneAndThatTheyAreBack) {
  const auto consumer = member();
  broker_.set_down();
  ASSERT_TRUE(poll_until(*consumer, [this] { return log_.count(LogLevel::warn, "_ALL_BROKERS_DOWN") > 0; }));
  EXPECT_EQ(consumer->poll(500ms), nullptr);
  EXPECT_EQ(log_.count(LogLevel::warn), 1U);

  broker_.set_up();
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_TRUE(poll_until(*consumer, [this] { return log_.count(LogLevel::info, "recovered") > 0; }));
  consumer->close(5s);
}

TEST_F(KafkaFaultsTest, LastFaultSaysWhatIsWrongUntilTheNextAnswer) {
  const auto sender = producer();
  EXPECT_EQ(sender->last_fault(), "");
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_EQ(sender->last_fault(), "");

  broker_.set_down();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  EXPECT_TRUE(wait_until([&] { return !sender->last_fault().empty(); }));
  EXPECT_THAT(sender->last_fault(), Not(HasSubstr("thrd:")));

  broker_.set_up();
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_EQ(sender->last_fault(), "");
  EXPECT_THAT(errors(), ElementsAre("", ""));
}

TEST_F(KafkaFaultsTest, WhatTheClientGivesUpByItselfIsNoAnswer) {
  broker_.set_down();
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_TRUE(wait_until([&] { return !sender->last_fault().empty(); }));
  ASSERT_EQ(sender->flush(50ms, {}), 0U);
  ASSERT_THAT(errors(), ElementsAre("_PURGE_QUEUE"));
  EXPECT_NE(sender->last_fault(), "");
}

TEST_F(KafkaFaultsTest, StatisticsComeWhenTheyAreAskedFor) {
  std::vector<std::string> statistics;
  producer_options_.statistics_interval = 10ms;
  producer_options_.on_statistics = [&](std::string_view json) {
    const std::scoped_lock lock(mutex_);
    statistics.emplace_back(json);
  };
  auto sender = producer();
  ASSERT_TRUE(wait_until([&] {
    const std::scoped_lock lock(mutex_);
    return statistics.size() >= 2;
  }));
  sender.reset();
  EXPECT_THAT(statistics.front(), AllOf(StartsWith("{"), EndsWith("}"), HasSubstr("\"txmsgs\"")));
}

TEST_F(KafkaFaultsTest, IntervalOfStatisticsOfTheUserWins) {
  std::atomic<int> statistics = 0;
  producer_options_.statistics_interval = 10ms;
  producer_options_.client.properties = {{"statistics.interval.ms", "3600000"}};
  producer_options_.on_statistics = [&](std::string_view) { ++statistics; };
  const auto sender = producer();
  ASSERT_EQ(send_byte(*sender), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  EXPECT_FALSE(wait_until([&] { return statistics > 0; }, 100ms));
}

TEST_F(KafkaFaultsTest, RefusedGroupThrows) {
  broker_.fail(kFindCoordinator, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 10);
  const auto consumer = factory_->make_consumer(consumer_options_);
  consumer->subscribe("in", listener_);
  EXPECT_THAT(message_of<KafkaError>([&] { return poll_until(*consumer, [] { return false; }); }),
              HasSubstr("cannot read in"));
  consumer->close(1s);
}

TEST_F(KafkaFaultsTest, RefusedCommitThrows) {
  const auto consumer = member();
  broker_.fail(kOffsetCommit, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 10);
  consumer->store_offset(0, 1);  // Could be committed in the background before.
  EXPECT_THAT(message_of<KafkaError>([&] {
                consumer->commit();
                return 0;
              }),
              HasSubstr("cannot commit offsets of in"));
  consumer->close(5s);
}

/// Consumers of a group whose last committed offset lies beyond the end of a topic that was made anew.
class KafkaRewoundTest : public KafkaFaultsTest {
 protected:
  std::unique_ptr<Consumer> far_ahead() {
    auto consumer = member();
    consumer->store_offset(0, 50);
    consumer->commit();
    EXPECT_EQ(committed(), 50);
    return consumer;
  }
  std::optional<std::int64_t> committed() { return admin_->lag("in", "g").at(0).committed; }

  std::unique_ptr<Admin> admin_ = factory_->make_admin(consumer_options_.client, {});
};

// librdkafka's background commits pass over what is not above the last one: it was lost when the process
// ended.
TEST_F(KafkaRewoundTest, AnOffsetBelowTheCommittedOneIsCommittedInTheBackground) {
  const auto consumer = far_ahead();
  consumer->store_offset(0, 1);
  EXPECT_TRUE(poll_until(*consumer, [this] { return committed() == 1; }));
  consumer->store_offset(0, 2);
  EXPECT_TRUE(poll_until(*consumer, [this] { return committed() == 2; }));
  consumer->close(5s);
  EXPECT_EQ(committed(), 2);
}

TEST_F(KafkaRewoundTest, AnOffsetBelowTheOneOfAnEarlierProcessIsCommittedInTheBackground) {
  consumer_options_.session_timeout = 6s;  // So long the mock cluster waits for a member that has left.
  far_ahead()->close(5s);
  listener_.assigned = 0;
  const auto consumer = member();
  consumer->store_offset(0, 1);
  EXPECT_TRUE(poll_until(*consumer, [this] { return committed() == 1; }));
  consumer->close(5s);
}

TEST_F(KafkaRewoundTest, ClosingCommitsAnOffsetBelowTheCommittedOne) {
  const auto consumer = far_ahead();
  consumer->store_offset(0, 1);
  consumer->close(5s);
  EXPECT_EQ(committed(), 1);
}

TEST_F(KafkaFaultsTest, AMemberWhoseNameAnotherOneTookNamesTheFlag) {
  consumer_options_.instance_id = "pod-0";
  const auto consumer = member();
  broker_.fail(kOffsetCommit, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, 10);
  consumer->store_offset(0, 1);
  EXPECT_THAT(message_of<KafkaError>([&] { return poll_until(*consumer, [] { return false; }); }),
              AllOf(HasSubstr("cannot read in"), HasSubstr("--instance-id")));
  consumer->close(1s);
}

TEST_F(KafkaFaultsTest, SaysTheLagOfSomePartitionsAlone) {
  broker_.create("wide", 3);
  const auto sender = producer();
  const std::uint8_t byte = 7;
  for (const std::int32_t partition : {0, 2, 2}) {
    OutgoingRecord sent = record({&byte, 1});
    sent.topic = "wide";
    sent.partition = partition;
    ASSERT_EQ(sender->send(sent), SendOutcome::queued);
  }
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  const auto admin = factory_->make_admin(consumer_options_.client, {});
  const std::vector<PartitionLag> lags = admin->lag_of("wide", "g", {2, 1});
  ASSERT_THAT(lags, SizeIs(2));
  EXPECT_EQ(lags[0].partition, 2);
  EXPECT_EQ(lags[0].begin, 0);
  EXPECT_EQ(lags[0].end, 2);
  EXPECT_EQ(lags[0].committed, std::nullopt);
  EXPECT_EQ(lags[1].partition, 1);
  EXPECT_EQ(lags[1].end, 0);
  EXPECT_THAT(admin->lag_of("wide", "g", {}), SizeIs(0));
}

TEST_F(KafkaFaultsTest, CommitWithoutAnythingStoredIsFine) {
  const auto consumer = member();
  EXPECT_NO_THROW(consumer->commit());
  consumer->close(5s);
}

TEST_F(KafkaFaultsTest, AnExceptionOfTheListenerComesOutOfCloseAndThePartitionsGo) {
  const auto consumer = member();
  listener_.at_revoke = [] { throw FailedError("from the listener"); };
  EXPECT_THAT(message_of<FailedError>([&] {
                consumer->close(5s);
                return 0;
              }),
              HasSubstr("from the listener"));
  EXPECT_EQ(listener_.revoked, 2U);
}

TEST_F(KafkaFaultsTest, CloseEndsInTimeThoughNobodyAnswers) {
  const auto consumer = member();
  consumer->store_offset(0, 1);
  broker_.set_down();
  EXPECT_LT(time_of([&] { consumer->close(1s); }), kAtOnce) << "not the session's 30 s";
  EXPECT_EQ(listener_.revoked + listener_.lost, 2U);
}

TEST_F(KafkaFaultsTest, CloseEndsInTimeThoughNobodyAnswersAndNothingIsStored) {
  const auto consumer = member();
  broker_.set_down();
  EXPECT_LT(time_of([&] { consumer->close(1s); }), kAtOnce);
  EXPECT_EQ(log_.count(LogLevel::warn, "kafka: close"), 1U);
}

TEST_F(KafkaFaultsTest, CloseEndsInTimeWhileJoining) {
  broker_.set_down();
  const auto consumer = factory_->make_consumer(consumer_options_);
  consumer->subscribe("in", listener_);
  EXPECT_EQ(consumer->poll(100ms), nullptr);
  EXPECT_LT(time_of([&] { consumer->close(1s); }), kAtOnce);
}

TEST_F(KafkaFaultsTest, ConsumerThatNobodyClosedEndsInTimeAndTellsNobody) {
  auto consumer = member();
  EXPECT_LT(time_of([&] { consumer.reset(); }), kAtOnce);
  EXPECT_EQ(listener_.revoked + listener_.lost, 0U);
}

TEST(KafkaUnavailableTest, AdminNamesTheServersAndTheFlagsWithinItsTimeout) {
  CapturingLog log;
  ClientOptions options;
  options.servers = "127.0.0.1:1";
  options.admin_timeout = 500ms;
  const auto admin = make_client_factory(log)->make_admin(options, {});
  const auto expected =
      AllOf(HasSubstr("no broker answered at 127.0.0.1:1 within 0.5 s"), HasSubstr("--servers"),
            HasSubstr("KAFKA_SERVERS"), HasSubstr("Connection refused"), Not(HasSubstr("thrd:")),
            Not(HasSubstr("(after ")));
  const auto time = time_of([&] {
    EXPECT_THAT(message_of<UnavailableError>([&] { return admin->describe("in"); }), expected);
    EXPECT_THAT(message_of<UnavailableError>([&] { return admin->lag("in", "g"); }), expected);
    EXPECT_THAT(message_of<UnavailableError>([&] { return admin->group("g"); }), expected);
    EXPECT_THAT(message_of<UnavailableError>([&] { return admin->topic_config("in", "x"); }), expected);
    EXPECT_THAT(message_of<UnavailableError>([&] {
                  admin->delete_topic("in");
                  return 0;
                }),
                expected);
  });
  EXPECT_LT(time, kAtOnce);
}

TEST(KafkaUnavailableTest, AStopEndsTheWaitForASilentBroker) {
  const test::LoopbackSocket broker(test::LoopbackSocket::Connections::taken);
  CapturingLog log;
  ClientOptions options;
  options.servers = broker.address();
  options.admin_timeout = kDeadline;
  std::stop_source stop;
  stop.request_stop();
  const auto admin = make_client_factory(log)->make_admin(options, stop.get_token());
  const auto time = time_of([&] {
    EXPECT_THAT(message_of<InterruptedError>([&] { return admin->describe("in"); }),
                HasSubstr(broker.address()));
  });
  EXPECT_LT(time, 10s);
}

class KafkaPropertiesTest : public testing::Test {
 protected:
  std::string refused(const std::string& name, const std::string& value) {
    ProducerOptions options;
    options.client.properties = {{name, value}};
    return message_of<UsageError>(
        [&] { return factory_->make_producer(options, [](const DeliveryReport&) {}); });
  }
  std::string refused_servers(const std::string& servers) {
    ClientOptions options;
    options.servers = servers;
    return message_of<UsageError>([&] { return factory_->make_admin(options, {}); });
  }

  CapturingLog log_;
  std::unique_ptr<ClientFactory> factory_ = make_client_factory(log_);
};

TEST_F(KafkaPropertiesTest, UnknownNameIsAUsageErrorWithTheNearest) {
  EXPECT_THAT(refused("linger.m", "1"),
              AllOf(HasSubstr("-X linger.m:"), HasSubstr("did you mean linger.ms?")));
}

TEST_F(KafkaPropertiesTest, RejectedValueIsAUsageErrorWithTheLibrarysText) {
  EXPECT_THAT(refused("linger.ms", "soon"),
              AllOf(HasSubstr("-X linger.ms=soon"), HasSubstr("Invalid value")));
}

// librdkafka spoke of queue.buffering.max.ms, which nobody had written.
TEST_F(KafkaPropertiesTest, RejectedValueOfAnAliasIsNamedAsItWasWritten) {
  EXPECT_THAT(refused("linger.ms", "soon"), EndsWith("configuration property \"linger.ms\""));
  EXPECT_THAT(refused("linger.ms", "99999999"),
              AllOf(HasSubstr("property \"linger.ms\" value"), EndsWith("range 0..900000")));
  EXPECT_THAT(refused("compression.type", "zip"),
              AllOf(HasSubstr("\"zip\""), EndsWith("property \"compression.type\"")));
}

TEST_F(KafkaPropertiesTest, ValuesThatDoNotGoTogetherAreAUsageError) {
  const char* const name = "max.in.flight.requests.per.connection";
  EXPECT_THAT(refused(name, "6"), AllOf(HasSubstr("-X max.in.flight"), HasSubstr("enable.idempotence")));
}

// The consumer of a command wants its session's timeout, and the library told twice that others ignore it.
TEST_F(KafkaPropertiesTest, OfACommandsPropertiesEachClientTakesItsOwn) {
  ClientOptions client;
  client.whose = ClientOptions::Whose::of_both;
  client.properties = {{"session.timeout.ms", "9000"}, {"linger.ms", "5"}, {"queued.min.messages", "7"}};
  ProducerOptions producer;
  producer.client = client;
  ConsumerOptions consumer;
  consumer.client = client;
  static_cast<void>(factory_->make_producer(producer, [](const DeliveryReport&) {}));
  static_cast<void>(factory_->make_consumer(consumer));
  client.whose = ClientOptions::Whose::of_one;
  static_cast<void>(factory_->make_admin(client, {}));
  EXPECT_EQ(log_.count(LogLevel::warn, "CONFWARN"), 0U);

  producer.client = client;
  static_cast<void>(factory_->make_producer(producer, [](const DeliveryReport&) {}));
  EXPECT_EQ(log_.count(LogLevel::warn, "session.timeout.ms is a consumer property"), 1U);
}

TEST_F(KafkaPropertiesTest, APropertyOfTheOtherClientIsCheckedAsWell) {
  ProducerOptions options;
  options.client.whose = ClientOptions::Whose::of_both;
  options.client.properties = {{"session.timeout.ms", "soon"}};
  EXPECT_THAT(
      message_of<UsageError>([&] { return factory_->make_producer(options, [](const DeliveryReport&) {}); }),
      AllOf(HasSubstr("-X session.timeout.ms=soon"), HasSubstr("Invalid value")));
}

TEST_F(KafkaPropertiesTest, WhatKexpNeedsAsItIsNamesTheFlag) {
  EXPECT_THAT(refused("bootstrap.servers", "x"), HasSubstr("use --servers"));
  EXPECT_THAT(refused("metadata.broker.list", "x"), HasSubstr("use --servers"));
  EXPECT_THAT(refused("group.id", "x"), HasSubstr("use --group"));
  EXPECT_THAT(refused("enable.auto.offset.store", "true"), HasSubstr("after its answer"));
  EXPECT_THAT(refused("transactional.id", "x"), HasSubstr("without transactions"));
  for (const char* name : {"acks", "request.required.acks", "enable.idempotence"}) {
    EXPECT_THAT(refused(name, "0"), HasSubstr("acknowledged by all in-sync replicas")) << name;
  }
  EXPECT_THAT(refused("message.timeout.ms", "1"), HasSubstr("--delivery-timeout"));
  EXPECT_THAT(refused("delivery.timeout.ms", "1"), HasSubstr("--delivery-timeout"));
  EXPECT_THAT(refused("partitioner", "random"), HasSubstr("--partitioner"));
}

TEST_F(KafkaPropertiesTest, SecretsAreNeverShown) {
  EXPECT_THAT(refused("sasl.pasword", "hidden"), AllOf(HasSubstr("sasl.password"), Not(HasSubstr("hidden"))));
  ProducerOptions options;
  options.client.properties = {{"sasl.password", "hidden"}, {"max.in.flight.requests.per.connection", "6"}};
  EXPECT_THAT(
      message_of<UsageError>([&] { return factory_->make_producer(options, [](const DeliveryReport&) {}); }),
      AllOf(HasSubstr("-X sasl.password=***"), Not(HasSubstr("hidden"))));
}

TEST_F(KafkaPropertiesTest, ServersAreChecked) {
  for (const char* servers : {"", "a:b", "a:0", "a:65536", "a:1,", ":9092", "a b:1"}) {
    EXPECT_THAT(refused_servers(servers), HasSubstr("--servers must be host:port")) << servers;
  }
  ClientOptions options;
  for (const char* servers : {"a", "a:1,b:2", "PLAINTEXT://a:1", "[::1]:9092", "[::1]"}) {
    options.servers = servers;
    EXPECT_NO_THROW(static_cast<void>(factory_->make_admin(options, {}))) << servers;
  }
}

TEST_F(KafkaPropertiesTest, ThoseOfTheUserWin) {
  ConsumerOptions options;
  options.client.properties = {
      {"max.poll.interval.ms", "1000"}};  // Below our session timeout: so it was taken.
  EXPECT_THAT(message_of<UsageError>([&] { return factory_->make_consumer(options); }),
              HasSubstr("max.poll.interval.ms"));
}

}  // namespace
}  // namespace kexp::kafka
