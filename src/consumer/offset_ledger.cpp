#include "offset_ledger.hpp"

#include <algorithm>

namespace kexp::consumer {

void OffsetLedger::assign(const std::vector<std::int32_t>& partitions) {
  for (const std::int32_t partition : partitions) {
    partitions_[partition] = Partition{};
  }
}

void OffsetLedger::forget(const std::vector<std::int32_t>& partitions) {
  for (const std::int32_t partition : partitions) {
    partitions_.erase(partition);
  }
}

std::optional<Ticket> OffsetLedger::take(std::int32_t partition, std::int64_t offset) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) {
    return std::nullopt;
  }
  Partition& state = found->second;
  while (!state.taken.empty() && state.taken.back().offset >= offset) {
    state.taken.pop_back();
  }
  if (state.next && *state.next > offset) {
    state.next = offset;
    state.changed = true;
  }
  state.taken.push_back({offset, ++last_number_, false});
  return Ticket{last_number_, partition, offset};
}

std::optional<std::size_t> OffsetLedger::find(const Partition& partition, const Ticket& ticket) {
  const std::deque<Entry>& taken = partition.taken;
  const auto entry = std::lower_bound(taken.begin(), taken.end(), ticket.offset,
                                      [](const Entry& e, std::int64_t offset) { return e.offset < offset; });
  if (entry == taken.end() || entry->number != ticket.number) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(entry - taken.begin());
}

bool OffsetLedger::is_current(const Ticket& ticket) const {
  const auto found = partitions_.find(ticket.partition);
  return found != partitions_.end() && find(found->second, ticket).has_value();
}

void OffsetLedger::done(const Ticket& ticket) {
  const auto found = partitions_.find(ticket.partition);
  if (found == partitions_.end()) {
    return;
  }
  Partition& state = found->second;
  const auto index = find(state, ticket);
  if (!index) {
    return;
  }
  state.taken[*index].done = true;
  while (!state.taken.empty() && state.taken.front().done) {
    state.next = state.taken.front().offset + 1;
    state.changed = true;
    state.taken.pop_front();
  }
}

std::vector<kafka::PartitionOffset> OffsetLedger::take_storable() {
  std::vector<kafka::PartitionOffset> storable;
  for (auto& [partition, state] : partitions_) {
    if (state.changed) {
      storable.push_back({partition, *state.next});
      state.changed = false;
    }
  }
  return storable;
}

std::vector<std::int32_t> OffsetLedger::partitions() const {
  std::vector<std::int32_t> partitions;
  for (const auto& [partition, state] : partitions_) {
    partitions.push_back(partition);
  }
  return partitions;
}

}  // namespace kexp::consumer
