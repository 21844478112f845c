#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp feed`: plays the load plan into a Kafka topic.
CommandRun add_feed(CLI::App& command);

}  // namespace kexp::cli
