#pragma once

#include "command.hpp"

namespace kexp::cli {

/// `kexp consume`: images from Kafka through a detector, one answer each.
CommandRun add_consume(CLI::App& command);

}  // namespace kexp::cli
