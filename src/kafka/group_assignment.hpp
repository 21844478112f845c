#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kexp/kafka/client.hpp"
#include "kexp/kafka/options.hpp"

namespace kexp::kafka {

/// partition.assignment.strategy for a librdkafka of that version (0x020601ff: 2.6.1).
///
/// Source: librdkafka's issues 4783 (an endless loop of the cooperative assignor, fixed in 2.6.1) and 4527
/// (an assignment during a close hangs, fixed in 2.4).
[[nodiscard]] std::string assignment_strategy(ConsumerOptions::Assignment assignment, int version);

/// Reads what a group's leader gave a member; empty while there is none, and for what is cut short.
///
/// Source: Kafka, ConsumerProtocolAssignment: int16 version, then an array of (string topic, array of int32
/// partition), then user data; big-endian, lengths int32 of arrays and int16 of strings.
[[nodiscard]] std::vector<AssignedPartition> parse_assignment(std::span<const std::uint8_t> bytes);

}  // namespace kexp::kafka
