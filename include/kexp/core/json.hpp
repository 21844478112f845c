#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "kexp/core/json_fwd.hpp"

/// Compiled once, in core, and not by every file that uses it.
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace kexp {

/// Parses `text`; `what` names the source in the error. Errors: FailedError with the position.
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what);

/// Reads and parses a whole file. Errors: FailedError naming the file.
[[nodiscard]] Json read_json(const std::filesystem::path& file);

/// Writes `value` indented by two spaces, replacing `file` atomically. Errors: FailedError naming
/// the file.
void write_json(const std::filesystem::path& file, const Json& value);

}  // namespace kexp
