#pragma once

#include "feed_flags.hpp"

namespace kexp::cli {

/// `kexp feed --dry-run`: prints the plan, leaves it in --out, and refuses what a run would refuse, as far as
/// that needs no broker.
ExitCode run_dry(const FeedFlags& flags, const feeder::FeederOptions& options, Context& context);

}  // namespace kexp::cli
