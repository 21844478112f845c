#pragma once

#include <mutex>

#include "kexp/core/clock.hpp"

namespace kexp::test {

/// Time that moves only when somebody sleeps on it, or `advance` is called: a day of load takes
/// milliseconds.
///
/// Steady time starts at 0, wall time at `kStart`; both move together. A sleeper moves the time to
/// its deadline at once, so with several sleepers the latest deadline wins. Threads: any.
class FakeClock final : public Clock {
 public:
  /// 2026-11-21T18:00:00Z.
  static constexpr WallTime kStart{std::chrono::seconds(1795284000)};

  [[nodiscard]] SteadyTime now() const override;
  [[nodiscard]] WallTime wall_now() const override;
  [[nodiscard]] bool sleep_until(SteadyTime deadline, std::stop_token stop) override;

  void advance(Nanoseconds by);
  /// Moves the wall clock alone, as NTP does.
  void step_wall(Nanoseconds by);

 private:
  mutable std::mutex mutex_;
  SteadyTime now_{};           // Guarded by mutex_.
  Nanoseconds wall_offset_{};  // Guarded by mutex_.
};

}  // namespace kexp::test
