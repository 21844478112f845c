#include "event_ring.hpp"

#include <algorithm>
#include <bit>

namespace kexp::feeder {

EventRing::EventRing(std::size_t capacity)
    : slots_(std::bit_ceil(std::max<std::size_t>(capacity, 1))), mask_(slots_.size() - 1) {}

void EventRing::push(const SendEvent& event) {
  const std::uint64_t position = pushed_.load(std::memory_order_relaxed);
  if (position - drained_seen_ == slots_.size()) {
    drained_seen_ = drained_.load(std::memory_order_acquire);
    if (position - drained_seen_ == slots_.size()) {
      const std::scoped_lock lock(mutex_);
      overflow_.push_back(event);
      has_overflow_.store(true, std::memory_order_relaxed);
      return;
    }
  }
  slots_[position & mask_] = event;
  pushed_.store(position + 1, std::memory_order_release);
}

void EventRing::drain(std::vector<SendEvent>& events) {
  std::uint64_t position = drained_.load(std::memory_order_relaxed);
  const std::uint64_t end = pushed_.load(std::memory_order_acquire);
  for (; position != end; ++position) {
    events.push_back(slots_[position & mask_]);
  }
  drained_.store(position, std::memory_order_release);
  if (has_overflow_.load(std::memory_order_relaxed)) {
    const std::scoped_lock lock(mutex_);
    events.insert(events.end(), overflow_.begin(), overflow_.end());
    overflow_.clear();
    has_overflow_.store(false, std::memory_order_relaxed);
  }
}

}  // namespace kexp::feeder
