#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace kexp::cli {

/// The arguments with '_' made '-' in the name of every long option, up to a bare "--".
[[nodiscard]] std::vector<std::string> with_dashes(int argc, const char* const* argv);

/// Checks names, repetition and number formats before the parser does, whose own messages say less.
/// Errors: UsageError naming the flag or command, with the nearest name that exists.
void check_arguments(const CLI::App& app, const std::vector<std::string>& arguments);

/// Checks that `value` is what `option` takes by its type name: INT, UINT, FLOAT (finite) or a choice a|b|c.
/// Errors: UsageError; `origin` names the flag, variable or `file:line`.
void check_value(const CLI::Option& option, const std::string& value, const std::string& origin);

/// The command of `app` called `name`, or null.
[[nodiscard]] const CLI::App* find_command(const CLI::App& app, const std::string& name);

}  // namespace kexp::cli
