#include "kexp/record/message.hpp"

#include <fmt/format.h>

namespace kexp::record {

std::string image_id(std::string_view key, std::int32_t partition, std::int64_t offset) {
  return key.empty() ? fmt::format("{}-{}", partition, offset) : std::string(key);
}

}  // namespace kexp::record
