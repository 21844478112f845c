#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/process.hpp"

namespace kexp::test {

/// Runs nothing: answers with what the test prepared and keeps the calls.
///
/// A command without an answer cannot be started, as if the program were not installed; a stop
/// request interrupts every call. Threads: any.
class FakeProcesses final : public ProcessRunner {
 public:
  using Handler = std::function<ProcessResult(const std::vector<std::string>& argv)>;
  struct Call {
    std::vector<std::string> argv;
    std::filesystem::path cwd;
    std::chrono::seconds timeout;
    /// The words with blanks between: "kubectl get pods".
    [[nodiscard]] std::string line() const;
  };

  /// Answers every command whose words begin with those of `beginning` ("kubectl get"). The latest
  /// one that fits is taken.
  void answer(std::string_view beginning, ProcessResult result);
  void answer(std::string_view beginning, Handler handler);

  [[nodiscard]] std::vector<Call> calls() const;
  /// Calls whose words begin with those of `beginning`.
  [[nodiscard]] std::size_t count(std::string_view beginning) const;

  [[nodiscard]] ProcessResult run(const std::vector<std::string>& argv, const std::filesystem::path& cwd,
                                  std::chrono::seconds timeout, std::stop_token stop) override;

 private:
  struct Answer {
    std::string beginning;
    Handler handler;
  };
  mutable std::mutex mutex_;
  std::vector<Answer> answers_;  // Guarded by mutex_.
  std::vector<Call> calls_;      // Guarded by mutex_.
};

}  // namespace kexp::test
