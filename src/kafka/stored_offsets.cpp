#include "stored_offsets.hpp"

namespace kexp::kafka {

void StoredOffsets::forget(const std::vector<std::int32_t>& partitions) {
  const std::lock_guard lock(mutex_);
  for (const std::int32_t partition : partitions) {
    stored_.erase(partition);
  }
}

bool StoredOffsets::store(std::int32_t partition, std::int64_t next_offset) {
  const std::lock_guard lock(mutex_);
  Stored& stored = stored_[partition];
  stored.known_committed = stored.known_committed && next_offset >= stored.next;
  stored.next = next_offset;
  return !stored.known_committed;
}

void StoredOffsets::committed(std::int32_t partition, std::int64_t next_offset) {
  const std::lock_guard lock(mutex_);
  const auto found = stored_.find(partition);
  if (found != stored_.end() && next_offset <= found->second.next) {
    found->second.known_committed = true;
  }
}

std::vector<PartitionOffset> StoredOffsets::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<PartitionOffset> offsets;
  for (const auto& [partition, stored] : stored_) {
    offsets.push_back({partition, stored.next});
  }
  return offsets;
}

}  // namespace kexp::kafka
