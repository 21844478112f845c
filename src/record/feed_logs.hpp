#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kexp/record/feeds.hpp"
#include "kexp/record/verdict.hpp"

#include "event_log.hpp"

namespace kexp::record {

struct FeedLog {
  FeedPart part;
  RoleLog log;

  /// Its last words; null while it is at work, or when it was killed.
  [[nodiscard]] const Json* end() const { return log.last("finished"); }
};

/// The feeds that joined a run, in the order of their parts.
struct FeedLogs {
  std::uint32_t of = 0;  ///< Parts of the plan; 0 when no feed joined.
  std::vector<FeedLog> feeds;

  /// The feed that plays image `id`; null when it is not here.
  [[nodiscard]] const FeedLog* feed_of(std::uint64_t id) const;
  /// Parts that the others tell of, but that are not here.
  [[nodiscard]] std::vector<FeedPart> missing() const;
  /// Every part is here and came to its end.
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool cut_short() const;
  /// Feeds that cannot be of one plan, in words; empty when they can.
  [[nodiscard]] std::vector<std::string> conflicts() const;
};

[[nodiscard]] std::vector<Outage> outages_in(const RoleLog& feed);

[[nodiscard]] FeedLogs feeds_among(const std::vector<RoleLog>& roles);

}  // namespace kexp::record
