#pragma once

#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace kexp::cli {

struct AppliedSettings {
  std::map<std::string, std::string> origins;  ///< "--max-mbps" → "kexp.yaml:3" or "KEXP_MAX_MBPS".
  std::vector<std::string> warnings;           ///< Variables of consume that set nothing.
};

/// Gives every flag that was not on the command line its value from the environment, else from the settings
/// file.
///
/// `file`: that of --config; empty: kexp.yaml in the working directory when there is one. Keys at top level
/// are settings that several commands share; a mapping named like a command holds that command's. Every
/// mapping is checked whichever command runs.
/// Requires: a parsed command. Errors: UsageError naming `file:line` or the variable.
[[nodiscard]] AppliedSettings apply_settings(CLI::App& app, const std::string& file);

/// `message`, and of each flag named in it that was not typed, where its value stands:
/// "--max-mbps must be above 0, got -1 (--max-mbps is from kexp.yaml:3)".
[[nodiscard]] std::string with_origins(const std::string& message,
                                       const std::map<std::string, std::string>& origins);

}  // namespace kexp::cli
