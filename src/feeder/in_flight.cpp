#include "in_flight.hpp"

#include <algorithm>

namespace kexp::feeder {

void InFlight::sent(std::uint64_t index, std::int64_t time_ns) {
  slot(index) = time_ns;
  ++size_;
}

void InFlight::skipped(std::uint64_t index) {
  slot(index) = kDone;
  forget_done();
}

std::optional<std::int64_t> InFlight::answered(std::uint64_t index) {
  if (index < first_ || index - first_ >= times_.size() || !is_time(times_[index - first_])) {
    return std::nullopt;
  }
  const std::int64_t time = times_[index - first_];
  times_[index - first_] = kDone;
  --size_;
  forget_done();
  return time;
}

std::optional<std::int64_t> InFlight::oldest_sent() const {
  if (size_ == 0) {
    return std::nullopt;
  }
  return *std::find_if(times_.begin(), times_.end(), is_time);
}

std::int64_t& InFlight::slot(std::uint64_t index) {
  const std::uint64_t position = index - first_;
  if (position >= times_.size()) {
    times_.resize(position + 1, kNotYet);
  }
  return times_[position];
}

void InFlight::forget_done() {
  while (!times_.empty() && times_.front() == kDone) {
    times_.pop_front();
    ++first_;
  }
}

}  // namespace kexp::feeder
