#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kexp/kafka/client.hpp"

namespace kexp::kafka {

/// Reads what a group's leader gave a member; empty while there is none, and for what is cut short.
///
/// Source: Kafka, ConsumerProtocolAssignment: int16 version, then an array of (string topic, array of int32
/// partition), then user data; big-endian, lengths int32 of arrays and int16 of strings.
[[nodiscard]] std::vector<AssignedPartition> parse_assignment(std::span<const std::uint8_t> bytes);

}  // namespace kexp::kafka
