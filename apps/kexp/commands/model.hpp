#pragma once

#include "command.hpp"

namespace kexp::cli {

CommandRun add_model(CLI::App& command);

}  // namespace kexp::cli
