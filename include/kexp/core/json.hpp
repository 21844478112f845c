#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace kexp {

/// JSON with its keys in the order of writing.
using Json = nlohmann::ordered_json;

/// Parses `text`; `what` names the source in the error. Errors: FailedError with the position.
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what);

/// Reads and parses a whole file. Errors: FailedError naming the file.
[[nodiscard]] Json read_json(const std::filesystem::path& file);

/// Writes `value` indented by two spaces, replacing `file` atomically. Errors: FailedError naming
/// the file.
void write_json(const std::filesystem::path& file, const Json& value);

}  // namespace kexp
