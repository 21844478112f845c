#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kexp/feeder/feeder.hpp"

#include "event_ring.hpp"

namespace kexp::feeder {

/// Pacing threads that a feed may have.
inline constexpr std::uint32_t kMostThreads = 64;

/// How the images of the one global plan are dealt out: to the shards in turn, and within a shard to its
/// pacing threads in turn.
class Lanes {
 public:
  Lanes(const Shard& shard, std::uint32_t threads) : shard_(shard), threads_(threads) {}

  [[nodiscard]] const Shard& shard() const { return shard_; }
  [[nodiscard]] std::uint32_t count() const { return threads_; }
  /// The first image of a lane; the following ones are `step` apart.
  [[nodiscard]] std::uint64_t first(std::size_t lane) const { return shard_.first() + shard_.of * lane; }
  [[nodiscard]] std::uint64_t step() const { return std::uint64_t{shard_.of} * threads_; }
  /// Which lane sends image `id` of this shard, and as which of its images, from 0.
  [[nodiscard]] std::size_t lane_of(std::uint64_t id) const { return id / shard_.of % threads_; }
  [[nodiscard]] std::uint64_t index_of(std::uint64_t id) const { return id / step(); }

 private:
  Shard shard_;
  std::uint32_t threads_;
};

/// How often and how long a pacing thread had to wait for something. Threads: one writes, any read.
class Waiting {
 public:
  void add(std::int64_t waited_ns) {
    times_.store(times() + 1, std::memory_order_relaxed);
    ns_.store(ns() + waited_ns, std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t times() const { return times_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t ns() const { return ns_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> times_{0}, ns_{0};
};

/// All that a pacing thread tells while it works. Threads: it writes, the log reads.
struct LaneState {
  static constexpr std::int64_t kNothingLeft = std::numeric_limits<std::int64_t>::max();

  explicit LaneState(std::size_t capacity) : events(capacity) {}

  EventRing events;
  /// When the image that is sent next is intended, in ns after t0.
  std::atomic<std::int64_t> next_intended_ns{kNothingLeft};
  Waiting queue_full;  ///< For room in the producer.
  Waiting starved;     ///< For the image itself, which was not in memory yet.
};

}  // namespace kexp::feeder
