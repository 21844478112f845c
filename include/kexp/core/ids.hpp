#pragma once

#include <string>

#include "kexp/core/clock.hpp"

namespace kexp {

/// A new run id: UTC time and a short random suffix, sorts by time (20261121T180304Z-7f3k).
[[nodiscard]] std::string make_run_id(WallTime now);

/// The name of this host; "unknown" when it has none.
[[nodiscard]] std::string host_name();

/// True for what a run id, topic or group may consist of: letters, digits, '.', '_', '-'; 1 to 200
/// of them, and neither "." nor "..".
[[nodiscard]] bool is_plain_name(const std::string& name);

}  // namespace kexp
