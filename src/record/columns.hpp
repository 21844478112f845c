#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "kexp/record/sends.hpp"

namespace kexp::record {

/// Whether all of `text` is a number that fits.
template <typename Number>
[[nodiscard]] bool parse(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

[[nodiscard]] inline std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  return parse(text, value) ? std::optional(value) : std::nullopt;
}

/// Visits the named columns of every row of a CSV of ours, `file` of `run`; `visit` says whether the row made
/// sense. Returns the rows that made none or are not as wide as the header. A missing column is one such.
UnreadableRows read_columns(const std::filesystem::path& run, const std::filesystem::path& file,
                            const std::vector<std::string_view>& names,
                            const std::function<bool(const std::vector<std::string_view>&)>& visit);

}  // namespace kexp::record
