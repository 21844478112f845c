#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp extract energy`: joules of a dataset that is there already.
CommandRun add_extract_energy(CLI::App& command);

}  // namespace kexp::cli
