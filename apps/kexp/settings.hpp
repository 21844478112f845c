#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace kexp::cli {

/// Gives every flag that was not on the command line its value from the environment, else from the settings
/// file.
///
/// `file`: that of --config; empty: kexp.yaml in the working directory when there is one. Keys at top level
/// are settings that several commands share; a mapping named like a command holds that command's. Every
/// mapping is checked whichever command runs. Returns warnings: variables of consume that set nothing.
/// Requires: a parsed command. Errors: UsageError naming `file:line` or the variable.
[[nodiscard]] std::vector<std::string> apply_settings(CLI::App& app, const std::string& file);

}  // namespace kexp::cli
