#include "offset_order.hpp"

#include <algorithm>

namespace kexp::record {

void OffsetOrder::add(const SendRow& row) {
  if (!row.partition || !row.offset) {
    return;
  }
  offsets_[*row.partition].push_back(*row.offset);
  if (row.from_topic || !row.sent_ns || !row.acked_ns) {
    return;
  }
  std::vector<Reached>& reached = reached_[{row.part.index, *row.partition}];
  const auto after = std::lower_bound(reached.begin(), reached.end(), *row.sent_ns,
                                      [](const Reached& r, std::int64_t sent) { return r.acked_ns < sent; });
  before_older_ += after != reached.begin() && *row.offset < std::prev(after)->offset ? 1 : 0;
  const Reached last = reached.empty() ? Reached{*row.acked_ns, *row.offset} : reached.back();
  reached.push_back({std::max(last.acked_ns, *row.acked_ns), std::max(last.offset, *row.offset)});
}

std::int64_t OffsetOrder::repeated() {
  std::int64_t count = 0;
  for (auto& [partition, offsets] : offsets_) {
    std::sort(offsets.begin(), offsets.end());
    for (std::size_t i = 1; i < offsets.size(); ++i) {
      count += offsets[i] == offsets[i - 1] ? 1 : 0;
    }
  }
  return count;
}

}  // namespace kexp::record
