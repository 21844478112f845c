#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace kexp::feeder {

/// What a pacing thread did with one image of the plan.
struct SendEvent {
  enum class What : std::uint8_t { sent, dropped };
  std::uint64_t id = 0;
  std::int64_t time_ns = 0;  ///< After t0: just before it was handed to the producer, or dropped.
  What what = What::sent;
};

/// Hands events from one thread to another without a lock or a wait while there is room. When there is none
/// (whoever drains stood still, or a burst beat it) events go to a list under a lock: none is ever lost.
///
/// Threads: one pushes, another one drains.
class EventRing {
 public:
  /// `capacity` is rounded up to a power of two.
  explicit EventRing(std::size_t capacity);

  void push(const SendEvent& event);
  /// Appends everything pushed so far to `events`; in order, but for those of the list.
  void drain(std::vector<SendEvent>& events);

 private:
  static constexpr std::size_t kCacheLine = 64;

  std::vector<SendEvent> slots_;
  const std::uint64_t mask_;
  alignas(kCacheLine) std::atomic<std::uint64_t> pushed_{0};
  std::uint64_t drained_seen_ = 0;  // Of the pushing thread: `drained_` when it last looked.
  alignas(kCacheLine) std::atomic<std::uint64_t> drained_{0};
  alignas(kCacheLine) std::atomic<bool> has_overflow_{false};
  std::mutex mutex_;
  std::vector<SendEvent> overflow_;  // Guarded by mutex_.
};

}  // namespace kexp::feeder
