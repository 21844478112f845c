#pragma once

#include <optional>

#include "kexp/core/clock.hpp"

namespace kexp::feeder {

/// Finds steps of the wall clock: that it moved against the steady one by more than kSmallestStep between two
/// looks. What NTP slews is slower than that.
class ClockWatch {
 public:
  static constexpr Nanoseconds kSmallestStep = std::chrono::milliseconds(100);

  explicit ClockWatch(const Clock& clock) : clock_(clock) {}
  /// By how much the wall clock has stepped since the last look, if it has.
  [[nodiscard]] std::optional<Nanoseconds> look();

 private:
  const Clock& clock_;
  std::optional<Nanoseconds> difference_;  // Wall − steady.
};

}  // namespace kexp::feeder
