#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp track`: answers into CSV, live percentiles, and the account of every image.
CommandRun add_track(CLI::App& command);

}  // namespace kexp::cli
