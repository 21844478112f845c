#include "kexp/record/message.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kexp::record {

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string image_id(std::string_view key, std::int32_t partition, std::int64_t offset) {
  return key.empty() ? fmt::format("{}-{}", partition, offset) : std::string(key);
}

}  // namespace kexp::record
