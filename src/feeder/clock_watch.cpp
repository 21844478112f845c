#include "clock_watch.hpp"

namespace kexp::feeder {

std::optional<Nanoseconds> ClockWatch::look() {
  constexpr Nanoseconds kAtOnce = std::chrono::milliseconds(10);
  const SteadyTime before = clock_.now();
  const WallTime wall = clock_.wall_now();
  if (clock_.now() - before > kAtOnce) {  // Something came between the two: they cannot be compared.
    return std::nullopt;
  }
  const Nanoseconds difference = wall.time_since_epoch() - before.time_since_epoch();
  const Nanoseconds step = difference - difference_.value_or(difference);
  difference_ = difference;
  return std::chrono::abs(step) > kSmallestStep ? std::optional(step) : std::nullopt;
}

}  // namespace kexp::feeder
