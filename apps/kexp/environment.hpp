#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class Option;
}

namespace kexp::cli {

/// The values of a setting and where they stand.
struct Origin {
  std::string name;  ///< "KAFKA_SERVERS" or "kexp.yaml:3".
  std::vector<std::string> values;
};

/// What the environment says about `option` of `command` ("topics"), nothing where it says nothing. A
/// variable that is set but empty counts as not set: manifests leave optional values empty. A repeatable
/// flag's variable holds one value a line, or on a single line several between commas (of --property:
/// semicolons). Errors: UsageError naming two variables that disagree.
[[nodiscard]] std::optional<Origin> from_environment(const std::string& command, const CLI::Option& option);

/// A sentence for each variable KEXP_… that is nobody's, `flags` being all that the command has: a
/// misspelt one would go unnoticed where the environment is the only configuration.
[[nodiscard]] std::vector<std::string> unknown_variables(const std::vector<std::string>& flags);

}  // namespace kexp::cli
