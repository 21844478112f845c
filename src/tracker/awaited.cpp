#include "awaited.hpp"

#include <algorithm>

#include "kexp/record/feeds.hpp"
#include "kexp/record/sends.hpp"

namespace kexp::tracker {

bool Awaited::look(const std::function<bool(std::string_view)>& has_answer) {
  if (left_ || !record::all_feeds_finished(run_)) {
    return false;
  }
  left_ = 0;
  record::read_sends(run_, [&](const record::SendRow& row) {
    if (!row.acknowledged()) {
      return;
    }
    if (by_ == By::offsets) {
      offsets_[row.partition.value_or(-1)].push_back(row.offset.value_or(-1));
      ++*left_;
    } else if (!has_answer(row.id)) {
      waiting_[row.id] = 1;
      ++*left_;
    }
  });
  for (auto& [partition, offsets] : offsets_) {
    std::sort(offsets.begin(), offsets.end());
  }
  return true;
}

void Awaited::answered(std::string_view id) {
  if (waiting_.flags(id) != 0) {
    waiting_[id] = 0;
    --*left_;
  }
}

bool Awaited::committed(const std::vector<kafka::PartitionLag>& lags) {
  if (!left_) {
    return false;
  }
  std::map<std::int64_t, std::int64_t> next;
  for (const kafka::PartitionLag& lag : lags) {
    next[lag.partition] = lag.committed.value_or(0);
  }
  std::int64_t left = 0;
  for (const auto& [partition, offsets] : offsets_) {
    const auto first_left = std::lower_bound(offsets.begin(), offsets.end(), next[partition]);
    left += offsets.end() - first_left;
  }
  const bool further = left < *left_;
  left_ = left;
  return further;
}

}  // namespace kexp::tracker
