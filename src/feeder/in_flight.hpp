#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>

namespace kexp::feeder {

/// The images of one lane that were sent and have no answer yet, by their index in the lane. Memory: from the
/// oldest of them to the newest.
class InFlight {
 public:
  /// Image `index` was sent at `time_ns`; at most once each, in about the order of the indices.
  void sent(std::uint64_t index, std::int64_t time_ns);
  /// Image `index` will never be sent.
  void skipped(std::uint64_t index);
  /// Its answer has come: when it was sent; nullopt while nothing is known of that.
  [[nodiscard]] std::optional<std::int64_t> answered(std::uint64_t index);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// When the oldest of them was sent.
  [[nodiscard]] std::optional<std::int64_t> oldest_sent() const;
  /// Visits (index, time sent) in the order of the indices.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (is_time(times_[i])) {
        visit(first_ + i, times_[i]);
      }
    }
  }

 private:
  static constexpr std::int64_t kNotYet = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kDone = kNotYet + 1;
  static bool is_time(std::int64_t time) { return time != kNotYet && time != kDone; }

  std::int64_t& slot(std::uint64_t index);
  void forget_done();

  std::deque<std::int64_t> times_;  // Of index first_ and up.
  std::uint64_t first_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace kexp::feeder
