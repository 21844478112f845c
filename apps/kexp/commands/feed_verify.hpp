#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp feed verify`: computes every figure of a run again.
CommandRun add_feed_verify(CLI::App& command);

}  // namespace kexp::cli
