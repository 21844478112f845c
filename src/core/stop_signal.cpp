#include "kexp/core/stop_signal.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <pthread.h>
#include <signal.h>

#include "kexp/core/clock.hpp"

namespace kexp {

namespace {

// A terminal and a script, or `timeout` alone, send the same request twice; a person takes longer.
constexpr std::chrono::milliseconds kSameRequest{200};

}  // namespace

StopSignal::StopSignal() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &ignore, nullptr);
  sigaction(SIGPIPE, &ignore, nullptr);

  waiter_ = std::jthread([this](std::stop_token quit) {
    const SystemClock clock;
    SteadyTime requested;
    while (!quit.stop_requested()) {
      const int signal = sigwaitinfo(&set_, nullptr);  // Without a tick: a waiting process takes no CPU.
      if (signal <= 0 || quit.stop_requested()) {
        continue;
      }
      if (!source_.stop_requested()) {
        requested = clock.now();
        source_.request_stop();
      } else if (clock.now() - requested > kSameRequest) {
        std::_Exit(128 + signal);  // The user insists.
      }
    }
  });
}

StopSignal::~StopSignal() {
  // Wakes the waiter; a signal for one thread stays pending until that takes it, so it cannot miss this one.
  waiter_.request_stop();
  (void)pthread_kill(waiter_.native_handle(), SIGTERM);
}

}  // namespace kexp
