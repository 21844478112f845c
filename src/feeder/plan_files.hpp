#pragma once

#include "kexp/core/json.hpp"
#include "kexp/feeder/feeder.hpp"

namespace kexp::feeder {

/// The effective settings of a feed, as plan.json and feed.json hold them.
[[nodiscard]] Json settings_json(const FeederOptions& options);

}  // namespace kexp::feeder
