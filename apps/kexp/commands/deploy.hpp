#pragma once

#include "command.hpp"

namespace kexp::cli {

CommandRun add_deploy(CLI::App& command);

}  // namespace kexp::cli
