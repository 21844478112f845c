#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace kexp {

/// Turns SIGINT and SIGTERM into a stop request; one that comes more than 200 ms after the first ends the
/// process at once (128 + signal).
///
/// Build it first in main: every later thread inherits its signal mask. SIGHUP is ignored, so that
/// a job goes on when its terminal is gone; SIGPIPE likewise.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal();

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t set_{};
  std::stop_source source_;
  std::jthread waiter_;  // Last member.
};

}  // namespace kexp
