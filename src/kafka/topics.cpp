#include "kexp/kafka/topics.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/units.hpp"
#include "kexp/kafka/options.hpp"

namespace kexp::kafka {
namespace {

constexpr std::chrono::milliseconds kPollInterval{100};

std::string counted(std::size_t partitions) {
  return partitions == 1 ? "1 partition" : fmt::format("{} partitions", partitions);
}

/// What keeps `info` from being a topic of `partitions` with leaders; empty when nothing does.
std::string unready(const TopicInfo& info, int partitions) {
  if (info.partitions.empty()) {
    return "it is not in the metadata";
  }
  if (info.partitions.size() != static_cast<std::size_t>(partitions)) {
    return fmt::format("it has {}, not {}", counted(info.partitions.size()), partitions);
  }
  const auto headless = std::find_if(info.partitions.begin(), info.partitions.end(),
                                     [](const PartitionInfo& partition) { return partition.leader < 0; });
  return headless == info.partitions.end() ? ""
                                           : fmt::format("partition {} has no leader", headless->partition);
}

/// False when it exists already, or is still being deleted.
bool create(Admin& admin, const std::string& topic, int partitions, int replication) {
  try {
    admin.create_topic(topic, partitions, replication);
    return true;
  } catch (const KafkaError& e) {
    if (e.name() != "TOPIC_ALREADY_EXISTS") {
      throw;
    }
    return false;
  }
}

void sleep_between_looks(Clock& clock, SteadyTime deadline, const std::string& what, std::stop_token stop) {
  if (!clock.sleep_until(std::min(clock.now() + kPollInterval, deadline), stop)) {
    throw InterruptedError(fmt::format("stopped while waiting for {}", what));
  }
}

}  // namespace

void validate_name(const std::string& name, const std::string& flag) {
  if (!is_plain_name(name)) {
    throw UsageError(
        fmt::format("{} must be 1 to 200 of the characters a-z A-Z 0-9 . _ -, got \"{}\"", flag, name));
  }
}

void require_partitions(const TopicInfo& info, int partitions) {
  if (!info.partitions.empty() && info.partitions.size() != static_cast<std::size_t>(partitions)) {
    throw KafkaError(
        ExitCode::usage, "TOPIC_ALREADY_EXISTS", /*retriable=*/false,
        fmt::format("topic {} exists with {}, wanted {} (--partitions): --reset deletes and creates it again",
                    info.name, counted(info.partitions.size()), partitions));
  }
}

void create_topic_verified(Admin& admin, Clock& clock, const std::string& topic, int partitions,
                           int replication, std::chrono::seconds timeout, std::stop_token stop) {
  const SteadyTime deadline = clock.now() + timeout;
  bool created = false;
  while (true) {
    const TopicInfo info = admin.describe(topic);
    const std::string reason = unready(info, partitions);
    if (reason.empty()) {
      return;
    }
    if (!created && info.partitions.empty()) {
      created = create(admin, topic, partitions, replication);
    } else if (!created) {
      require_partitions(info, partitions);
    }
    if (clock.now() >= deadline) {
      throw UnavailableError(
          fmt::format("topic {} was not ready within {}: {}", topic, format_duration(timeout), reason));
    }
    sleep_between_looks(
        clock, deadline,
        fmt::format("topic {} to have {} with leaders", topic, counted(static_cast<std::size_t>(partitions))),
        stop);
  }
}

void delete_topic_verified(Admin& admin, Clock& clock, const std::string& topic, std::chrono::seconds timeout,
                           std::stop_token stop) {
  const SteadyTime deadline = clock.now() + timeout;
  if (admin.describe(topic).partitions.empty()) {
    return;
  }
  try {
    admin.delete_topic(topic);
  } catch (const KafkaError& e) {
    if (e.name() != "UNKNOWN_TOPIC_OR_PART") {  // Somebody else was faster.
      throw;
    }
  }
  while (!admin.describe(topic).partitions.empty()) {
    if (clock.now() >= deadline) {
      throw UnavailableError(fmt::format("topic {} was not gone within {}", topic, format_duration(timeout)));
    }
    sleep_between_looks(clock, deadline, fmt::format("topic {} to be gone", topic), stop);
  }
}

std::string_view flag_of(TopicUse use) {
  return use == TopicUse::answers ? "--output-topic" : "--input-topic";
}

KafkaError missing_topic(const std::string& topic, TopicUse use, std::string_view flag) {
  return {ExitCode::usage, "UNKNOWN_TOPIC_OR_PART", /*retriable=*/false,
          fmt::format("{}: there is no topic {}: create it by kexp topics create {} {} --partitions N", flag,
                      topic, flag_of(use), topic)};
}

int partitions_of(Admin& admin, const std::string& topic, TopicUse use, std::string_view flag) {
  const TopicInfo info = admin.describe(topic);
  if (info.partitions.empty()) {
    throw missing_topic(topic, use, flag);
  }
  return static_cast<int>(info.partitions.size());
}

}  // namespace kexp::kafka
