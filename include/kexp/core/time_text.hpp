#pragma once

#include <string>
#include <string_view>

#include "kexp/core/clock.hpp"

namespace kexp {

/// RFC 3339 in UTC with milliseconds: 2026-11-21T18:03:04.250Z.
[[nodiscard]] std::string format_utc(WallTime time);

/// Reads RFC 3339 with a zone ("Z" or an offset), or Unix seconds (fractions allowed).
///
/// A time without a zone is refused: it means another instant on every machine.
/// Errors: UsageError naming `flag`, with an example.
[[nodiscard]] WallTime parse_time(std::string_view text, std::string_view flag);

}  // namespace kexp
