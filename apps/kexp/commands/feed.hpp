#pragma once

#include <cstdint>
#include <string_view>

#include "command.hpp"

namespace kexp::cli {

/// `kexp feed`: plays the load plan into a Kafka topic.
CommandRun add_feed(CLI::App& command);

/// Whether a run with that verdict can be built on. Images whose fate nobody knows leave the verdict open,
/// but nothing is sound with them.
[[nodiscard]] bool is_sound(std::string_view verdict, std::int64_t unknown);

}  // namespace kexp::cli
