#pragma once

#include "command.hpp"

namespace kexp::cli {

CommandRun add_dataset(CLI::App& command);

}  // namespace kexp::cli
