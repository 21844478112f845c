#include "support/fake_clock.hpp"

#include <algorithm>

namespace kexp::test {

SteadyTime FakeClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

WallTime FakeClock::wall_now() const {
  const std::lock_guard lock(mutex_);
  return kStart + now_.time_since_epoch() + wall_offset_;
}

bool FakeClock::sleep_until(SteadyTime deadline, std::stop_token stop) {
  if (stop.stop_requested()) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, deadline);
  return true;
}

void FakeClock::advance(Nanoseconds by) {
  const std::lock_guard lock(mutex_);
  now_ += by;
}

void FakeClock::step_wall(Nanoseconds by) {
  const std::lock_guard lock(mutex_);
  wall_offset_ += by;
}

}  // namespace kexp::test
