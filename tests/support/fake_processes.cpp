#include "support/fake_processes.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kexp/core/error.hpp"

namespace kexp::test {

namespace {

// "kubectl get" begins "kubectl get pods", not "kubectl getall".
bool begins(std::string_view line, std::string_view beginning) {
  return line == beginning || beginning.empty() ||
         (line.starts_with(beginning) && line[beginning.size()] == ' ');
}

}  // namespace

std::string FakeProcesses::Call::line() const { return fmt::format("{}", fmt::join(argv, " ")); }

void FakeProcesses::answer(std::string_view beginning, ProcessResult result) {
  answer(beginning, [result = std::move(result)](const std::vector<std::string>&) { return result; });
}

void FakeProcesses::answer(std::string_view beginning, Handler handler) {
  const std::lock_guard lock(mutex_);
  answers_.push_back({std::string(beginning), std::move(handler)});
}

std::vector<FakeProcesses::Call> FakeProcesses::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t FakeProcesses::count(std::string_view beginning) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      calls_.begin(), calls_.end(), [&](const Call& call) { return begins(call.line(), beginning); }));
}

ProcessResult FakeProcesses::run(const std::vector<std::string>& argv, const std::filesystem::path& cwd,
                                 std::chrono::seconds timeout, std::stop_token stop) {
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back({argv, cwd, timeout});
    const std::string line = calls_.back().line();
    const auto found = std::find_if(answers_.rbegin(), answers_.rend(),
                                    [&](const Answer& answer) { return begins(line, answer.beginning); });
    if (found != answers_.rend()) {
      handler = found->handler;
    }
  }
  const std::string program = argv.empty() ? "" : argv.front();
  if (stop.stop_requested()) {
    throw InterruptedError(fmt::format("{} was stopped", program));
  }
  if (!handler) {
    throw FailedError(fmt::format("cannot start {}: No such file or directory", program));
  }
  return handler(argv);  // Outside the lock: it may look at the calls.
}

}  // namespace kexp::test
