#pragma once

/// What `kexp topics` does: the two topics of an experiment created, described, reset, and their lag.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/kafka/topics.hpp"

namespace kexp::kafka {

/// The topics of one experiment.
struct TopicPair {
  std::string input = "yolo_input";
  std::string output = "yolo_output";
};
/// The group of the consumers of `input_topic`.
[[nodiscard]] std::string consumer_group(const std::string& input_topic);
/// Errors: UsageError naming --input-topic or --output-topic, when Kafka would not take the name.
void validate(const TopicPair& topics);

struct CreateTopicsOptions {
  TopicPair topics;
  int partitions = 0;  ///< Of the input topic.
  int output_partitions = 1;
  int replication = 1;
  std::chrono::seconds timeout{30};  ///< For each topic.
};
/// Errors: UsageError naming the flag.
void validate(const CreateTopicsOptions& options);

struct CreatedTopic {
  std::string name;
  int partitions = 0;
  bool existed = false;
};
/// Creates both topics and verifies them by metadata. Whether both can be had is looked at before anything
/// is created. Errors: those of create_topic_verified.
std::vector<CreatedTopic> create_topics(Admin& admin, Clock& clock, const CreateTopicsOptions& options,
                                        std::stop_token stop);

/// What a reset destroys.
struct TopicLoss {
  std::string name;
  int partitions = 0;
  int replication = 1;
  std::int64_t records = 0;
  std::int64_t unprocessed = 0;  ///< Of the input topic: not committed by its group.
  std::int64_t end = 0;          ///< Sum of the end offsets.
  std::int64_t arrived = 0;      ///< Records that came while watch_arrivals looked.
};
struct ResetPlan {
  std::vector<TopicLoss> topics;  ///< Those that exist.
  std::string group;
  std::vector<GroupMember> members;  ///< Consumers that are running.
};
[[nodiscard]] ResetPlan plan_reset(Admin& admin, const TopicPair& topics);
/// What creates the topics of the plan as they are, for `timeout` each at most; a missing one as options have
/// it. Errors: KafkaError when there is no input topic.
[[nodiscard]] CreateTopicsOptions recreation(const ResetPlan& plan, const TopicPair& topics,
                                             std::chrono::seconds timeout);
/// One line a topic.
[[nodiscard]] std::string to_text(const ResetPlan& plan);

struct DestroyOptions {
  bool force = false;                ///< Also what is not processed, and while somebody reads or writes.
  std::chrono::seconds timeout{30};  ///< For each topic.
  /// Asked before anything goes, and told what does; throws to keep it.
  std::function<void(const std::string& what_goes)> confirm;
};
/// Deletes the topics of the plan, where there are any.
///
/// Results that nobody has saved do not go unless told: it looks a second time, 1 s later, as somebody who
/// feeds shows in the offsets alone. Tracking leaves no trace in Kafka, so records of the output topic are no
/// reason. Errors: UsageError naming --force and what it saw (running consumers, arriving records, images
/// that are not processed); those of `confirm` and delete_topic_verified; InterruptedError.
void destroy_topics(Admin& admin, Clock& clock, ResetPlan plan, const DestroyOptions& options,
                    std::stop_token stop);

struct TopicReport {
  TopicInfo info;
  std::int64_t records = 0;
  std::optional<std::string> max_message_bytes;
  std::optional<std::string> timestamp_type;
  /// What would spoil an experiment: a partition without a leader, times of the broker, a small limit.
  std::vector<std::string> warnings;
};
/// Errors: missing_topic naming the flag of `use`.
[[nodiscard]] TopicReport describe_topic(Admin& admin, const std::string& topic, TopicUse use);
[[nodiscard]] std::string to_text(const TopicReport& report);
[[nodiscard]] Json to_json(const TopicReport& report);

struct LagReport {
  std::string topic;
  std::string group;
  std::vector<PartitionLag> partitions;
  GroupInfo members;
  [[nodiscard]] std::int64_t total() const;
};
/// Errors: missing_topic naming --input-topic.
[[nodiscard]] LagReport read_lag(Admin& admin, const std::string& topic, const std::string& group);
/// For a group that the user named: one that never was, or is gone, is a mistake. Errors: KafkaError (exit
/// code usage) naming --group.
void require_group(const LagReport& report);
[[nodiscard]] std::string to_text(const LagReport& report);
[[nodiscard]] Json to_json(const LagReport& report);

/// Waits until the group has committed all records; the last report, with a total above 0 when `timeout` was
/// over first. A broker that is away is waited for as well. Errors: UnavailableError when it was away at the
/// end; InterruptedError.
[[nodiscard]] LagReport wait_until_drained(Admin& admin, Clock& clock, const std::string& topic,
                                           const std::string& group, std::chrono::seconds timeout,
                                           std::stop_token stop);

}  // namespace kexp::kafka
