#include <array>
#include <atomic>
#include <cstdlib>
#include <exception>

#include <fmt/format.h>

#include "clients.hpp"
#include "configuration.hpp"
#include "errors.hpp"
#include "group_assignment.hpp"
#include "group_timeouts.hpp"
#include "message.hpp"
#include "refill.hpp"
#include "stored_offsets.hpp"

namespace kexp::kafka {
namespace {

using std::chrono::milliseconds;

/// A topic may be young, or be recreated; after so long it is missing.
constexpr std::chrono::seconds kMissingTopicBound{10};
/// Commits made before partitions go: the group waits for us meanwhile.
constexpr milliseconds kRevokeCommitTimeout{5'000};
constexpr milliseconds kCommitTimeout{10'000};
/// How long a consumer that nobody closed may take to leave its group.
constexpr milliseconds kAbandonTimeout{2'000};
/// librdkafka's defaults of fetch.max.bytes and fetch.message.max.bytes.
constexpr std::int64_t kDefaultFetchBytes = 52'428'800;
constexpr std::int64_t kDefaultPartitionBytes = 1'048'576;
/// librdkafka takes no less as message.max.bytes, which fetch.max.bytes must not be below.
constexpr std::int64_t kLeastFetchBytes = 1000;

/// False when the library cannot shorten its pause of a second after it found its queue full.
bool set_fetching(Configuration& conf, const ConsumerOptions& options) {
  conf.set("queued.max.messages.kbytes", std::max<std::int64_t>(options.prefetch_bytes / 1024, 1));
  conf.set("queued.min.messages", options.prefetch_records);
  // A message that is kept pins the whole answer it came in. Brokers send the first message of an answer
  // whatever its size, so neither limit need hold the largest; receive.message.max.bytes (100 MB) does.
  if (options.fetch_bytes > 0) {
    const std::int64_t bytes = std::max(options.fetch_bytes, kLeastFetchBytes);
    conf.set("message.max.bytes", std::min(bytes, kMaxMessageBytes));
    conf.set("fetch.max.bytes", bytes);
    conf.set("fetch.message.max.bytes", std::min(bytes, kDefaultPartitionBytes));
  } else {
    conf.set("fetch.max.bytes", std::clamp(options.prefetch_bytes, kMaxMessageBytes, kDefaultFetchBytes));
  }
  return conf.set_if_known("fetch.queue.backoff.ms", "20");
}

/// A number among the settings that hold, those of -X among them.
std::int64_t setting(rd_kafka_t& client, const char* name) {
  std::array<char, 32> text{};
  std::size_t size = text.size();
  rd_kafka_conf_get(rd_kafka_conf(&client), name, text.data(), &size);
  return std::strtoll(text.data(), nullptr, 10);
}

FetchLevel level_of(rd_kafka_t& client) {
  return {static_cast<std::size_t>(setting(client, "queued.min.messages")),
          setting(client, "queued.max.messages.kbytes") * 1024};
}

void set_group(Configuration& conf, const ConsumerOptions& options) {
  const bool grouped = !options.group.empty();
  // The library wants a name even where no group is used; nothing is committed then.
  conf.set("group.id", grouped ? options.group : options.client.client_id);
  conf.set("enable.auto.commit", grouped ? "true" : "false");
  conf.set("auto.commit.interval.ms", 1000);
  conf.set("enable.auto.offset.store", "false");
  conf.set("auto.offset.reset", options.reset == ConsumerOptions::Reset::earliest ? "earliest" : "latest");
  conf.set("partition.assignment.strategy", assignment_strategy(options.assignment, rd_kafka_version()));
  if (!options.instance_id.empty()) {
    conf.set("group.instance.id", options.instance_id);
  }
  const GroupTimeouts timeouts = group_timeouts(options);
  conf.set("session.timeout.ms", timeouts.session.count());
  conf.set("heartbeat.interval.ms", timeouts.heartbeat.count());
  conf.set("max.poll.interval.ms", timeouts.max_poll.count());
}

/// Errors of the consumer after which no later poll can succeed.
bool is_hopeless(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
      return true;
    default:
      return false;
  }
}

class RdConsumer final : public Consumer {
 public:
  RdConsumer(const ConsumerOptions& options, Log& log)
      : log_(log), grouped_(!options.group.empty()), events_(std::make_unique<Events>(log)) {
    events_->on_rebalance = [this](rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t& partitions) {
      rebalance(code, partitions);
    };
    Configuration conf(options.client, *events_);
    set_group(conf, options);
    const bool fetches_by_itself = set_fetching(conf, options);
    client_ = conf.make_client(RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(client_.get());
    queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
    commits_.reset(rd_kafka_queue_new(client_.get()));
    if (!fetches_by_itself) {
      log_.debug("kafka: librdkafka={} has no fetch.queue.backoff.ms, its brokers' threads are woken instead",
                 rd_kafka_version_str());
      refill_.emplace(*client_, level_of(*client_));
    }
  }

  ~RdConsumer() override {
    if (!closed_) {
      listener_ = nullptr;  // It may be half gone: only an exception leads here without `close`.
      try_close(kAbandonTimeout);
    }
  }

  void subscribe(const std::string& topic, RebalanceListener& listener) override {
    topic_ = topic;
    listener_ = &listener;
    const PartitionList topics = make_partition_list();
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    check(rd_kafka_subscribe(client_.get(), topics.get()), fmt::format("cannot subscribe to {}", topic));
  }

  void assign(const std::string& topic, const std::vector<PartitionOffset>& from) override {
    topic_ = topic;
    const PartitionList partitions = list_of(from);
    check(rd_kafka_assign(client_.get(), partitions.get()), fmt::format("cannot read {}", topic));
  }

  [[nodiscard]] std::unique_ptr<Message> poll(milliseconds timeout) override {
    MessageHandle message(rd_kafka_consumer_poll(client_.get(), static_cast<int>(timeout.count())));
    rethrow();
    if (!message) {
      check_missing();
      return nullptr;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      take_error(*message);
      return nullptr;
    }
    missing_since_.reset();
    events_->recovered();
    if (refill_) {
      refill_->taken(prefetched(), message->len);
    }
    return std::make_unique<RdMessage>(std::move(message));
  }

  [[nodiscard]] std::size_t prefetched() const override { return rd_kafka_queue_length(queue_.get()); }

  void pause() override {
    if (!std::exchange(paused_, true)) {
      pause(*assignment());
    }
  }

  void resume() override {
    if (std::exchange(paused_, false)) {
      resume(*assignment());
    }
  }

  void store_offset(std::int32_t partition, std::int64_t next_offset) override {
    if (!grouped_) {
      return;
    }
    const PartitionList offsets = list_of({{partition, next_offset}});
    const rd_kafka_resp_err_t code = rd_kafka_offsets_store(client_.get(), offsets.get());
    const bool gone = code == RD_KAFKA_RESP_ERR__STATE || offsets->elems[0].err == RD_KAFKA_RESP_ERR__STATE ||
                      code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    if (gone) {  // Who has the partition now answers its records again.
      return;
    }
    check(code, fmt::format("cannot store offset {} of partition {}", next_offset, partition));
    take_commits();
    if (stored_.store(partition, next_offset)) {
      commit_by_name(*offsets);
    }
  }

  void commit() override { commit_within(kCommitTimeout); }

  void close(milliseconds timeout) override {
    if (closed_) {
      return;
    }
    if (!try_close(timeout)) {
      log_.warn("kafka: close topic={} timeout_ms={} text=\"closed without an answer of the group\"", topic_,
                timeout.count());
    }
    rethrow();
  }

 private:
  // --- Errors -------------------------------------------------------------------------------------------

  void take_error(const rd_kafka_message_t& message) {
    const std::string text = rd_kafka_message_errstr(&message);
    switch (message.err) {
      case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        return;
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        if (!missing_since_) {
          missing_since_ = std::chrono::steady_clock::now();
        }
        break;
      case RD_KAFKA_RESP_ERR__FATAL: {
        char fatal[512] = {};
        const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client_.get(), fatal, sizeof fatal);
        throw make_error(
            cause, fmt::format("cannot read {}", topic_),
            cause == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
                ? fmt::format("another member of the group has come with the same --instance-id; {}", fatal)
                : fatal);
      }
      default:
        if (is_hopeless(message.err)) {
          throw make_error(message.err, fmt::format("cannot read {}", topic_), text);
        }
    }
    events_->fault(message.err, text);
    check_missing();
  }

  /// The library says once that a topic is missing, so the time is kept here.
  void check_missing() const {
    if (missing_since_ && std::chrono::steady_clock::now() - *missing_since_ >= kMissingTopicBound) {
      throw make_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "cannot go on reading",
                       fmt::format("there is no topic {}", topic_));
    }
  }

  /// Exceptions must not pass through C, so those of the listener wait here.
  void rethrow() {
    if (const std::exception_ptr thrown = std::exchange(thrown_, nullptr)) {
      std::rethrow_exception(thrown);
    }
  }

  // --- Pause --------------------------------------------------------------------------------------------

  [[nodiscard]] PartitionList assignment() const {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    check(rd_kafka_assignment(client_.get(), &assigned), "cannot list the assigned partitions");
    return PartitionList(assigned);
  }

  static PartitionList copy_of(const rd_kafka_topic_partition_list_t& partitions) {
    return PartitionList(rd_kafka_topic_partition_list_copy(&partitions));
  }

  void pause(rd_kafka_topic_partition_list_t& partitions) {
    check(rd_kafka_pause_partitions(client_.get(), &partitions), fmt::format("cannot pause {}", topic_));
  }

  void resume(rd_kafka_topic_partition_list_t& partitions) {
    check(rd_kafka_resume_partitions(client_.get(), &partitions), fmt::format("cannot resume {}", topic_));
  }

  // --- Rebalance ----------------------------------------------------------------------------------------

  void rebalance(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t& partitions) {
    try {
      if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        missing_since_.reset();
        gain(partitions);
      } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        give_up(partitions);
      } else {
        events_->fault(code, rd_kafka_err2str(code));
        rd_kafka_assign(client_.get(), nullptr);
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  void gain(const rd_kafka_topic_partition_list_t& partitions) {
    stored_.forget(numbers_of(partitions));
    if (cooperative()) {
      check(rd_kafka_incremental_assign(client_.get(), &partitions), "cannot take partitions");
    } else {
      check(rd_kafka_assign(client_.get(), &partitions), "cannot take partitions");
    }
    if (paused_) {
      pause(*copy_of(partitions));
    }
    if (listener_ != nullptr && partitions.cnt > 0) {
      listener_->on_assigned(numbers_of(partitions));
    }
  }

  void give_up(const rd_kafka_topic_partition_list_t& partitions) {
    const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
    std::exception_ptr thrown;
    try {
      tell_revoked(numbers_of(partitions), lost);
    } catch (...) {
      thrown = std::current_exception();  // The group must not wait for partitions that nobody gives up.
    }
    stored_.forget(numbers_of(partitions));
    if (cooperative()) {
      check(rd_kafka_incremental_unassign(client_.get(), &partitions), "cannot give up partitions");
    } else {
      check(rd_kafka_assign(client_.get(), nullptr), "cannot give up partitions");
    }
    if (paused_) {  // Else they would still be paused when they come back.
      resume(*copy_of(partitions));
    }
    if (thrown) {
      std::rethrow_exception(thrown);
    }
  }

  void tell_revoked(const std::vector<std::int32_t>& partitions, bool lost) {
    if (partitions.empty() || listener_ == nullptr) {
      return;
    }
    if (lost) {
      listener_->on_lost(partitions);
      return;
    }
    listener_->on_revoked(partitions);
    try {
      commit_within(revoke_commit_timeout_);
    } catch (const KafkaError& e) {  // Its records will be answered twice, which the ledger counts.
      log_.warn("kafka: commit before giving up partitions failed: {}", e.what());
    }
  }

  [[nodiscard]] bool cooperative() const {
    const char* protocol = rd_kafka_rebalance_protocol(client_.get());
    return protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
  }

  static std::vector<std::int32_t> numbers_of(const rd_kafka_topic_partition_list_t& partitions) {
    std::vector<std::int32_t> numbers;
    for (const rd_kafka_topic_partition_t& partition : elements(partitions)) {
      numbers.push_back(partition.partition);
    }
    return numbers;
  }

  // --- Commit and close ---------------------------------------------------------------------------------

  [[nodiscard]] PartitionList list_of(const std::vector<PartitionOffset>& offsets) const {
    PartitionList list = make_partition_list(offsets.size());
    for (const PartitionOffset& next : offsets) {
      rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), next.partition)->offset = next.offset;
    }
    return list;
  }

  /// Waits for nothing: the answer is taken by `take_commits`, and a commit that failed is made again with
  /// the partition's next offset.
  void commit_by_name(const rd_kafka_topic_partition_list_t& offsets) {
    check(rd_kafka_commit_queue(client_.get(), &offsets, commits_.get(), /*cb=*/nullptr, nullptr),
          fmt::format("cannot commit offsets of {}", topic_));
  }

  void take_commits() {
    while (const EventHandle answer = EventHandle(rd_kafka_queue_poll(commits_.get(), 0))) {
      const rd_kafka_topic_partition_list_t* offsets = rd_kafka_event_topic_partition_list(answer.get());
      if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR || offsets == nullptr) {
        continue;
      }
      for (const rd_kafka_topic_partition_t& offset : elements(*offsets)) {
        if (offset.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          stored_.committed(offset.partition, offset.offset);
        }
      }
    }
  }

  /// Commits what is stored. On a queue of its own, since the blocking call has no bound.
  void commit_within(milliseconds timeout) {
    const std::vector<PartitionOffset> stored = stored_.all();
    if (stored.empty()) {
      return;
    }
    const QueueHandle answers(rd_kafka_queue_new(client_.get()));
    check(rd_kafka_commit_queue(client_.get(), list_of(stored).get(), answers.get(), /*cb=*/nullptr, nullptr),
          fmt::format("cannot commit offsets of {}", topic_));
    const EventHandle answer(rd_kafka_queue_poll(answers.get(), static_cast<int>(timeout.count())));
    check(answer ? rd_kafka_event_error(answer.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT,
          fmt::format("cannot commit offsets of {}", topic_));
  }

  /// False when the group did not answer within `timeout`; the client is gone either way.
  bool try_close(milliseconds timeout) {
    closed_ = true;
    const Deadline deadline(timeout);
    refill_.reset();
    revoke_commit_timeout_ = std::min(revoke_commit_timeout_, timeout);
    give_up_all();
    const bool left = (!grouped_ || coordinator_answers(deadline)) && leave_group(deadline);
    queue_.reset();
    commits_.reset();
    if (left) {
      client_.reset();
    } else {
      abandon();
    }
    return left;
  }

  /// While a commit waits for a silent coordinator, destroying the client takes as long as the session lasts
  /// (45 s), on a core of its own. Whoever closes is about to end the process, which ends the client too.
  void abandon() {
    events_->silence();
    static_cast<void>(client_.release());
    static_cast<void>(events_.release());
  }

  /// Tells the listener while everything still works; what follows only unassigns.
  void give_up_all() {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    if (rd_kafka_assignment(client_.get(), &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return;
    }
    const PartitionList partitions(assigned);
    try {
      tell_revoked(numbers_of(*partitions), rd_kafka_assignment_lost(client_.get()) != 0);
    } catch (...) {
      thrown_ = std::current_exception();
    }
    listener_ = nullptr;
  }

  [[nodiscard]] bool coordinator_answers(const Deadline& deadline) {
    const PartitionList offsets = make_partition_list();
    rd_kafka_topic_partition_list_add(offsets.get(), topic_.c_str(), 0);
    return !is_unavailable(rd_kafka_committed(client_.get(), offsets.get(), deadline.left_ms()));
  }

  [[nodiscard]] bool leave_group(const Deadline& deadline) {
#if RD_KAFKA_VERSION >= 0x010900ff
    const QueueHandle events(rd_kafka_queue_new(client_.get()));
    const ErrorHandle error(rd_kafka_consumer_close_queue(client_.get(), events.get()));
    if (error) {
      return false;
    }
    while (rd_kafka_consumer_closed(client_.get()) == 0) {
      if (deadline.over()) {
        return false;
      }
      // As events: records still in the queue are dropped with theirs; as callbacks they end the process.
      const EventHandle event(rd_kafka_queue_poll(events.get(), deadline.left_ms(milliseconds(20))));
      if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
        rebalance(rd_kafka_event_error(event.get()), *rd_kafka_event_topic_partition_list(event.get()));
      }
    }
#else
    static_cast<void>(deadline);  // This library bounds it by the session timeout only.
    rd_kafka_consumer_close(client_.get());
#endif
    return true;
  }

  Log& log_;
  const bool grouped_;
  std::string topic_;
  RebalanceListener* listener_ = nullptr;
  std::exception_ptr thrown_;
  std::optional<std::chrono::steady_clock::time_point> missing_since_;
  bool paused_ = false;
  bool closed_ = false;
  milliseconds revoke_commit_timeout_ = kRevokeCommitTimeout;
  std::unique_ptr<Events> events_;
  ClientHandle client_;
  QueueHandle queue_;    // Of the records that wait for `poll`.
  QueueHandle commits_;  // Of the answers to `commit_by_name`.
  StoredOffsets stored_;
  std::optional<Refill> refill_;
};

}  // namespace

std::unique_ptr<Consumer> make_rd_consumer(const ConsumerOptions& options, Log& log) {
  return std::make_unique<RdConsumer>(options, log);
}

}  // namespace kexp::kafka
