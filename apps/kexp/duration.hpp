#pragma once

#include <chrono>
#include <string>

namespace kexp::cli {

/// Reads "5s", "500ms", "2m", "1h", or seconds as a bare number; fractions are allowed, down to a
/// millisecond. Errors: UsageError naming `flag`.
[[nodiscard]] std::chrono::milliseconds parse_duration(const std::string& text, const std::string& flag);

}  // namespace kexp::cli
