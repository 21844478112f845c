#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "kexp/core/clock.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::kafka {

/// Checks the name of a topic, group or member. Errors: UsageError naming `flag`, which gave it.
void validate_name(const std::string& name, const std::string& flag);

/// Creates `topic` and waits until the metadata shows exactly `partitions` of them, each with a leader.
///
/// Replaces the probe messages of earlier tools, which hung when a group member was slow: nothing is sent.
/// Errors: KafkaError (exit code usage) when it exists with another number of partitions; it says both and
/// names --reset. UnavailableError when the metadata does not show it within `timeout`.
void create_topic_verified(Admin& admin, Clock& clock, const std::string& topic, int partitions,
                           int replication, std::chrono::seconds timeout, std::stop_token stop);

/// Errors: KafkaError as above, when `info` is a topic with another number of partitions.
void require_partitions(const TopicInfo& info, int partitions);

/// Deletes `topic` and waits until the metadata shows it gone. Errors: UnavailableError after `timeout`.
void delete_topic_verified(Admin& admin, Clock& clock, const std::string& topic, std::chrono::seconds timeout,
                           std::stop_token stop);

/// What a topic holds; and the flag of kexp topics that names it.
enum class TopicUse { images, answers };
[[nodiscard]] std::string_view flag_of(TopicUse use);

/// A mistake of whoever started us: names `flag`, which gave the topic, and `kexp topics create`.
[[nodiscard]] KafkaError missing_topic(const std::string& topic, TopicUse use, std::string_view flag);

/// The number of partitions of `topic`. Errors: missing_topic.
[[nodiscard]] int partitions_of(Admin& admin, const std::string& topic, TopicUse use, std::string_view flag);

}  // namespace kexp::kafka
