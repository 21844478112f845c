#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp topics`: creates, describes and resets the topics of an experiment; shows the lag.
CommandRun add_topics(CLI::App& command);

}  // namespace kexp::cli
