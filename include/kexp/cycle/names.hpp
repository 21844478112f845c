#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace kexp::cycle {

/// The names of an enum's values, as flags and plan.json have them.
template <typename Value, std::size_t kCount>
using Names = std::array<std::pair<const char*, Value>, kCount>;

/// Requires: `names` has `value`.
template <typename Value, std::size_t kCount>
[[nodiscard]] constexpr const char* name_of(const Names<Value, kCount>& names, Value value) {
  std::size_t i = 0;
  while (names.at(i).second != value) {
    ++i;
  }
  return names.at(i).first;
}

/// nullopt when nothing is called so.
template <typename Value, std::size_t kCount>
[[nodiscard]] constexpr std::optional<Value> value_named(const Names<Value, kCount>& names,
                                                         std::string_view text) {
  for (const auto& [name, value] : names) {
    if (text == name) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace kexp::cycle
