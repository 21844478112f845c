#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "kexp/extractor/wide.hpp"

#include "command.hpp"

namespace kexp::cli {

/// --wide and --step of `kexp extract` itself.
struct WideFlags {
  std::string file;
  std::string step = "5s";
};
void add_wide_flags(CLI::App& command, WideFlags& flags);
/// What they ask for; the dataset is for the caller to say. nullopt: no table. Errors: UsageError naming
/// --step.
[[nodiscard]] std::optional<extractor::WideOptions> wide_options(const WideFlags& flags, bool replace);

/// `kexp extract wide`: the same of a dataset that is there already.
CommandRun add_extract_wide(CLI::App& command);

}  // namespace kexp::cli
