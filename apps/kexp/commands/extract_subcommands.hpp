#pragma once

#include "command.hpp"

namespace kexp::cli {

/// Adds what works on a dataset that is there already, `extract energy`, `patterns` and `wide`, and returns
/// what runs one of them, or `extract` itself.
[[nodiscard]] CommandRun with_extract_subcommands(CLI::App& command, CommandRun extract);

}  // namespace kexp::cli
