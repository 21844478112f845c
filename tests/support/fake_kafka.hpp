#pragma once

/// A Kafka in memory for the unit tests of jobs: topics with partitions and records, groups with committed
/// offsets, delivery reports at once or when the test lets them go, rebalances when the test asks for them.
///
/// Threads: any. Hooks run on the calling thread without a lock, so they may call the fake; set them before
/// clients are used. The fake outlives the clients it made.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::test {

/// A record as the fake broker holds it.
struct FakeRecord {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string key;
  std::vector<std::uint8_t> value;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t timestamp_ms = 0;

  [[nodiscard]] std::string text() const { return {value.begin(), value.end()}; }
  [[nodiscard]] std::optional<std::string> header(const std::string& name) const;
};

class FakeKafka final : public kafka::ClientFactory {
 public:
  /// `clock` stamps delivery reports, and records sent without a timestamp.
  explicit FakeKafka(Clock& clock) : clock_(clock) {}

  [[nodiscard]] std::unique_ptr<kafka::Producer> make_producer(const kafka::ProducerOptions& options,
                                                               kafka::DeliveryHandler handler) override;
  [[nodiscard]] std::unique_ptr<kafka::Consumer> make_consumer(
      const kafka::ConsumerOptions& options) override;
  [[nodiscard]] std::unique_ptr<kafka::Admin> make_admin(const kafka::ClientOptions& options,
                                                         std::stop_token stop) override;

  /// What the last client of its kind was made with.
  [[nodiscard]] kafka::ProducerOptions producer_options() const;
  [[nodiscard]] kafka::ConsumerOptions consumer_options() const;

  // Topics and groups, seen from the broker.
  void add_topic(const std::string& topic, int partitions);
  void delete_topic(const std::string& topic);
  /// Appends a record of some other producer to `record.partition`; its offset.
  std::int64_t add_record(const std::string& topic, FakeRecord record);
  std::int64_t add_record(const std::string& topic, std::int32_t partition, const std::string& key,
                          const std::string& value);
  /// Records of all partitions, in the order in which they arrived.
  [[nodiscard]] std::vector<FakeRecord> records(const std::string& topic) const;
  [[nodiscard]] std::optional<std::int64_t> committed(const std::string& group, const std::string& topic,
                                                      std::int32_t partition) const;
  void set_committed(const std::string& group, const std::string& topic, std::int32_t partition,
                     std::int64_t offset);
  void set_topic_config(const std::string& topic, const std::string& key, const std::string& value);
  /// What the brokers call their cluster.
  void set_cluster_id(const std::string& id);
  /// The first offset of a partition that there is from now on, as when old records are deleted.
  void delete_before(const std::string& topic, std::int32_t partition, std::int64_t offset);
  /// What every broker says of itself.
  void set_broker_config(const std::string& key, const std::string& value);
  /// The brokers' clock is so much ahead of `clock`; it stamps records where a topic has LogAppendTime.
  void set_broker_ahead(Nanoseconds ahead);
  /// Every topic there is, in the order of their names.
  [[nodiscard]] std::vector<std::string> topics() const;
  /// While down, every call of an Admin throws UnavailableError.
  void set_down(bool down);

  // Producers.
  /// Reports wait until they are released; without this they come from within `send`.
  void hold_reports();
  /// Gives every waiting report in the order of sending; later ones come at once again.
  void release_reports();
  /// Gives the waiting report of `tag` alone; false when there is none.
  bool release_report(std::uint64_t tag);
  /// The next `count` records are not stored, and reported with `error`.
  void fail_next(const std::string& error, int count = 1);
  /// What producers give as their last fault from now on.
  void set_fault(const std::string& fault);
  [[nodiscard]] std::string last_fault() const;
  /// While full, `send` says queue_full.
  void set_queue_full(bool full);
  /// Runs at the start of each `send`.
  std::function<void(const kafka::OutgoingRecord&)> on_send;
  /// Runs at the start of each `flush`, which does not wait: what is still held then has no report.
  std::function<void()> on_flush;

  // Consumers; `member` is the client id; a second client of the same id is "<id>-2". A member gets at its
  // first poll all partitions that no other member of its group has.
  /// Says at the member's next poll that these partitions come, go, or are gone already.
  void assign(const std::string& member, std::vector<std::int32_t> partitions);
  void revoke(const std::string& member, std::vector<std::int32_t> partitions);
  void lose(const std::string& member, std::vector<std::int32_t> partitions);
  [[nodiscard]] std::vector<std::int32_t> assignment(const std::string& member) const;
  /// What the member stored and nobody committed yet.
  [[nodiscard]] std::optional<std::int64_t> stored(const std::string& member, std::int32_t partition) const;
  /// Whether the member wants no records for now.
  [[nodiscard]] bool paused(const std::string& member) const;
  /// Commits what every member stored, as the real client does once a second.
  void auto_commit();
  /// The next poll of any consumer throws this.
  void fail_next_poll(const kafka::KafkaError& error);
  /// Runs at the start of each `store_offset`, and may throw.
  std::function<void(std::int32_t partition, std::int64_t next_offset)> on_store_offset;
  /// Runs when a poll finds nothing, instead of waiting: advance a FakeClock or request a stop here.
  std::function<void()> on_idle_poll;

  // Admin.
  /// Runs at the start of each call that changes a topic or reads settings ("create_topic", "delete_topic",
  /// "topic_settings", "broker_settings"), and may throw.
  std::function<void(const std::string& call, const std::string& name)> on_admin;
  /// Runs at the start of each `lag_of`.
  std::function<void(const std::vector<std::int32_t>& partitions)> on_lag_of;
  /// May change what `describe` answers: slow metadata, a missing leader.
  std::function<void(kafka::TopicInfo&)> on_describe;

  /// Waits until `condition` (of this fake) holds; false after `timeout` of real time.
  bool wait_until(const std::function<bool()>& condition,
                  std::chrono::milliseconds timeout = std::chrono::seconds(30));

 private:
  class FakeProducer;
  class FakeConsumer;
  class FakeAdmin;

  struct Topic {
    std::vector<std::vector<std::shared_ptr<const FakeRecord>>> partitions;
    std::vector<std::shared_ptr<const FakeRecord>> arrivals;
    std::vector<std::int64_t> begins;  // First offset of each partition.
    kafka::Settings config;
    [[nodiscard]] bool stamps() const {
      const auto type = config.find("message.timestamp.type");
      return type != config.end() && type->second == "LogAppendTime";
    }
  };
  struct Rebalance {
    enum class Kind { assigned, revoked, lost } kind = Kind::assigned;
    std::vector<std::int32_t> partitions;
  };
  /// A consumer as its group sees it.
  struct Member {
    std::string group;
    std::string topic;
    bool from_end = false;
    std::map<std::int32_t, std::int64_t> positions;  // Of the partitions it has.
    std::map<std::int32_t, std::int64_t> stored;
    std::deque<Rebalance> rebalances;
    std::int32_t last_partition = -1;
    bool paused = false;
  };
  /// What a producer's reports go to.
  struct Reporter {
    kafka::DeliveryHandler handler;
    std::atomic<std::size_t> in_flight = 0;
  };
  struct HeldReport {
    std::shared_ptr<Reporter> reporter;
    kafka::DeliveryReport report;
  };
  using CommitKey = std::pair<std::string, std::pair<std::string, std::int32_t>>;  // Group, topic, partition.

  void give(HeldReport held);
  void queue_rebalance(const std::string& member, Rebalance::Kind kind, std::vector<std::int32_t> partitions);
  void check_up() const;

  // With mutex_ held.
  void changed();
  Topic& topic_at(const std::string& topic);
  void create(const std::string& topic, int partitions);
  void erase(const std::string& topic);
  std::int64_t append(const std::string& topic, FakeRecord record);
  void commit_stored(Member& member);
  [[nodiscard]] std::vector<std::int32_t> free_partitions(const Member& member) const;

  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable condition_;
  std::uint64_t version_ = 0;  // Counts changes.
  std::map<std::string, Topic> topics_;
  kafka::Settings broker_config_;
  std::string cluster_id_ = "fake-cluster";
  Nanoseconds broker_ahead_{0};
  std::map<CommitKey, std::int64_t> committed_;
  std::map<std::string, Member> members_;
  std::deque<HeldReport> held_;
  bool holding_ = false;
  bool queue_full_ = false;
  bool down_ = false;
  std::string fault_;
  std::deque<std::string> failures_;
  std::optional<kafka::KafkaError> poll_error_;
  kafka::ProducerOptions producer_options_;
  kafka::ConsumerOptions consumer_options_;
};

}  // namespace kexp::test
