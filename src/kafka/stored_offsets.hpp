#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "kexp/kafka/client.hpp"

namespace kexp::kafka {

/// What a member of a group has stored of its partitions.
///
/// librdkafka commits in the background only what lies above the offset that it last saw committed. In a
/// topic made anew nothing does for a long time, so offsets are committed by name until one was. Threads:
/// any.
class StoredOffsets {
 public:
  /// These partitions come, or go: what was committed of them is not known.
  void forget(const std::vector<std::int32_t>& partitions);
  /// Notes the next offset to read; true when it must be committed by name.
  [[nodiscard]] bool store(std::int32_t partition, std::int64_t next_offset);
  /// A commit by name has succeeded. One of an offset that was gone back from since says nothing.
  void committed(std::int32_t partition, std::int64_t next_offset);
  [[nodiscard]] std::vector<PartitionOffset> all() const;

 private:
  struct Stored {
    std::int64_t next = 0;
    bool known_committed = false;  // What lies above, the library commits by itself.
  };
  mutable std::mutex mutex_;
  std::map<std::int32_t, Stored> stored_;  // Guarded by mutex_.
};

}  // namespace kexp::kafka
