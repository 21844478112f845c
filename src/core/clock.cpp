#include "kexp/core/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sys/prctl.h>
#include <time.h>

namespace kexp {

namespace {

// How long a stop request may go unseen.
constexpr Nanoseconds kSlice = std::chrono::milliseconds(50);
// What a CPU that idles needs at least to be back after a timer: less is turned away, more is late.
constexpr Nanoseconds kWakeUp = std::chrono::microseconds(30);

}  // namespace

SteadyTime SystemClock::now() const { return std::chrono::steady_clock::now(); }

WallTime SystemClock::wall_now() const { return std::chrono::system_clock::now(); }

bool SystemClock::sleep_until(SteadyTime deadline, std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested()) {
      return false;
    }
    const SteadyTime current = now();
    if (current >= deadline) {
      return true;
    }
    // libstdc++'s steady_clock is CLOCK_MONOTONIC.
    const Nanoseconds until = std::min(deadline, current + kSlice).time_since_epoch();
    const auto whole = std::chrono::floor<std::chrono::seconds>(until);
    timespec wake{};
    wake.tv_sec = static_cast<time_t>(whole.count());
    wake.tv_nsec = static_cast<long>((until - whole).count());
    // EINTR or the end of a slice: look at the clock and the stop again.
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
  }
}

bool SystemClock::sleep_until_sharply(SteadyTime deadline, std::stop_token stop) {
  if (!sleep_until(deadline - kWakeUp, std::move(stop))) {
    return false;
  }
  while (now() < deadline) {
  }
  return true;
}

void use_precise_timers() noexcept { (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

}  // namespace kexp
