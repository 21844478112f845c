#pragma once

/// Kafka as kexp uses it: a producer whose delivery reports arrive on a thread of its own, a consumer that
/// stores offsets only when told, and the administration that `topics` needs. The interfaces hide
/// librdkafka; tests use FakeKafka (tests/support) or a real broker.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/kafka/error.hpp"
#include "kexp/kafka/options.hpp"

namespace kexp::kafka {

struct Header {
  std::string_view name;
  std::string_view value;
};

/// A record to send. Everything is borrowed until `Producer::send` returns, but `value` when it is not
/// copied: that lives until its delivery report.
struct OutgoingRecord {
  std::string_view topic;
  std::int32_t partition = -1;  ///< -1: the client's partitioner.
  std::string_view key;
  std::span<const std::uint8_t> value;
  std::span<const Header> headers;
  std::int64_t timestamp_ms = 0;  ///< CreateTime, Unix ms; 0: now.
  std::uint64_t tag = 0;          ///< Comes back with the delivery report.
  enum class Value { borrowed, copied } ownership = Value::copied;
};

/// What became of one send: the broker's answer, or that the client has given up.
struct DeliveryReport {
  std::uint64_t tag = 0;
  std::int32_t partition = -1;
  std::int64_t offset = -1;
  std::string error;  ///< Empty when acknowledged; else its name: "_MSG_TIMED_OUT", "INVALID_TIMESTAMP".
  /// The client has given up a record that was on its way before: it may be in the topic.
  bool possibly_persisted = false;
  /// The broker's own time of writing, Unix ms, where the topic has message.timestamp.type=LogAppendTime.
  std::optional<std::int64_t> log_append_ms;
  SteadyTime time;  ///< When the answer arrived.
};
using DeliveryHandler = std::function<void(const DeliveryReport&)>;

enum class SendOutcome { queued, queue_full };

/// Sends records with acks=all, idempotent. Threads: `send` from one thread; the handler runs on the
/// producer's own threads, one call at a time, as soon as an answer is read. It only counts and enqueues: it
/// holds up the connection. Neither a call of this producer is allowed in it, nor a lock that is held
/// around one.
class Producer {
 public:
  virtual ~Producer() = default;
  /// Never blocks. Errors: KafkaError for what this record can never be (too large, unknown partition),
  /// and after a fatal error of the client.
  [[nodiscard]] virtual SendOutcome send(const OutgoingRecord& record) = 0;
  /// Waits until every report has arrived; the number of records without one at the end.
  ///
  /// At the deadline what has not left the client is given up: reported as failed with _PURGE_QUEUE, within 1
  /// s more. On stop that happens sooner: the wait ends within 1 s.
  [[nodiscard]] virtual std::size_t flush(std::chrono::milliseconds timeout, std::stop_token stop) = 0;
  /// The latest fault of a connection or of the client, in words ("Connection refused"); empty when there
  /// was none since the last answer. Threads: any.
  [[nodiscard]] virtual std::string last_fault() const = 0;
};

/// One received record; owns the client's memory, so it is destroyed before its consumer is closed. Keeping
/// it keeps all that was fetched with it.
class Message {
 public:
  virtual ~Message() = default;
  [[nodiscard]] virtual std::int32_t partition() const = 0;
  [[nodiscard]] virtual std::int64_t offset() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;  ///< Empty when there is none.
  [[nodiscard]] virtual std::span<const std::uint8_t> value() const = 0;
  [[nodiscard]] virtual std::int64_t timestamp_ms() const = 0;  ///< Unix ms; -1 when the broker gave none.
  /// The last header of that name.
  [[nodiscard]] virtual std::optional<std::string_view> header(std::string_view name) const = 0;
};

struct PartitionOffset {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

/// Told of changes of the assignment from within `Consumer::poll` or `close`. Partitions are those that come
/// or go (cooperative rebalancing), not the whole assignment.
class RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;
  virtual void on_assigned(const std::vector<std::int32_t>& partitions) = 0;
  /// Called while the partitions are still ours: what is stored here is committed before they go.
  virtual void on_revoked(const std::vector<std::int32_t>& partitions) = 0;
  /// The partitions belong to others already; nothing of theirs can be committed.
  virtual void on_lost(const std::vector<std::int32_t>& partitions) = 0;
};

/// Reads one topic. Offsets are stored by `store_offset` and committed once a second in the background,
/// before partitions are given up, and on `close`. Threads: all calls from one thread, but `store_offset`
/// from any.
class Consumer {
 public:
  virtual ~Consumer() = default;
  /// Joins the group; `listener` outlives the consumer.
  virtual void subscribe(const std::string& topic, RebalanceListener& listener) = 0;
  /// Reads given partitions from given offsets without a group.
  virtual void assign(const std::string& topic, const std::vector<PartitionOffset>& from) = 0;
  /// The next record; null when none came within `timeout`.
  /// Errors: KafkaError when going on is hopeless (unknown topic, refused group); passing faults are logged.
  [[nodiscard]] virtual std::unique_ptr<Message> poll(std::chrono::milliseconds timeout) = 0;
  /// Records that were fetched ahead and wait for `poll`.
  [[nodiscard]] virtual std::size_t prefetched() const = 0;
  /// No records from now on, also of partitions that come meanwhile: `poll` only serves the group. What was
  /// fetched ahead is dropped, and fetched again after `resume`. Nothing happens when it is paused already.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// The next offset to read of `partition` once this group is asked again. Ignored when it is no longer
  /// ours.
  virtual void store_offset(std::int32_t partition, std::int64_t next_offset) = 0;
  /// Commits what is stored now and waits for the answer. Errors: KafkaError.
  virtual void commit() = 0;
  /// Commits, leaves the group, serves the listener meanwhile; gives up after `timeout`.
  virtual void close(std::chrono::milliseconds timeout) = 0;
};

struct PartitionInfo {
  std::int32_t partition = 0;
  std::int32_t leader = -1;  ///< -1: none.
  std::int32_t replicas = 0;
  std::int32_t in_sync = 0;
};
struct TopicInfo {
  std::string name;
  std::vector<PartitionInfo> partitions;  ///< Empty: no such topic.
};
struct PartitionLag {
  std::int32_t partition = 0;
  std::int64_t begin = 0;                 ///< First offset there is.
  std::int64_t end = 0;                   ///< Next offset to be written.
  std::optional<std::int64_t> committed;  ///< Of the group; none: nothing committed yet.
  /// Records that the group has not committed: end − committed, or end − begin.
  [[nodiscard]] std::int64_t lag() const { return end - committed.value_or(begin); }
};
struct AssignedPartition {
  std::string topic;
  std::int32_t partition = 0;
  bool operator==(const AssignedPartition&) const = default;
};
struct GroupMember {
  std::string member_id;
  std::string client_id;
  std::string host;
  std::vector<AssignedPartition> assigned;
};
struct GroupInfo {
  std::string state;  ///< "Stable", "Empty", "Dead", "PreparingRebalance", …
  std::vector<GroupMember> members;
  /// Kafka calls a group that nobody knows dead; one that lost its members is empty.
  [[nodiscard]] bool exists() const { return state != "Dead"; }
};

/// Settings of a topic or broker by name.
using Settings = std::map<std::string, std::string>;

/// Topics and groups. Every call ends within its client's `admin_timeout` with an answer or
/// UnavailableError.
class Admin {
 public:
  virtual ~Admin() = default;
  /// Creates a topic with messages up to kMaxMessageBytes and CreateTime; `config` wins over both. Returns
  /// when the controller has answered. Errors: KafkaError "TOPIC_ALREADY_EXISTS" among them.
  virtual void create_topic(const std::string& topic, int partitions, int replication,
                            const Properties& config) = 0;
  void create_topic(const std::string& topic, int partitions, int replication) {
    create_topic(topic, partitions, replication, {});
  }
  /// The same with partition k on the broker `leaders[k]`, without replicas.
  virtual void create_topic_on(const std::string& topic, const std::vector<std::int32_t>& leaders,
                               const Properties& config) = 0;
  /// Errors: KafkaError "UNKNOWN_TOPIC_OR_PART" among them.
  virtual void delete_topic(const std::string& topic) = 0;
  [[nodiscard]] virtual TopicInfo describe(const std::string& topic) = 0;
  [[nodiscard]] virtual std::vector<PartitionLag> lag(const std::string& topic, const std::string& group) = 0;
  /// The same of these partitions alone: some requests, however many they are.
  [[nodiscard]] virtual std::vector<PartitionLag> lag_of(const std::string& topic, const std::string& group,
                                                         const std::vector<std::int32_t>& partitions) = 0;
  /// Of every partition the first record whose CreateTime is `unix_ms` or later; its end where there is none.
  [[nodiscard]] virtual std::vector<PartitionOffset> offsets_at(const std::string& topic,
                                                                std::int64_t unix_ms) = 0;
  [[nodiscard]] virtual GroupInfo group(const std::string& group) = 0;
  /// What the brokers call their cluster, whatever they are reached by; empty where they do not say.
  [[nodiscard]] virtual std::string cluster_id() = 0;
  /// What holds for the topic: its own settings, and the broker's where it has none.
  [[nodiscard]] virtual Settings topic_settings(const std::string& topic) = 0;
  [[nodiscard]] virtual Settings broker_settings(std::int32_t broker) = 0;
  /// One setting of the topic ("max.message.bytes", "message.timestamp.type"); nullopt when the broker does
  /// not know it.
  [[nodiscard]] std::optional<std::string> topic_config(const std::string& topic, const std::string& key) {
    const Settings settings = topic_settings(topic);
    const auto found = settings.find(key);
    return found == settings.end() ? std::nullopt : std::optional(found->second);
  }
};

/// Makes clients; the real one (make_client_factory) talks to librdkafka.
class ClientFactory {
 public:
  virtual ~ClientFactory() = default;
  /// Errors: UsageError naming -X for a property that the client rejects or does not know.
  [[nodiscard]] virtual std::unique_ptr<Producer> make_producer(const ProducerOptions& options,
                                                                DeliveryHandler handler) = 0;
  [[nodiscard]] virtual std::unique_ptr<Consumer> make_consumer(const ConsumerOptions& options) = 0;
  /// A stop ends the wait for the first answer of a broker, within 2 s: InterruptedError.
  [[nodiscard]] virtual std::unique_ptr<Admin> make_admin(const ClientOptions& options,
                                                          std::stop_token stop) = 0;
};

}  // namespace kexp::kafka
