#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <utility>

namespace kexp {

using Nanoseconds = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Nanoseconds>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanoseconds>;

/// Time as a job sees it: a test hands in one that moves when somebody sleeps
/// (kexp::test::FakeClock).
///
/// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic time: for intervals and deadlines.
  [[nodiscard]] virtual SteadyTime now() const = 0;
  /// Time since the Unix epoch, UTC: for what is written down.
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  /// Waits until `deadline`; false when `stop` was requested before it.
  [[nodiscard]] virtual bool sleep_until(SteadyTime deadline, std::stop_token stop) = 0;

  /// As sleep_until, for one thread that has to be on time to a few microseconds: it may turn shortly before
  /// the deadline instead of sleeping to its end.
  [[nodiscard]] virtual bool sleep_until_sharply(SteadyTime deadline, std::stop_token stop) {
    return sleep_until(deadline, std::move(stop));
  }

  /// Waits for `duration` from now; false when `stop` was requested before its end.
  [[nodiscard]] bool sleep_for(Nanoseconds duration, std::stop_token stop) {
    return sleep_until(now() + duration, stop);
  }
};

/// The machine's clocks. Deadlines are absolute (CLOCK_MONOTONIC, TIMER_ABSTIME), so nothing
/// drifts; a stop request is seen within 50 ms.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime now() const override;
  [[nodiscard]] WallTime wall_now() const override;
  [[nodiscard]] bool sleep_until(SteadyTime deadline, std::stop_token stop) override;
  [[nodiscard]] bool sleep_until_sharply(SteadyTime deadline, std::stop_token stop) override;
};

/// Asks the kernel to wake the calling thread without slack (PR_SET_TIMERSLACK 1 ns; 50 us
/// otherwise).
void use_precise_timers() noexcept;

/// Unix time in whole milliseconds and nanoseconds.
[[nodiscard]] inline std::int64_t unix_ms(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
[[nodiscard]] inline std::int64_t unix_ns(WallTime time) { return time.time_since_epoch().count(); }
/// Seconds as a floating number, milliseconds likewise: for output and metrics.
[[nodiscard]] inline double seconds(Nanoseconds d) { return std::chrono::duration<double>(d).count(); }
[[nodiscard]] inline double milliseconds(Nanoseconds d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace kexp
