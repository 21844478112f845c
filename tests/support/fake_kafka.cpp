#include "support/fake_kafka.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace kexp::test {

using kafka::KafkaError;

namespace {

KafkaError kafka_error(const std::string& name, const std::string& message) {
  return {ExitCode::failed, name, /*retriable=*/false, message};
}

FakeRecord copy_of(const kafka::OutgoingRecord& record) {
  FakeRecord copy;
  copy.partition = record.partition;
  copy.key = record.key;
  copy.value.assign(record.value.begin(), record.value.end());
  for (const kafka::Header& header : record.headers) {
    copy.headers.emplace_back(header.name, header.value);
  }
  copy.timestamp_ms = record.timestamp_ms;
  return copy;
}

class FakeMessage final : public kafka::Message {
 public:
  explicit FakeMessage(std::shared_ptr<const FakeRecord> record) : record_(std::move(record)) {}
  [[nodiscard]] std::int32_t partition() const override { return record_->partition; }
  [[nodiscard]] std::int64_t offset() const override { return record_->offset; }
  [[nodiscard]] std::string_view key() const override { return record_->key; }
  [[nodiscard]] std::span<const std::uint8_t> value() const override { return record_->value; }
  [[nodiscard]] std::int64_t timestamp_ms() const override { return record_->timestamp_ms; }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const override {
    const auto& headers = record_->headers;
    const auto found =
        std::find_if(headers.rbegin(), headers.rend(), [&](const auto& h) { return h.first == name; });
    return found == headers.rend() ? std::nullopt : std::optional<std::string_view>(found->second);
  }

 private:
  std::shared_ptr<const FakeRecord> record_;
};

}  // namespace

std::optional<std::string> FakeRecord::header(const std::string& name) const {
  const auto found =
      std::find_if(headers.rbegin(), headers.rend(), [&](const auto& h) { return h.first == name; });
  return found == headers.rend() ? std::nullopt : std::optional<std::string>(found->second);
}

// --- Producer ---------------------------------------------------------------------------------------------

class FakeKafka::FakeProducer final : public kafka::Producer {
 public:
  FakeProducer(FakeKafka& kafka, kafka::DeliveryHandler handler) : kafka_(kafka) {
    reporter_->handler = std::move(handler);
  }
  ~FakeProducer() override {
    const std::scoped_lock lock(kafka_.mutex_);
    std::erase_if(kafka_.held_, [this](const HeldReport& held) { return held.reporter == reporter_; });
  }

  [[nodiscard]] kafka::SendOutcome send(const kafka::OutgoingRecord& record) override {
    if (kafka_.on_send) {
      kafka_.on_send(record);
    }
    if (static_cast<std::int64_t>(record.value.size()) > kafka::kMaxMessageBytes) {
      throw kafka_error("MSG_SIZE_TOO_LARGE",
                        fmt::format("record of {} bytes is too large", record.value.size()));
    }
    std::optional<HeldReport> answered;
    {
      const std::scoped_lock lock(kafka_.mutex_);
      if (kafka_.queue_full_) {
        return kafka::SendOutcome::queue_full;
      }
      HeldReport held{reporter_, accept(record)};
      ++reporter_->in_flight;
      if (kafka_.holding_) {
        kafka_.held_.push_back(std::move(held));
      } else {
        answered = std::move(held);
      }
      kafka_.changed();
    }
    if (answered) {
      kafka_.give(std::move(*answered));  // Without the lock: the handler may call the fake.
    }
    return kafka::SendOutcome::queued;
  }

  [[nodiscard]] std::size_t flush(std::chrono::milliseconds /*timeout*/, std::stop_token /*stop*/) override {
    if (kafka_.on_flush) {
      kafka_.on_flush();
    }
    return reporter_->in_flight;
  }

  [[nodiscard]] std::string last_fault() const override { return kafka_.last_fault(); }

 private:
  kafka::DeliveryReport accept(const kafka::OutgoingRecord& record) {
    kafka::DeliveryReport report;
    report.tag = record.tag;
    report.partition = record.partition;
    const auto topic = kafka_.topics_.find(std::string(record.topic));
    if (!kafka_.failures_.empty()) {
      report.error = kafka_.failures_.front();
      kafka_.failures_.pop_front();
    } else if (topic == kafka_.topics_.end()) {
      report.error = "UNKNOWN_TOPIC_OR_PART";
    } else {
      FakeRecord copy = copy_of(record);
      copy.partition = partition_for(record, topic->second.partitions.size());
      report.partition = copy.partition;
      report.offset = kafka_.append(topic->first, std::move(copy));
      if (topic->second.stamps()) {
        report.log_append_ms = topic->second.arrivals.back()->timestamp_ms;
      }
    }
    return report;
  }

  std::int32_t partition_for(const kafka::OutgoingRecord& record, std::size_t partitions) {
    const auto count = static_cast<std::int32_t>(partitions);
    if (record.partition >= count) {
      throw kafka_error("_UNKNOWN_PARTITION",
                        fmt::format("topic {} has no partition {}", record.topic, record.partition));
    }
    return record.partition >= 0 ? record.partition
                                 : static_cast<std::int32_t>(next_partition_++ % partitions);
  }

  FakeKafka& kafka_;
  std::shared_ptr<Reporter> reporter_ = std::make_shared<Reporter>();
  std::size_t next_partition_ = 0;
};

// --- Consumer ---------------------------------------------------------------------------------------------

class FakeKafka::FakeConsumer final : public kafka::Consumer {
 public:
  FakeConsumer(FakeKafka& kafka, const kafka::ConsumerOptions& options) : kafka_(kafka), options_(options) {}
  ~FakeConsumer() override { leave(); }

  void subscribe(const std::string& topic, kafka::RebalanceListener& listener) override {
    listener_ = &listener;
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = join(topic);
    member.group = options_.group;
    joining_ = true;
  }

  void assign(const std::string& topic, const std::vector<kafka::PartitionOffset>& from) override {
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = join(topic);
    for (const kafka::PartitionOffset& start : from) {
      member.positions[start.partition] = start.offset;
    }
  }

  [[nodiscard]] std::unique_ptr<kafka::Message> poll(std::chrono::milliseconds timeout) override {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (bool more = true; more;) {
      const std::uint64_t seen = version();  // Before looking, so that no change is slept through.
      throw_if_failing();
      serve_rebalances();
      if (auto message = next()) {
        return message;
      }
      more = !idled() && wait_for_change(seen, deadline);
    }
    return next();  // What the idle hook added.
  }

  [[nodiscard]] std::size_t prefetched() const override { return 0; }
  void pause() override { set_paused(true); }
  void resume() override { set_paused(false); }

  void store_offset(std::int32_t partition, std::int64_t next_offset) override {
    if (kafka_.on_store_offset) {
      kafka_.on_store_offset(partition, next_offset);
    }
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = kafka_.members_.at(member_);
    if (member.positions.contains(partition)) {
      member.stored[partition] = next_offset;
      kafka_.changed();
    }
  }

  void commit() override {
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.commit_stored(kafka_.members_.at(member_));
  }

  void close(std::chrono::milliseconds /*timeout*/) override {
    if (listener_ != nullptr && joined_) {
      std::vector<std::int32_t> left = kafka_.assignment(member_);
      if (!left.empty()) {
        change_assignment({Rebalance::Kind::revoked, std::move(left)});
      }
    }
    leave();
  }

 private:
  /// With the lock held.
  Member& join(const std::string& topic) {
    member_ = options_.client.client_id;
    for (int n = 2; kafka_.members_.contains(member_); ++n) {
      member_ = fmt::format("{}-{}", options_.client.client_id, n);
    }
    joined_ = true;
    Member& member = kafka_.members_[member_];
    member.topic = topic;
    member.from_end = options_.reset == kafka::ConsumerOptions::Reset::latest;
    kafka_.changed();
    return member;
  }

  void set_paused(bool paused) {
    const std::scoped_lock lock(kafka_.mutex_);
    if (std::exchange(kafka_.members_.at(member_).paused, paused) != paused) {
      kafka_.changed();
    }
  }

  void leave() {
    if (!joined_) {
      return;
    }
    joined_ = false;
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.commit_stored(kafka_.members_.at(member_));
    kafka_.members_.erase(member_);
    kafka_.changed();
  }

  void throw_if_failing() {
    const std::scoped_lock lock(kafka_.mutex_);
    if (const auto error = std::exchange(kafka_.poll_error_, std::nullopt)) {
      throw KafkaError(*error);
    }
    const std::string& topic = kafka_.members_.at(member_).topic;
    if (!kafka_.topics_.contains(topic)) {
      throw kafka_error("UNKNOWN_TOPIC_OR_PART", fmt::format("there is no topic {}", topic));
    }
  }

  void serve_rebalances() {
    while (auto rebalance = next_rebalance()) {
      change_assignment(*rebalance);
    }
  }

  std::optional<Rebalance> next_rebalance() {
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = kafka_.members_.at(member_);
    if (std::exchange(joining_, false) && member.rebalances.empty()) {
      return Rebalance{Rebalance::Kind::assigned, kafka_.free_partitions(member)};
    }
    if (member.rebalances.empty()) {
      return std::nullopt;
    }
    Rebalance rebalance = std::move(member.rebalances.front());
    member.rebalances.pop_front();
    return rebalance;
  }

  void change_assignment(const Rebalance& rebalance) {
    switch (rebalance.kind) {
      case Rebalance::Kind::assigned:
        add(rebalance.partitions);
        listener_->on_assigned(rebalance.partitions);
        break;
      case Rebalance::Kind::revoked:
        listener_->on_revoked(rebalance.partitions);
        commit();
        remove(rebalance.partitions);
        break;
      case Rebalance::Kind::lost:
        remove(rebalance.partitions);
        listener_->on_lost(rebalance.partitions);
        break;
    }
  }

  void add(const std::vector<std::int32_t>& partitions) {
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = kafka_.members_.at(member_);
    for (const std::int32_t partition : partitions) {
      const auto& log = kafka_.topic_at(member.topic).partitions.at(static_cast<std::size_t>(partition));
      const auto committed = kafka_.committed_.find({member.group, {member.topic, partition}});
      const auto start = member.from_end ? static_cast<std::int64_t>(log.size()) : 0;
      member.positions[partition] = committed == kafka_.committed_.end() ? start : committed->second;
    }
    kafka_.changed();
  }

  void remove(const std::vector<std::int32_t>& partitions) {
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = kafka_.members_.at(member_);
    for (const std::int32_t partition : partitions) {
      member.positions.erase(partition);
      member.stored.erase(partition);
    }
    kafka_.changed();
  }

  /// The next record, the partitions taking turns.
  std::unique_ptr<kafka::Message> next() {
    const std::scoped_lock lock(kafka_.mutex_);
    Member& member = kafka_.members_.at(member_);
    if (member.paused) {
      return nullptr;
    }
    const Topic& topic = kafka_.topic_at(member.topic);
    auto turn = member.positions.upper_bound(member.last_partition);
    for (std::size_t tried = 0; tried < member.positions.size(); ++tried, ++turn) {
      if (turn == member.positions.end()) {
        turn = member.positions.begin();
      }
      auto& [partition, position] = *turn;
      position = std::max(position, topic.begins[static_cast<std::size_t>(partition)]);
      const auto& log = topic.partitions.at(static_cast<std::size_t>(partition));
      if (position < static_cast<std::int64_t>(log.size())) {
        member.last_partition = partition;
        return std::make_unique<FakeMessage>(log[static_cast<std::size_t>(position++)]);
      }
    }
    return nullptr;
  }

  [[nodiscard]] std::uint64_t version() const {
    const std::scoped_lock lock(kafka_.mutex_);
    return kafka_.version_;
  }

  [[nodiscard]] bool idled() const {
    if (kafka_.on_idle_poll) {
      kafka_.on_idle_poll();
    }
    return static_cast<bool>(kafka_.on_idle_poll);
  }

  [[nodiscard]] bool wait_for_change(std::uint64_t seen,
                                     std::chrono::steady_clock::time_point deadline) const {
    std::unique_lock lock(kafka_.mutex_);
    return kafka_.condition_.wait_until(lock, deadline, [&] { return kafka_.version_ != seen; });
  }

  FakeKafka& kafka_;
  const kafka::ConsumerOptions options_;
  std::string member_;
  kafka::RebalanceListener* listener_ = nullptr;
  bool joined_ = false;
  bool joining_ = false;
};

// --- Admin ------------------------------------------------------------------------------------------------

class FakeKafka::FakeAdmin final : public kafka::Admin {
 public:
  explicit FakeAdmin(FakeKafka& kafka) : kafka_(kafka) {}

  using kafka::Admin::create_topic;
  void create_topic(const std::string& topic, int partitions, int /*replication*/,
                    const kafka::Properties& config) override {
    called("create_topic", topic);
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    if (kafka_.topics_.contains(topic)) {
      throw kafka_error("TOPIC_ALREADY_EXISTS", fmt::format("topic {} exists", topic));
    }
    kafka_.create(topic, partitions);
    for (const auto& [name, value] : config) {
      kafka_.topics_.at(topic).config[name] = value;
    }
  }

  void create_topic_on(const std::string& topic, const std::vector<std::int32_t>& leaders,
                       const kafka::Properties& config) override {
    create_topic(topic, static_cast<int>(leaders.size()), /*replication=*/1, config);
  }

  void delete_topic(const std::string& topic) override {
    called("delete_topic", topic);
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    if (!kafka_.topics_.contains(topic)) {
      throw kafka_error("UNKNOWN_TOPIC_OR_PART", fmt::format("there is no topic {}", topic));
    }
    kafka_.erase(topic);
  }

  [[nodiscard]] kafka::TopicInfo describe(const std::string& topic) override {
    kafka::TopicInfo info = metadata(topic);
    if (kafka_.on_describe) {
      kafka_.on_describe(info);
    }
    return info;
  }

  std::vector<std::int32_t> all_partitions(const std::string& topic) {
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    std::vector<std::int32_t> all(kafka_.topic_at(topic).partitions.size());
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  [[nodiscard]] std::vector<kafka::PartitionLag> lag(const std::string& topic,
                                                     const std::string& group) override {
    return lag_of(topic, group, all_partitions(topic));
  }

  [[nodiscard]] std::vector<kafka::PartitionLag> lag_of(
      const std::string& topic, const std::string& group,
      const std::vector<std::int32_t>& partitions) override {
    if (kafka_.on_lag_of) {
      kafka_.on_lag_of(partitions);
    }
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    std::vector<kafka::PartitionLag> lags;
    const Topic& found = kafka_.topic_at(topic);
    for (const std::int32_t partition : partitions) {
      const auto index = static_cast<std::size_t>(partition);
      kafka::PartitionLag lag;
      lag.partition = partition;
      lag.begin = found.begins.at(index);
      lag.end = static_cast<std::int64_t>(found.partitions.at(index).size());
      const auto committed = kafka_.committed_.find({group, {topic, lag.partition}});
      if (committed != kafka_.committed_.end()) {
        lag.committed = committed->second;
      }
      lags.push_back(lag);
    }
    return lags;
  }

  [[nodiscard]] std::vector<kafka::PartitionOffset> offsets_at(const std::string& topic,
                                                               std::int64_t unix_ms) override {
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    std::vector<kafka::PartitionOffset> offsets;
    const Topic& log_of = kafka_.topic_at(topic);
    for (const auto& log : log_of.partitions) {
      const auto found = std::find_if(log.begin() + log_of.begins[offsets.size()], log.end(),
                                      [&](const auto& record) { return record->timestamp_ms >= unix_ms; });
      offsets.push_back({static_cast<std::int32_t>(offsets.size()), found - log.begin()});
    }
    return offsets;
  }

  [[nodiscard]] kafka::GroupInfo group(const std::string& group) override {
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    kafka::GroupInfo info;
    for (const auto& [id, member] : kafka_.members_) {
      if (member.group == group) {
        kafka::GroupMember& listed = info.members.emplace_back();
        listed = {id + "-member", id, "/127.0.0.1", {}};
        for (const auto& [partition, position] : member.positions) {
          listed.assigned.push_back({member.topic, partition});
        }
      }
    }
    const bool known = std::any_of(kafka_.committed_.begin(), kafka_.committed_.end(),
                                   [&](const auto& entry) { return entry.first.first == group; });
    info.state = !info.members.empty() ? "Stable" : known ? "Empty" : "Dead";
    return info;
  }

  [[nodiscard]] std::string cluster_id() override {
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    return kafka_.cluster_id_;
  }

  [[nodiscard]] kafka::Settings topic_settings(const std::string& topic) override {
    called("topic_settings", topic);
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    return kafka_.topic_at(topic).config;
  }

  [[nodiscard]] kafka::Settings broker_settings(std::int32_t broker) override {
    called("broker_settings", std::to_string(broker));
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    return kafka_.broker_config_;
  }

 private:
  void called(const std::string& call, const std::string& name) const {
    if (kafka_.on_admin) {
      kafka_.on_admin(call, name);
    }
  }

  kafka::TopicInfo metadata(const std::string& topic) {
    const std::scoped_lock lock(kafka_.mutex_);
    kafka_.check_up();
    kafka::TopicInfo info{topic, {}};
    const auto found = kafka_.topics_.find(topic);
    const std::size_t count = found == kafka_.topics_.end() ? 0 : found->second.partitions.size();
    for (std::size_t i = 0; i < count; ++i) {
      info.partitions.push_back({static_cast<std::int32_t>(i), /*leader=*/1, /*replicas=*/1, /*in_sync=*/1});
    }
    return info;
  }

  FakeKafka& kafka_;
};

// --- The broker -------------------------------------------------------------------------------------------

std::unique_ptr<kafka::Producer> FakeKafka::make_producer(const kafka::ProducerOptions& options,
                                                          kafka::DeliveryHandler handler) {
  const std::scoped_lock lock(mutex_);
  producer_options_ = options;
  return std::make_unique<FakeProducer>(*this, std::move(handler));
}

std::unique_ptr<kafka::Consumer> FakeKafka::make_consumer(const kafka::ConsumerOptions& options) {
  const std::scoped_lock lock(mutex_);
  consumer_options_ = options;
  return std::make_unique<FakeConsumer>(*this, options);
}

std::unique_ptr<kafka::Admin> FakeKafka::make_admin(const kafka::ClientOptions& /*options*/,
                                                    std::stop_token /*stop*/) {
  return std::make_unique<FakeAdmin>(*this);
}

kafka::ProducerOptions FakeKafka::producer_options() const {
  const std::scoped_lock lock(mutex_);
  return producer_options_;
}

kafka::ConsumerOptions FakeKafka::consumer_options() const {
  const std::scoped_lock lock(mutex_);
  return consumer_options_;
}

void FakeKafka::add_topic(const std::string& topic, int partitions) {
  const std::scoped_lock lock(mutex_);
  create(topic, partitions);
}

void FakeKafka::delete_topic(const std::string& topic) {
  const std::scoped_lock lock(mutex_);
  erase(topic);
}

std::int64_t FakeKafka::add_record(const std::string& topic, FakeRecord record) {
  const std::scoped_lock lock(mutex_);
  return append(topic, std::move(record));
}

std::int64_t FakeKafka::add_record(const std::string& topic, std::int32_t partition, const std::string& key,
                                   const std::string& value) {
  FakeRecord record;
  record.partition = partition;
  record.key = key;
  record.value.assign(value.begin(), value.end());
  return add_record(topic, std::move(record));
}

std::vector<FakeRecord> FakeKafka::records(const std::string& topic) const {
  const std::scoped_lock lock(mutex_);
  std::vector<FakeRecord> records;
  if (const auto found = topics_.find(topic); found != topics_.end()) {
    for (const auto& record : found->second.arrivals) {
      records.push_back(*record);
    }
  }
  return records;
}

std::optional<std::int64_t> FakeKafka::committed(const std::string& group, const std::string& topic,
                                                 std::int32_t partition) const {
  const std::scoped_lock lock(mutex_);
  const auto found = committed_.find({group, {topic, partition}});
  return found == committed_.end() ? std::nullopt : std::optional(found->second);
}

void FakeKafka::set_committed(const std::string& group, const std::string& topic, std::int32_t partition,
                              std::int64_t offset) {
  const std::scoped_lock lock(mutex_);
  committed_[{group, {topic, partition}}] = offset;
  changed();
}

void FakeKafka::set_topic_config(const std::string& topic, const std::string& key, const std::string& value) {
  const std::scoped_lock lock(mutex_);
  topic_at(topic).config[key] = value;
}

void FakeKafka::set_cluster_id(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  cluster_id_ = id;
}

void FakeKafka::delete_before(const std::string& topic, std::int32_t partition, std::int64_t offset) {
  const std::scoped_lock lock(mutex_);
  topic_at(topic).begins.at(static_cast<std::size_t>(partition)) = offset;
}

void FakeKafka::set_broker_config(const std::string& key, const std::string& value) {
  const std::scoped_lock lock(mutex_);
  broker_config_[key] = value;
}

void FakeKafka::set_broker_ahead(Nanoseconds ahead) {
  const std::scoped_lock lock(mutex_);
  broker_ahead_ = ahead;
}

std::vector<std::string> FakeKafka::topics() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) {
    names.push_back(name);
  }
  return names;
}

void FakeKafka::set_fault(const std::string& fault) {
  const std::scoped_lock lock(mutex_);
  fault_ = fault;
}

std::string FakeKafka::last_fault() const {
  const std::scoped_lock lock(mutex_);
  return fault_;
}

void FakeKafka::set_down(bool down) {
  const std::scoped_lock lock(mutex_);
  down_ = down;
}

void FakeKafka::hold_reports() {
  const std::scoped_lock lock(mutex_);
  holding_ = true;
}

void FakeKafka::release_reports() {
  std::deque<HeldReport> released;
  {
    const std::scoped_lock lock(mutex_);
    holding_ = false;
    released.swap(held_);
  }
  for (HeldReport& held : released) {
    give(std::move(held));
  }
}

bool FakeKafka::release_report(std::uint64_t tag) {
  HeldReport released;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = std::find_if(held_.begin(), held_.end(),
                                    [tag](const HeldReport& held) { return held.report.tag == tag; });
    if (found == held_.end()) {
      return false;
    }
    released = std::move(*found);
    held_.erase(found);
  }
  give(std::move(released));
  return true;
}

void FakeKafka::fail_next(const std::string& error, int count) {
  const std::scoped_lock lock(mutex_);
  failures_.insert(failures_.end(), static_cast<std::size_t>(count), error);
}

void FakeKafka::set_queue_full(bool full) {
  const std::scoped_lock lock(mutex_);
  queue_full_ = full;
}

void FakeKafka::assign(const std::string& member, std::vector<std::int32_t> partitions) {
  queue_rebalance(member, Rebalance::Kind::assigned, std::move(partitions));
}

void FakeKafka::revoke(const std::string& member, std::vector<std::int32_t> partitions) {
  queue_rebalance(member, Rebalance::Kind::revoked, std::move(partitions));
}

void FakeKafka::lose(const std::string& member, std::vector<std::int32_t> partitions) {
  queue_rebalance(member, Rebalance::Kind::lost, std::move(partitions));
}

std::vector<std::int32_t> FakeKafka::assignment(const std::string& member) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::int32_t> partitions;
  if (const auto found = members_.find(member); found != members_.end()) {
    for (const auto& [partition, position] : found->second.positions) {
      partitions.push_back(partition);
    }
  }
  return partitions;
}

std::optional<std::int64_t> FakeKafka::stored(const std::string& member, std::int32_t partition) const {
  const std::scoped_lock lock(mutex_);
  const auto found = members_.find(member);
  if (found == members_.end() || !found->second.stored.contains(partition)) {
    return std::nullopt;
  }
  return found->second.stored.at(partition);
}

bool FakeKafka::paused(const std::string& member) const {
  const std::scoped_lock lock(mutex_);
  const auto found = members_.find(member);
  return found != members_.end() && found->second.paused;
}

void FakeKafka::auto_commit() {
  const std::scoped_lock lock(mutex_);
  for (auto& [id, member] : members_) {
    commit_stored(member);
  }
}

void FakeKafka::fail_next_poll(const KafkaError& error) {
  const std::scoped_lock lock(mutex_);
  poll_error_.emplace(error);
  changed();
}

bool FakeKafka::wait_until(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::unique_lock lock(mutex_);
    const std::uint64_t seen = version_;
    lock.unlock();  // The condition calls the fake.
    if (condition()) {
      return true;
    }
    lock.lock();
    if (!condition_.wait_until(lock, deadline, [&] { return version_ != seen; })) {
      return false;
    }
  }
}

void FakeKafka::give(HeldReport held) {
  held.report.time = clock_.now();
  held.reporter->handler(held.report);
  --held.reporter->in_flight;  // After the handler, so that an empty flush means that all were counted.
  const std::scoped_lock lock(mutex_);
  changed();
}

void FakeKafka::queue_rebalance(const std::string& member, Rebalance::Kind kind,
                                std::vector<std::int32_t> partitions) {
  const std::scoped_lock lock(mutex_);
  members_.at(member).rebalances.push_back({kind, std::move(partitions)});
  changed();
}

void FakeKafka::check_up() const {
  if (down_) {
    throw UnavailableError("no broker answered");
  }
}

void FakeKafka::changed() {
  ++version_;
  condition_.notify_all();
}

FakeKafka::Topic& FakeKafka::topic_at(const std::string& topic) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) {
    throw kafka_error("UNKNOWN_TOPIC_OR_PART", fmt::format("there is no topic {}", topic));
  }
  return found->second;
}

void FakeKafka::create(const std::string& topic, int partitions) {
  topics_[topic].partitions.resize(static_cast<std::size_t>(partitions));
  topics_[topic].begins.resize(static_cast<std::size_t>(partitions));
  changed();
}

void FakeKafka::erase(const std::string& topic) {
  topics_.erase(topic);
  std::erase_if(committed_, [&](const auto& entry) { return entry.first.second.first == topic; });
  changed();
}

std::int64_t FakeKafka::append(const std::string& topic, FakeRecord record) {
  Topic& log = topic_at(topic);
  auto& partition = log.partitions.at(static_cast<std::size_t>(record.partition));
  record.offset = static_cast<std::int64_t>(partition.size());
  if (log.stamps()) {
    record.timestamp_ms = unix_ms(clock_.wall_now() + broker_ahead_);
  } else if (record.timestamp_ms == 0) {
    record.timestamp_ms = unix_ms(clock_.wall_now());
  }
  log.arrivals.push_back(std::make_shared<const FakeRecord>(std::move(record)));
  partition.push_back(log.arrivals.back());
  changed();
  return log.arrivals.back()->offset;
}

void FakeKafka::commit_stored(Member& member) {
  for (const auto& [partition, offset] : member.stored) {
    committed_[{member.group, {member.topic, partition}}] = offset;
  }
  member.stored.clear();
  changed();
}

std::vector<std::int32_t> FakeKafka::free_partitions(const Member& member) const {
  std::vector<std::int32_t> partitions;
  const auto topic = topics_.find(member.topic);
  const std::size_t count = topic == topics_.end() ? 0 : topic->second.partitions.size();
  for (std::int32_t partition = 0; partition < static_cast<std::int32_t>(count); ++partition) {
    const bool taken = std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
      const Member& other = entry.second;
      return other.group == member.group && other.topic == member.topic &&
             other.positions.contains(partition);
    });
    if (!taken) {
      partitions.push_back(partition);
    }
  }
  return partitions;
}

}  // namespace kexp::test
