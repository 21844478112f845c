#pragma once

/// Which offsets a consumer may store, so that whatever kills it loses no message. Pure; one thread at a
/// time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "kexp/kafka/client.hpp"

namespace kexp::consumer {

/// One message that was taken from a partition.
struct Ticket {
  std::uint64_t number = 0;  ///< Never given twice, so an answer of an old assignment counts for no new one.
  std::int32_t partition = -1;
  std::int64_t offset = -1;
};

/// Per assigned partition, the messages taken and which of them are done; messages may be done in any order.
///
/// Only the contiguous prefix counts: with 4 and 5 taken and 5 done, nothing past 4 may be stored. Offsets
/// that never come (compaction, transaction markers) are no gaps: the order of taking decides.
class OffsetLedger {
 public:
  /// Starts these partitions afresh.
  void assign(const std::vector<std::int32_t>& partitions);
  /// Partitions that belong to others now: what was taken from them counts no longer.
  void forget(const std::vector<std::int32_t>& partitions);

  /// Notes that a message will be worked on; nullopt when its partition is not ours.
  ///
  /// An offset not above the last one taken means that the partition was rewound (its log was cut, or made
  /// anew): what was taken from there on counts no longer, and the stored offset goes back with it.
  [[nodiscard]] std::optional<Ticket> take(std::int32_t partition, std::int64_t offset);
  /// True while the message is not stored past, and its partition was neither given up nor rewound.
  [[nodiscard]] bool is_current(const Ticket& ticket) const;
  /// Nothing happens when the ticket is not current or was done before.
  void done(const Ticket& ticket);

  /// What to store: the next offset to read of every partition where it changed since the last call.
  [[nodiscard]] std::vector<kafka::PartitionOffset> take_storable();

  [[nodiscard]] std::vector<std::int32_t> partitions() const;

 private:
  struct Entry {
    std::int64_t offset = 0;
    std::uint64_t number = 0;
    bool done = false;
  };
  struct Partition {
    std::deque<Entry> taken;           // Ascending; the first is not done.
    std::optional<std::int64_t> next;  // Past the last message of the prefix; none: nothing done yet.
    bool changed = false;              // `next` was not handed out yet.
  };

  [[nodiscard]] static std::optional<std::size_t> find(const Partition& partition, const Ticket& ticket);

  std::map<std::int32_t, Partition> partitions_;
  std::uint64_t last_number_ = 0;
};

}  // namespace kexp::consumer
