#include "group_assignment.hpp"

#include <optional>
#include <string>

namespace kexp::kafka {
namespace {

/// Takes fields off the front; after the first that is not there, none is.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::optional<std::int32_t> integer(std::size_t size) {
    const auto field = take(size);
    if (!field) {
      return std::nullopt;
    }
    std::uint32_t value = 0;
    for (const std::uint8_t byte : *field) {
      value = value << 8U | byte;
    }
    return static_cast<std::int32_t>(value);
  }

  std::optional<std::string> text(std::size_t size) {
    const auto field = take(size);
    return field ? std::optional(std::string(field->begin(), field->end())) : std::nullopt;
  }

 private:
  std::optional<std::span<const std::uint8_t>> take(std::size_t size) {
    if (size > bytes_.size()) {
      bytes_ = {};
      return std::nullopt;
    }
    const auto field = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return field;
  }

  std::span<const std::uint8_t> bytes_;
};

constexpr int kSoundCooperation = 0x020601ff;

}  // namespace

std::string assignment_strategy(ConsumerOptions::Assignment assignment, int version) {
  using enum ConsumerOptions::Assignment;
  const bool sound = version >= kSoundCooperation;
  return assignment == cooperative || (assignment == automatic && sound) ? "cooperative-sticky"
                                                                         : "range,roundrobin";
}

std::vector<AssignedPartition> parse_assignment(std::span<const std::uint8_t> bytes) {
  std::vector<AssignedPartition> assigned;
  Reader reader(bytes);
  reader.integer(2);  // Version: later ones only add at the end.
  const std::int32_t topics = reader.integer(4).value_or(0);
  for (std::int32_t t = 0; t < topics; ++t) {
    const auto length = reader.integer(2);
    const auto topic = length ? reader.text(static_cast<std::size_t>(*length)) : std::nullopt;
    const auto partitions = reader.integer(4);
    if (!topic || !partitions) {
      return {};
    }
    for (std::int32_t p = 0; p < *partitions; ++p) {
      const auto partition = reader.integer(4);
      if (!partition) {
        return {};
      }
      assigned.push_back({*topic, *partition});
    }
  }
  return assigned;
}

}  // namespace kexp::kafka
