#pragma once

#include <string>
#include <string_view>

#include "kexp/core/clock.hpp"

namespace kexp::extractor {

/// Reads an end of the window: RFC 3339 with a zone, local time (`2026-11-21 18:03:04`, the zone is that of
/// this machine), Unix seconds or milliseconds, `now`, or `now-90m` (s, m, h, d).
///
/// Errors: UsageError naming `flag`; also for a local time that the clocks jump over, or pass twice.
[[nodiscard]] WallTime parse_window_time(std::string_view text, std::string_view flag, WallTime now);

/// As clocks on the wall show it here, with the zone: 2026-11-21 19:03:04.250 +01:00.
[[nodiscard]] std::string format_local(WallTime time);

/// How far the clocks here are ahead of UTC at that time.
[[nodiscard]] std::chrono::seconds local_offset(WallTime time);

}  // namespace kexp::extractor
