#pragma once

#include <set>
#include <string>

namespace CLI {
class App;
}

namespace kexp::cli {

/// The flags that stand on a command line. Those of kexp.yaml and the environment, which are given to the
/// same options afterwards, are settings shared by several commands and runs: what they say may be without
/// effect.
class GivenFlags {
 public:
  /// Requires: called by the parser's callback of `command`, before settings are read.
  void note(const CLI::App& command);

  [[nodiscard]] bool has(const std::string& flag) const { return flags_.contains(flag); }
  [[nodiscard]] const std::set<std::string>& all() const { return flags_; }

 private:
  std::set<std::string> flags_;  // "--duration", "-X".
};

/// Errors: UsageError naming both, when `flag` was given although `because` leaves it without effect:
/// "--count has no effect without --profile burst".
void require_effect(const GivenFlags& given, const char* flag, bool has_effect, const std::string& because);

}  // namespace kexp::cli
