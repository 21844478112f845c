#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp extract`: a window of Prometheus into a dataset of metrics.
CommandRun add_extract(CLI::App& command);

}  // namespace kexp::cli
