#include "kexp/kafka/topic_tasks.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/units.hpp"
#include "kexp/kafka/topics.hpp"

#include "text_table.hpp"

namespace kexp::kafka {
namespace {

constexpr int kMostPartitions = 10'000;
constexpr std::chrono::milliseconds kLagInterval{500};
constexpr std::chrono::seconds kArrivalInterval{1};

void validate_partitions(int partitions, const char* flag) {
  if (partitions < 1 || partitions > kMostPartitions) {
    throw UsageError(fmt::format("{} must be from 1 to {}, got {}", flag, kMostPartitions, partitions));
  }
}

std::int64_t records_of(const std::vector<PartitionLag>& partitions) {
  return std::accumulate(partitions.begin(), partitions.end(), std::int64_t{0},
                         [](std::int64_t sum, const PartitionLag& lag) { return sum + lag.end - lag.begin; });
}

std::int64_t lag_of(const std::vector<PartitionLag>& partitions) {
  return std::accumulate(partitions.begin(), partitions.end(), std::int64_t{0},
                         [](std::int64_t sum, const PartitionLag& lag) { return sum + lag.lag(); });
}

std::int64_t end_of(const std::vector<PartitionLag>& partitions) {
  return std::accumulate(partitions.begin(), partitions.end(), std::int64_t{0},
                         [](std::int64_t sum, const PartitionLag& lag) { return sum + lag.end; });
}

std::string plural(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::vector<std::string> warnings_of(const TopicReport& report) {
  std::vector<std::string> warnings;
  for (const PartitionInfo& partition : report.info.partitions) {
    if (partition.leader < 0) {
      warnings.push_back(fmt::format("partition {} has no leader", partition.partition));
    }
  }
  if (report.timestamp_type.value_or("CreateTime") != "CreateTime") {
    warnings.push_back(
        fmt::format("message.timestamp.type is {}: the intended times are overwritten by the broker's",
                    *report.timestamp_type));
  }
  std::int64_t most = kMaxMessageBytes;
  if (const auto& text = report.max_message_bytes) {
    std::from_chars(text->data(), text->data() + text->size(), most);
  }
  if (most < kMaxMessageBytes) {
    warnings.push_back(fmt::format("max.message.bytes is {}, below {}: large images will be refused", most,
                                   kMaxMessageBytes));
  }
  return warnings;
}

std::string names_of(const std::vector<GroupMember>& members) {
  std::vector<std::string> names;
  for (const GroupMember& member : members) {
    names.push_back(fmt::format("{} at {}", member.client_id, member.host));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// What shows that an experiment is not over; empty when nothing does.
std::vector<std::string> unfinished(const ResetPlan& plan) {
  std::vector<std::string> reasons;
  if (!plan.members.empty()) {
    reasons.push_back(fmt::format(
        "{} has {} ({}), and one that was killed counts until its session ends", plan.group,
        plural(static_cast<std::int64_t>(plan.members.size()), "running consumer"), names_of(plan.members)));
  }
  for (const TopicLoss& topic : plan.topics) {
    if (topic.arrived > 0) {
      reasons.push_back(fmt::format("{} came to {} within {}", plural(topic.arrived, "record"), topic.name,
                                    format_duration(kArrivalInterval)));
    }
    if (topic.unprocessed > 0) {
      reasons.push_back(fmt::format("{} of {} in {} not processed by {}", topic.unprocessed,
                                    plural(topic.records, "record"), topic.name, plan.group));
    }
  }
  return reasons;
}

void watch_arrivals(Admin& admin, Clock& clock, ResetPlan& plan, std::stop_token stop) {
  if (!clock.sleep_for(kArrivalInterval, std::move(stop))) {
    throw InterruptedError("stopped while looking whether records arrive");
  }
  for (TopicLoss& topic : plan.topics) {
    topic.arrived = end_of(admin.lag(topic.name, "")) - topic.end;
  }
}

void require_finished(const ResetPlan& plan) {
  const std::vector<std::string> reasons = unfinished(plan);
  if (!reasons.empty()) {
    throw UsageError(
        fmt::format("nothing was deleted: {}: let it finish (kexp topics lag --until-zero) and stop it, or "
                    "discard what is not processed by --force",
                    fmt::join(reasons, "; ")));
  }
}

/// Who of the group has a partition; empty when nobody.
std::string owner_of(const LagReport& report, std::int32_t partition) {
  for (const GroupMember& member : report.members.members) {
    for (const AssignedPartition& assigned : member.assigned) {
      if (assigned.topic == report.topic && assigned.partition == partition) {
        return member.client_id;
      }
    }
  }
  return "";
}

}  // namespace

std::string consumer_group(const std::string& input_topic) { return input_topic + ".consumers"; }

void validate(const TopicPair& topics) {
  validate_name(topics.input, "--input-topic");
  validate_name(topics.output, "--output-topic");
  if (topics.input == topics.output) {
    throw UsageError(fmt::format("--input-topic and --output-topic must differ, both are {}", topics.input));
  }
}

void validate(const CreateTopicsOptions& options) {
  validate(options.topics);
  validate_partitions(options.partitions, "--partitions");
  validate_partitions(options.output_partitions, "--output-partitions");
  if (options.replication < 1) {
    throw UsageError(fmt::format("--replication must be at least 1, got {}", options.replication));
  }
  if (options.timeout.count() < 1) {
    throw UsageError(fmt::format("--timeout must be at least 1 s, got {}", options.timeout.count()));
  }
}

std::vector<CreatedTopic> create_topics(Admin& admin, Clock& clock, const CreateTopicsOptions& options,
                                        std::stop_token stop) {
  std::vector<CreatedTopic> topics = {{options.topics.input, options.partitions, false},
                                      {options.topics.output, options.output_partitions, false}};
  for (CreatedTopic& topic : topics) {
    const TopicInfo info = admin.describe(topic.name);
    require_partitions(info, topic.partitions);
    topic.existed = !info.partitions.empty();
  }
  for (const CreatedTopic& topic : topics) {
    create_topic_verified(admin, clock, topic.name, topic.partitions, options.replication, options.timeout,
                          stop);
  }
  return topics;
}

ResetPlan plan_reset(Admin& admin, const TopicPair& topics) {
  ResetPlan plan;
  plan.group = consumer_group(topics.input);
  for (const std::string& name : {topics.input, topics.output}) {
    const TopicInfo info = admin.describe(name);
    if (info.partitions.empty()) {
      continue;
    }
    const bool is_input = name == topics.input;
    const std::vector<PartitionLag> lags = admin.lag(name, is_input ? plan.group : "");
    TopicLoss& loss = plan.topics.emplace_back();
    loss.name = name;
    loss.partitions = static_cast<int>(info.partitions.size());
    loss.replication = info.partitions.front().replicas;
    loss.records = records_of(lags);
    loss.unprocessed = is_input ? std::min(lag_of(lags), loss.records) : 0;
    loss.end = end_of(lags);
  }
  if (!plan.topics.empty()) {
    plan.members = admin.group(plan.group).members;
  }
  return plan;
}

CreateTopicsOptions recreation(const ResetPlan& plan, const TopicPair& topics, std::chrono::seconds timeout) {
  CreateTopicsOptions options;
  options.topics = topics;
  options.timeout = timeout;
  for (const TopicLoss& topic : plan.topics) {
    (topic.name == topics.input ? options.partitions : options.output_partitions) = topic.partitions;
    options.replication = topic.replication;
  }
  if (options.partitions == 0) {
    throw missing_topic(topics.input, TopicUse::images, flag_of(TopicUse::images));
  }
  return options;
}

std::string to_text(const ResetPlan& plan) {
  std::string text;
  for (const TopicLoss& topic : plan.topics) {
    text += fmt::format("{}: {}, {}", topic.name, plural(topic.partitions, "partition"),
                        plural(topic.records, "record"));
    if (topic.unprocessed > 0) {
      text += fmt::format(", {} of them not processed by {}", topic.unprocessed, plan.group);
    }
    text += '\n';
  }
  return text;
}

void destroy_topics(Admin& admin, Clock& clock, ResetPlan plan, const DestroyOptions& options,
                    std::stop_token stop) {
  if (plan.topics.empty()) {
    return;
  }
  if (!options.force) {
    watch_arrivals(admin, clock, plan, stop);
    require_finished(plan);
  }
  options.confirm(to_text(plan));
  for (const TopicLoss& topic : plan.topics) {
    delete_topic_verified(admin, clock, topic.name, options.timeout, stop);
  }
}

TopicReport describe_topic(Admin& admin, const std::string& topic, TopicUse use) {
  static_cast<void>(partitions_of(admin, topic, use, flag_of(use)));
  TopicReport report;
  report.info = admin.describe(topic);
  report.max_message_bytes = admin.topic_config(topic, "max.message.bytes");
  report.timestamp_type = admin.topic_config(topic, "message.timestamp.type");
  report.warnings = warnings_of(report);
  const bool all_led = std::all_of(report.info.partitions.begin(), report.info.partitions.end(),
                                   [](const PartitionInfo& partition) { return partition.leader >= 0; });
  if (all_led) {  // Without its leader nobody knows what a partition holds.
    report.records = records_of(admin.lag(topic, ""));
  }
  return report;
}

std::string to_text(const TopicReport& report) {
  std::string text =
      fmt::format("{}: {}, {}, max.message.bytes {}, {}\n", report.info.name,
                  plural(static_cast<std::int64_t>(report.info.partitions.size()), "partition"),
                  plural(report.records, "record"), report.max_message_bytes.value_or("unknown"),
                  report.timestamp_type.value_or("time unknown"));
  TextTable table({"partition", "leader", "replicas", "in sync"});
  for (const PartitionInfo& partition : report.info.partitions) {
    table.add(partition.partition, partition.leader < 0 ? "none" : std::to_string(partition.leader),
              partition.replicas, partition.in_sync);
  }
  return text + table.text();
}

Json to_json(const TopicReport& report) {
  Json json{{"topic", report.info.name}, {"records", report.records}};
  json["max_message_bytes"] =
      report.max_message_bytes ? Json::parse(*report.max_message_bytes) : Json(nullptr);
  json["timestamp_type"] = report.timestamp_type ? Json(*report.timestamp_type) : Json(nullptr);
  json["partitions"] = Json::array();
  for (const PartitionInfo& partition : report.info.partitions) {
    json["partitions"].push_back({{"partition", partition.partition},
                                  {"leader", partition.leader < 0 ? Json(nullptr) : Json(partition.leader)},
                                  {"replicas", partition.replicas},
                                  {"in_sync", partition.in_sync}});
  }
  json["warnings"] = report.warnings;
  return json;
}

std::int64_t LagReport::total() const { return lag_of(partitions); }

LagReport read_lag(Admin& admin, const std::string& topic, const std::string& group) {
  static_cast<void>(partitions_of(admin, topic, TopicUse::images, flag_of(TopicUse::images)));
  return {topic, group, admin.lag(topic, group), admin.group(group)};
}

void require_group(const LagReport& report) {
  if (!report.members.exists()) {
    throw KafkaError(
        ExitCode::usage, "GROUP_ID_NOT_FOUND", /*retriable=*/false,
        fmt::format(
            "--group: there is no group {} (the default is {}): a group begins with its first consumer",
            report.group, consumer_group(report.topic)));
  }
}

std::string to_text(const LagReport& report) {
  TextTable table({"partition", "end", "committed", "lag", "consumer"});
  for (const PartitionLag& lag : report.partitions) {
    table.add(lag.partition, lag.end, lag.committed ? std::to_string(*lag.committed) : "none", lag.lag(),
              owner_of(report, lag.partition));
  }
  return fmt::format("{}: group {} is {}, {}, lag {}\n", report.topic, report.group,
                     report.members.exists() ? report.members.state : "not there",
                     plural(static_cast<std::int64_t>(report.members.members.size()), "member"),
                     report.total()) +
         table.text();
}

Json to_json(const LagReport& report) {
  Json json{{"topic", report.topic},
            {"group", report.group},
            {"state", report.members.state},
            {"members", report.members.members.size()},
            {"lag", report.total()}};
  json["partitions"] = Json::array();
  for (const PartitionLag& lag : report.partitions) {
    const std::string owner = owner_of(report, lag.partition);
    json["partitions"].push_back({{"partition", lag.partition},
                                  {"begin", lag.begin},
                                  {"end", lag.end},
                                  {"committed", lag.committed ? Json(*lag.committed) : Json(nullptr)},
                                  {"lag", lag.lag()},
                                  {"consumer", owner.empty() ? Json(nullptr) : Json(owner)}});
  }
  return json;
}

LagReport wait_until_drained(Admin& admin, Clock& clock, const std::string& topic, const std::string& group,
                             std::chrono::seconds timeout, std::stop_token stop) {
  const SteadyTime deadline = clock.now() + timeout;
  while (true) {
    const bool last = clock.now() >= deadline;
    try {
      LagReport report = read_lag(admin, topic, group);
      if (last || report.total() == 0) {
        return report;
      }
    } catch (const Error& e) {
      if (last || e.code() != ExitCode::unavailable) {
        throw;
      }
    }
    if (!clock.sleep_until(std::min(clock.now() + kLagInterval, deadline), stop)) {
      throw InterruptedError(fmt::format("stopped while waiting for the lag of {} to be 0", group));
    }
  }
}

}  // namespace kexp::kafka
