#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp feed calibrate`: measures this machine's timers and what this broker takes.
CommandRun add_feed_calibrate(CLI::App& command);

}  // namespace kexp::cli
