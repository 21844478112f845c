#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace kexp {

struct ProcessResult {
  int exit_code = 0;  ///< 128 + signal when a signal ended it.
  std::string out;
  std::string err;
};

/// Runs other programs.
class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  /// Runs `argv` (found on PATH) to its end and returns what it printed.
  /// Errors: FailedError when it cannot be started or `timeout` passed; InterruptedError on stop.
  /// The child is ended in both cases. It reads nothing (stdin is /dev/null); an empty `cwd` is ours.
  [[nodiscard]] virtual ProcessResult run(const std::vector<std::string>& argv,
                                          const std::filesystem::path& cwd, std::chrono::seconds timeout,
                                          std::stop_token stop) = 0;
};

/// posix_spawn with an empty signal mask and default dispositions, so that children react to signals;
/// each child leads its own process group, and ending it ends the group (SIGTERM, 2 s, SIGKILL).
class SystemProcessRunner final : public ProcessRunner {
 public:
  [[nodiscard]] ProcessResult run(const std::vector<std::string>& argv, const std::filesystem::path& cwd,
                                  std::chrono::seconds timeout, std::stop_token stop) override;
};

}  // namespace kexp
