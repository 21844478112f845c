#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp extract patterns`: what moved with the load of a run.
CommandRun add_extract_patterns(CLI::App& command);

}  // namespace kexp::cli
