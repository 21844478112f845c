#pragma once

#include <optional>
#include <string>

#include "kexp/core/json_fwd.hpp"
#include "kexp/record/verdict.hpp"

#include "feed_logs.hpp"

namespace kexp::record {

/// The value of `name` in `event`, null when either is not there.
[[nodiscard]] Json field(const Json* event, const char* name);
/// The number of that name; none when it is not there.
[[nodiscard]] std::optional<double> number(const Json* event, const char* name);

/// What the feeds told of themselves: lateness, outages, choices. Nothing is counted here.
[[nodiscard]] RunFacts facts_told_by(const FeedLogs& feeds);

/// Adds what keeps `role` from having come to its end, if anything does.
void add_end(const RoleLog& role, RunFacts& facts);

/// Those in the settings of the feeds; the defaults when no feed joined.
[[nodiscard]] VerdictThresholds thresholds_of(const FeedLogs& feeds);

/// The failure of an image that had not left the client when its feed gave up sending.
inline constexpr const char* kGivenUp = "_PURGE_QUEUE";
/// Whether a stop request ended one of the feeds: what was given up then is no loss.
[[nodiscard]] bool was_interrupted(const FeedLogs& feeds);

}  // namespace kexp::record
