#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace kexp::record {

[[nodiscard]] inline std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Visits the named columns of every row of a CSV of ours; `visit` says whether the row made sense. Returns
/// the number of rows that made none or are not as wide as the header. A missing column counts as one such.
std::int64_t read_columns(const std::filesystem::path& file, const std::vector<std::string_view>& names,
                          const std::function<bool(const std::vector<std::string_view>&)>& visit);

}  // namespace kexp::record
