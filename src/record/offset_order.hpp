#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "kexp/record/sends.hpp"

namespace kexp::record {

/// Whether the offsets of acknowledged images can be those of one log. A topic that was deleted and made anew
/// begins at 0 again, so that what it had acknowledged before is lost.
///
/// Memory: 24 bytes an image.
class OffsetOrder {
 public:
  /// An image that a feed says is acknowledged. Those of one feed are told in about the order of their
  /// acknowledgements.
  void add(const SendRow& row);
  /// How often an offset of a partition was given again, by whichever feed. Sorts what was told.
  [[nodiscard]] std::int64_t repeated();
  /// Images that lie before one that had been acknowledged when they were sent: whatever the number of
  /// producers and whether they are idempotent, a log only grows. Only within a feed, which has one clock.
  [[nodiscard]] std::int64_t before_older() const { return before_older_; }

 private:
  /// All images told so far were acknowledged by then, and lie up to that offset.
  struct Reached {
    std::int64_t acked_ns, offset;
  };
  std::map<std::int64_t, std::vector<std::int64_t>> offsets_;                       // By partition.
  std::map<std::pair<std::uint32_t, std::int64_t>, std::vector<Reached>> reached_;  // By feed and partition.
  std::int64_t before_older_ = 0;
};

}  // namespace kexp::record
