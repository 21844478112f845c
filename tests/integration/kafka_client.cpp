// The clients against a real broker: run by kafka_client_test.py, which starts one and names it in
// KAFKA_SERVERS.

#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/kafka/librdkafka.hpp"
#include "kexp/kafka/topics.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"

namespace kexp::kafka {
namespace {

using namespace std::chrono_literals;
using test::CapturingLog;
using test::message_of;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Partitions = std::vector<std::int32_t>;

constexpr std::chrono::seconds kDeadline{30};

class Listener final : public RebalanceListener {
 public:
  void on_assigned(const Partitions& partitions) override {
    owned.insert(owned.end(), partitions.begin(), partitions.end());
    ++assigned;
  }
  void on_revoked(const Partitions& partitions) override {
    if (at_revoke) {
      at_revoke(partitions);
    }
    remove(partitions);
    revoked.insert(revoked.end(), partitions.begin(), partitions.end());
  }
  void on_lost(const Partitions& partitions) override {
    remove(partitions);
    lost.insert(lost.end(), partitions.begin(), partitions.end());
  }

  Partitions owned;
  Partitions revoked;
  Partitions lost;
  int assigned = 0;
  std::function<void(const Partitions&)> at_revoke;

 private:
  void remove(const Partitions& partitions) {
    for (const std::int32_t partition : partitions) {
      std::erase(owned, partition);
    }
  }
};

class KafkaClientTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* servers = std::getenv("KAFKA_SERVERS");
    if (servers == nullptr) {
      GTEST_SKIP() << "KAFKA_SERVERS names no broker";
    }
    options_.servers = servers;
    factory_ = make_client_factory(log_);
    admin_ = factory_->make_admin(options_, {});
    topic_ = fmt::format("{}-{}", testing::UnitTest::GetInstance()->current_test_info()->name(),
                         std::chrono::system_clock::now().time_since_epoch().count());
  }

  void create(int partitions) {
    create_topic_verified(*admin_, clock_, topic_, partitions, 1, kDeadline, {});
  }

  std::unique_ptr<Producer> producer(ProducerOptions options = {}) {
    options.client = options_;
    return factory_->make_producer(options, [this](const DeliveryReport& report) {
      const std::scoped_lock lock(mutex_);
      reports_.push_back(report);
    });
  }

  std::unique_ptr<Consumer> consumer(const std::string& id, ConsumerOptions options = {}) {
    options.client = options_;
    options.client.client_id = id;
    options.group = topic_ + ".consumers";
    return factory_->make_consumer(options);
  }

  static ConsumerOptions cooperative() {
    ConsumerOptions options;
    options.assignment = ConsumerOptions::Assignment::cooperative;
    return options;
  }

  static OutgoingRecord record(std::string_view topic, std::int32_t partition,
                               std::span<const std::uint8_t> value, std::uint64_t tag = 0) {
    OutgoingRecord record;
    record.topic = topic;
    record.partition = partition;
    record.value = value;
    record.tag = tag;
    return record;
  }

  /// Sends `count` records of one byte, their number, round the partitions.
  void fill(int count, int partitions) {
    const auto sender = producer();
    for (int i = 0; i < count; ++i) {
      const auto byte = static_cast<std::uint8_t>(i);
      ASSERT_EQ(sender->send(record(topic_, i % partitions, {&byte, 1})), SendOutcome::queued);
    }
    ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  }

  /// Polls until `done`; false after the deadline.
  template <typename Done>
  static bool poll_until(Consumer& consumer, const std::function<void(const Message&)>& take, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline) {
        return false;
      }
      if (const auto message = consumer.poll(50ms)) {
        take(*message);
      }
    }
    return true;
  }

  std::vector<PartitionLag> lags() { return admin_->lag(topic_, topic_ + ".consumers"); }

  CapturingLog log_;
  SystemClock clock_;
  ClientOptions options_;
  std::unique_ptr<ClientFactory> factory_;
  std::unique_ptr<Admin> admin_;
  std::string topic_;
  std::mutex mutex_;
  std::vector<DeliveryReport> reports_;
};

TEST_F(KafkaClientTest, CarriesALargeBorrowedRecordWithKeyHeadersAndTimestamp) {
  create(2);
  std::vector<std::uint8_t> image(kMaxImageBytes);
  for (std::size_t i = 0; i < image.size(); ++i) {
    image[i] = static_cast<std::uint8_t>(i * 31);
  }
  const Header headers[] = {{"kexp-run", "old"}, {"kexp-run", "r1"}, {"empty", ""}};
  OutgoingRecord sent = record(topic_, 1, image, 77);
  sent.key = "4711";
  sent.headers = headers;
  sent.timestamp_ms = unix_ms(clock_.wall_now()) - 5000;
  sent.ownership = OutgoingRecord::Value::borrowed;

  const auto sender = producer();
  const SteadyTime before = clock_.now();
  ASSERT_EQ(sender->send(sent), SendOutcome::queued);
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_EQ(reports_[0].error, "");
  EXPECT_EQ(reports_[0].tag, 77U);
  EXPECT_EQ(reports_[0].partition, 1);
  EXPECT_EQ(reports_[0].offset, 0);
  EXPECT_GT(reports_[0].time, before);

  ConsumerOptions no_group;
  no_group.client = options_;
  const auto reader = factory_->make_consumer(no_group);
  reader->assign(topic_, {{1, 0}});
  std::unique_ptr<Message> message;
  const auto deadline = clock_.now() + kDeadline;
  while (!message && clock_.now() < deadline) {
    message = reader->poll(100ms);
  }
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->partition(), 1);
  EXPECT_EQ(message->offset(), 0);
  EXPECT_EQ(message->key(), "4711");
  EXPECT_EQ(message->timestamp_ms(), sent.timestamp_ms);
  EXPECT_TRUE(std::ranges::equal(message->value(), image));
  EXPECT_EQ(message->header("kexp-run"), "r1");
  EXPECT_EQ(message->header("empty"), "");
  EXPECT_EQ(message->header("none"), std::nullopt);
  message.reset();
  reader->close(5s);
}

TEST_F(KafkaClientTest, ReportsOffsetsPerPartitionInOrder) {
  create(2);
  const auto sender = producer();
  for (std::uint64_t tag = 0; tag < 100; ++tag) {
    const auto byte = static_cast<std::uint8_t>(tag);
    ASSERT_EQ(sender->send(record(topic_, static_cast<std::int32_t>(tag % 2), {&byte, 1}, tag)),
              SendOutcome::queued);
  }
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  ASSERT_THAT(reports_, SizeIs(100));
  for (const DeliveryReport& report : reports_) {
    EXPECT_EQ(report.error, "");
    EXPECT_EQ(report.partition, static_cast<std::int32_t>(report.tag % 2));
    EXPECT_EQ(report.offset, static_cast<std::int64_t>(report.tag / 2));
  }
}

TEST_F(KafkaClientTest, RefusesWhatCanNeverBeSentAndReportsWhatTheBrokerRefuses) {
  create(1);
  fill(1, 1);  // The client knows the topic's partitions from now on.
  options_.properties = {
      {"topic.metadata.propagation.max.ms", "1000"}};  // 30 s for a topic that may be young.
  const auto sender = producer();
  const std::vector<std::uint8_t> huge(kMaxMessageBytes + 1);
  EXPECT_THAT(message_of<KafkaError>([&] { return sender->send(record(topic_, 0, huge)); }),
              HasSubstr("16777217 bytes"));

  const std::uint8_t byte = 1;
  OutgoingRecord future = record(topic_, 0, {&byte, 1}, 5);
  future.timestamp_ms = unix_ms(clock_.wall_now()) + 2 * 3600 * 1000;
  ASSERT_EQ(sender->send(future), SendOutcome::queued);
  ASSERT_EQ(sender->send(record("no-such-topic", 0, {&byte, 1}, 6)), SendOutcome::queued);
  ASSERT_EQ(sender->flush(60s, {}), 0U);
  ASSERT_THAT(reports_, SizeIs(3));
  for (const DeliveryReport& report : reports_) {
    if (report.tag == 5) {
      EXPECT_EQ(report.error, "INVALID_TIMESTAMP");
    } else if (report.tag == 6) {
      EXPECT_THAT(report.error, AnyOf("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"));
    }
  }
  EXPECT_EQ(message_of<KafkaError>([&] {
              return sender->send(record(topic_, 7, {&byte, 1}));
            }).empty(),
            false);
}

TEST_F(KafkaClientTest, GroupReadsEverythingAndGoesOnWhereItCommitted) {
  create(3);
  fill(30, 3);
  Listener listener;
  auto reader = consumer("a");
  reader->subscribe(topic_, listener);
  int count = 0;
  ASSERT_TRUE(poll_until(
      *reader,
      [&](const Message& message) {
        ++count;
        reader->store_offset(message.partition(), std::min<std::int64_t>(message.offset() + 1, 8));
      },
      [&] { return count == 30; }));
  EXPECT_THAT(listener.owned, UnorderedElementsAre(0, 1, 2));
  reader->commit();
  for (const PartitionLag& lag : lags()) {
    EXPECT_EQ(lag.end, 10);
    EXPECT_EQ(lag.committed, 8);
    EXPECT_EQ(lag.lag(), 2);
  }
  EXPECT_EQ(admin_->group(topic_ + ".consumers").state, "Stable");
  EXPECT_EQ(admin_->group(topic_ + ".consumers").members.at(0).client_id, "a");
  reader->close(10s);
  EXPECT_THAT(listener.revoked, UnorderedElementsAre(0, 1, 2));
  EXPECT_EQ(admin_->group(topic_ + ".consumers").state, "Empty");

  Listener second;
  reader = consumer("b");
  reader->subscribe(topic_, second);
  std::vector<std::int64_t> offsets;
  ASSERT_TRUE(poll_until(
      *reader, [&](const Message& message) { offsets.push_back(message.offset()); },
      [&] { return offsets.size() == 6; }));
  EXPECT_THAT(offsets, UnorderedElementsAre(8, 8, 8, 9, 9, 9));
  reader->close(10s);
}

TEST_F(KafkaClientTest, CommitsInTheBackgroundWhatIsStored) {
  create(1);
  fill(5, 1);
  Listener listener;
  const auto reader = consumer("a");
  reader->subscribe(topic_, listener);
  bool seen = false;
  ASSERT_TRUE(poll_until(
      *reader,
      [&](const Message& message) {
        seen = true;
        reader->store_offset(0, message.offset() + 1);
      },
      [&] { return seen && lags().at(0).committed == 5; }));
  reader->close(10s);
}

TEST_F(KafkaClientTest, SecondMemberTakesOverOnlyWhatMovesAndWhatWasStoredAtRevokeIsCommitted) {
  create(4);
  fill(40, 4);
  Listener first_listener;
  const auto first = consumer("a", cooperative());
  first_listener.at_revoke = [&](const Partitions& partitions) {
    for (const std::int32_t partition : partitions) {
      first->store_offset(partition, 7);
    }
  };
  first->subscribe(topic_, first_listener);
  ASSERT_TRUE(poll_until(
      *first, [](const Message&) {}, [&] { return first_listener.owned.size() == 4; }));

  Listener second_listener;
  const auto second = consumer("b", cooperative());
  second->subscribe(topic_, second_listener);
  std::map<std::int32_t, std::int64_t> first_offsets;
  ASSERT_TRUE(poll_until(
      *second,
      [&](const Message& message) { first_offsets.try_emplace(message.partition(), message.offset()); },
      [&] {
        static_cast<void>(first->poll(0ms));
        return first_offsets.size() == 2;
      }));
  EXPECT_THAT(first_listener.owned, SizeIs(2));
  EXPECT_THAT(first_listener.revoked, SizeIs(2)) << "only what moves is revoked";
  EXPECT_THAT(first_listener.lost, IsEmpty());
  for (const auto& [partition, offset] : first_offsets) {
    EXPECT_EQ(offset, 7) << "partition " << partition;
  }
  // Of a partition that went: nothing happens, and nothing is committed.
  const std::int32_t gone = first_listener.revoked.front();
  EXPECT_NO_THROW(first->store_offset(gone, 9));
  first->commit();
  EXPECT_EQ(lags().at(static_cast<std::size_t>(gone)).committed, 7);
  second->close(10s);
  first->close(10s);
}

TEST_F(KafkaClientTest, PausedItServesItsGroupAndReadsOnWhereItWas) {
  create(2);
  fill(40, 2);
  Listener first_listener;
  std::vector<std::pair<std::int32_t, std::int64_t>> read;
  const auto take = [&](const Message& message) { read.emplace_back(message.partition(), message.offset()); };
  const auto first = consumer("a", cooperative());
  first->subscribe(topic_, first_listener);
  ASSERT_TRUE(poll_until(*first, take, [&] { return read.size() == 3; }));
  first->pause();
  first->pause();

  // What goes and comes back meanwhile is paused, too.
  Listener second_listener;
  auto second = consumer("b", cooperative());
  second->subscribe(topic_, second_listener);
  ASSERT_TRUE(poll_until(*first, take, [&] {
    static_cast<void>(second->poll(0ms));
    return second_listener.owned.size() == 1 && first_listener.owned.size() == 1;
  }));
  second->close(10s);
  ASSERT_TRUE(poll_until(*first, take, [&] { return first_listener.owned.size() == 2; }));
  EXPECT_EQ(read.size(), 3U) << "paused";

  // What goes while it is paused and comes back later is not.
  second = consumer("b", cooperative());
  Listener third_listener;
  second->subscribe(topic_, third_listener);
  ASSERT_TRUE(poll_until(*first, take, [&] {
    static_cast<void>(second->poll(0ms));
    return third_listener.owned.size() == 1 && first_listener.owned.size() == 1;
  }));
  first->resume();
  const auto read_of = [&](std::int32_t partition) {
    std::set<std::int64_t> offsets;
    for (const auto& [number, offset] : read) {
      if (number == partition) {
        offsets.insert(offset);
      }
    }
    return offsets.size();
  };
  const std::int32_t kept = first_listener.owned.front();
  EXPECT_TRUE(poll_until(*first, take, [&] { return read_of(kept) == 20; }));
  second->close(10s);
  EXPECT_TRUE(poll_until(*first, take, [&] { return read_of(1 - kept) == 20; }));
  first->close(10s);
}

TEST_F(KafkaClientTest, OtherAssignmentStrategiesOfTheUserWork) {
  create(2);
  options_.properties = {{"partition.assignment.strategy", "range"}};
  Listener first_listener;
  const auto first = consumer("a");
  first->subscribe(topic_, first_listener);
  ASSERT_TRUE(poll_until(
      *first, [](const Message&) {}, [&] { return first_listener.owned.size() == 2; }));
  Listener second_listener;
  const auto second = consumer("b");
  second->subscribe(topic_, second_listener);
  ASSERT_TRUE(poll_until(
      *second, [](const Message&) {},
      [&] {
        static_cast<void>(first->poll(0ms));
        return second_listener.owned.size() == 1 && first_listener.owned.size() == 1;
      }));
  EXPECT_THAT(first_listener.revoked, UnorderedElementsAre(0, 1)) << "eager: all stop";
  second->close(10s);
  first->close(10s);
}

TEST_F(KafkaClientTest, RejoinsAfterTooLongAPauseBetweenPolls) {
  create(1);
  Listener listener;
  ConsumerOptions options;
  options.session_timeout = 3s;  // More than a busy machine takes the CPU away for.
  options.max_poll_interval = 3s;
  const auto reader = consumer("a", options);
  reader->subscribe(topic_, listener);
  ASSERT_TRUE(poll_until(
      *reader, [](const Message&) {}, [&] { return listener.assigned == 1; }));
  // Nobody polls until the group has given up on this member.
  const auto deadline = clock_.now() + kDeadline;
  while (admin_->group(topic_ + ".consumers").state == "Stable" && clock_.now() < deadline) {
    static_cast<void>(clock_.sleep_for(100ms, {}));
  }
  ASSERT_TRUE(poll_until(
      *reader, [](const Message&) {}, [&] { return listener.assigned == 2; }));
  EXPECT_THAT(listener.lost, ElementsAre(0));
  EXPECT_GE(log_.count(LogLevel::warn, "_MAX_POLL_EXCEEDED"), 1U);
  reader->close(10s);
}

TEST_F(KafkaClientTest, ThrowsOnAMissingTopicOnlyAfterABound) {
  Listener listener;
  const auto reader = consumer("a");
  reader->subscribe(topic_, listener);
  const SteadyTime start = clock_.now();
  try {
    while (clock_.now() - start < kDeadline) {
      static_cast<void>(reader->poll(100ms));
    }
    FAIL() << "threw nothing";
  } catch (const KafkaError& e) {
    EXPECT_EQ(e.code(), ExitCode::failed) << "what had begun failed: no mistake of a flag";
    EXPECT_THAT(e.what(), HasSubstr("there is no topic " + topic_));
  }
  EXPECT_GE(clock_.now() - start, 5s);
  EXPECT_EQ(log_.count(LogLevel::warn, "UNKNOWN_TOPIC_OR_PART"), 1U);
  reader->close(10s);
}

TEST_F(KafkaClientTest, FindsATopicThatIsCreatedLater) {
  Listener listener;
  const auto reader = consumer("a");
  reader->subscribe(topic_, listener);
  static_cast<void>(reader->poll(500ms));
  create(1);
  EXPECT_TRUE(poll_until(
      *reader, [](const Message&) {}, [&] { return listener.owned.size() == 1; }));
  reader->close(10s);
}

TEST_F(KafkaClientTest, ReadsFastThroughASmallPrefetch) {
  create(1);
  constexpr int kCount = 600;
  const std::vector<std::uint8_t> image(100'000);
  {
    const auto sender = producer();
    for (int i = 0; i < kCount; ++i) {
      ASSERT_EQ(sender->send(record(topic_, 0, image)), SendOutcome::queued);
    }
    ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  }
  Listener listener;
  const auto reader = consumer("a");
  reader->subscribe(topic_, listener);
  int count = 0;
  SteadyTime first;
  ASSERT_TRUE(poll_until(
      *reader,
      [&](const Message&) {
        if (count++ == 0) {
          first = clock_.now();
        }
      },
      [&] { return count == kCount; }));
  const double rate = (kCount - 1) / seconds(clock_.now() - first);
  RecordProperty("records_per_s", static_cast<int>(rate));
  std::cout << "records/s " << rate << "\n";
  EXPECT_GT(rate, 100);
  reader->close(10s);
}

// A queue limited to 20 images ran dry for 0.6 s of each second: librdkafka before 2.2 looked at it once a
// second.
TEST_F(KafkaClientTest, FetchesAheadAsMuchAsAskedAndNeverRunsDry) {
  create(1);
  constexpr int kCount = 150;
  constexpr int kAhead = 20;
  const std::vector<std::uint8_t> image(300'000);
  {
    const auto sender = producer();
    for (int i = 0; i < kCount; ++i) {
      ASSERT_EQ(sender->send(record(topic_, 0, image)), SendOutcome::queued);
    }
    ASSERT_EQ(sender->flush(kDeadline, {}), 0U);
  }
  ConsumerOptions options;
  options.prefetch_records = kAhead;
  options.fetch_bytes = 320 * 1024;  // One image an answer.
  Listener listener;
  const auto reader = consumer("a", options);
  reader->subscribe(topic_, listener);
  int count = 0;
  std::size_t most_ahead = 0;
  SteadyTime first;
  ASSERT_TRUE(poll_until(
      *reader,
      [&](const Message&) {
        first = count++ == 0 ? clock_.now() : first;
        most_ahead = std::max(most_ahead, reader->prefetched());
        static_cast<void>(clock_.sleep_until(first + count * 20ms, {}));  // 50 images/s.
      },
      [&] { return count == kCount; }));
  const double took = seconds(clock_.now() - first);
  std::cout << "150 images at 50/s took " << took << " s, at most " << most_ahead << " ahead\n";
  EXPECT_LT(took, 7.0) << "3 s, or 9 s where it runs dry";
  EXPECT_LE(most_ahead, kAhead + 2U);
  reader->close(10s);
}

TEST_F(KafkaClientTest, AdminCreatesDescribesAndDeletes) {
  create(3);
  const TopicInfo info = admin_->describe(topic_);
  ASSERT_THAT(info.partitions, SizeIs(3));
  EXPECT_EQ(info.partitions[2].partition, 2);
  EXPECT_GE(info.partitions[2].leader, 0);
  EXPECT_EQ(info.partitions[2].replicas, 1);
  EXPECT_EQ(info.partitions[2].in_sync, 1);
  EXPECT_EQ(admin_->topic_config(topic_, "max.message.bytes"), "16777216");
  EXPECT_EQ(admin_->topic_config(topic_, "message.timestamp.type"), "CreateTime");
  EXPECT_EQ(admin_->topic_config(topic_, "no.such.setting"), std::nullopt);
  EXPECT_EQ(partitions_of(*admin_, topic_, TopicUse::images, "--topic"), 3);
  EXPECT_EQ(admin_->group("nobody").state, "Dead");
  EXPECT_EQ(lags().at(0).committed, std::nullopt);

  EXPECT_NO_THROW(create(3)) << "the right number of partitions is fine";
  EXPECT_THAT(message_of<KafkaError>([&] { create(4); }), HasSubstr("--reset"));
  delete_topic_verified(*admin_, clock_, topic_, kDeadline, {});
  EXPECT_THAT(admin_->describe(topic_).partitions, IsEmpty());
  EXPECT_THAT(
      message_of<KafkaError>([&] { return partitions_of(*admin_, topic_, TopicUse::images, "--topic"); }),
      HasSubstr("kexp topics create"));
  create(4);
  EXPECT_EQ(partitions_of(*admin_, topic_, TopicUse::images, "--topic"), 4);
}

TEST_F(KafkaClientTest, AdminFindsTheFirstRecordOfATime) {
  admin_->create_topic(topic_, 2, 1);
  const std::int64_t now_ms = unix_ms(clock_.wall_now());
  const auto sender = producer();
  const std::uint8_t byte = 1;
  for (const std::int64_t age_ms : {3000, 2000, 1000}) {
    OutgoingRecord sent = record(topic_, 1, {&byte, 1});
    sent.timestamp_ms = now_ms - age_ms;
    ASSERT_EQ(sender->send(sent), SendOutcome::queued);
  }
  ASSERT_EQ(sender->flush(kDeadline, {}), 0U);

  const auto offsets = admin_->offsets_at(topic_, now_ms - 2000);

  ASSERT_EQ(offsets.size(), 2U);
  EXPECT_EQ(offsets[0].offset, 0);  // Nothing there: its end.
  EXPECT_EQ(offsets[1].offset, 1);
  EXPECT_EQ(admin_->offsets_at(topic_, now_ms)[1].offset, 3);
}

TEST_F(KafkaClientTest, AClusterHasOneIdHoweverItsServersAreWritten) {
  ClientOptions twice = options_;
  twice.servers += "," + options_.servers;

  EXPECT_NE(admin_->cluster_id(), "");
  EXPECT_EQ(factory_->make_admin(twice, {})->cluster_id(), admin_->cluster_id());
}

TEST_F(KafkaClientTest, AdminPutsATopicOnChosenBrokersAndReadsSettings) {
  const std::int32_t broker = [&] {
    create(1);
    return admin_->describe(topic_).partitions.at(0).leader;
  }();
  delete_topic_verified(*admin_, clock_, topic_, kDeadline, {});
  EXPECT_THAT(message_of<KafkaError>([&] { return admin_->create_topic_on(topic_, {broker + 7}, {}), 0; }),
              HasSubstr(topic_));

  admin_->create_topic_on(topic_, {broker, broker}, {{"retention.ms", "60000"}});

  create_topic_verified(*admin_, clock_, topic_, 2, 1, kDeadline, {});  // It is there: waits for leaders.
  EXPECT_EQ(admin_->describe(topic_).partitions.at(1).leader, broker);
  const Settings settings = admin_->topic_settings(topic_);
  EXPECT_EQ(settings.at("retention.ms"), "60000");
  EXPECT_EQ(settings.at("message.timestamp.type"), "CreateTime");
  EXPECT_EQ(settings.at("cleanup.policy"), "delete") << "the broker's default";
  EXPECT_EQ(admin_->broker_settings(broker).at("socket.request.max.bytes"), "104857600");
}

}  // namespace
}  // namespace kexp::kafka
