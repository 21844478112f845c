#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>

#include "kexp/core/clock.hpp"

namespace kexp::feeder {

struct WakeUp {
  std::int64_t time_ns = 0;  ///< After t0.
  bool is_sharp = false;     ///< Worth being awake for before it, so as to be on time to some microseconds.
};

/// When a pacing thread wakes: images that are due within kApart of each other share a wake-up, which costs
/// more than all else that pacing an image takes. None is early, and none later than kApart because of it.
///
/// Wake-ups are counted from the plan, not from when the thread did wake: where images are due further apart
/// nothing changes, however late a timer was. Pure; times are ns after t0. Threads: one.
class WakeUps {
 public:
  /// A wake-up takes 13 to 15 us of CPU in a virtual machine: 1,333 a second are 2 % of a core, which leaves
  /// 1 % for 5,000 images. 1,000 images/s of one size are left alone, and the 1 ms that a sound run allows is
  /// kept.
  static constexpr Nanoseconds kApart = std::chrono::microseconds(750);
  /// After a longer sleep a CPU needs longer to be back. Being awake before the image takes 30 us more, which
  /// at more than 500 wake-ups a second would be too much, and helps little.
  static constexpr Nanoseconds kLongSleep = std::chrono::milliseconds(2);

  /// The wake-up for the next image, which is due at `due_ns`.
  [[nodiscard]] WakeUp next(std::int64_t due_ns) {
    if (due_ns <= last_ns_) {
      return {last_ns_, false};
    }
    const std::int64_t before_ns = std::exchange(last_ns_, std::max(due_ns, last_ns_ + kApart.count()));
    return {last_ns_, last_ns_ - before_ns >= kLongSleep.count()};
  }

 private:
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min() / 2;
};

}  // namespace kexp::feeder
