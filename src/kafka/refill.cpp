#include "refill.hpp"

#include <algorithm>
#include <utility>

namespace kexp::kafka {

namespace {
/// How long a silent broker may hold up the thread; it does not fetch then, either.
constexpr int kAnswerTimeoutMs = 1000;
}  // namespace

bool FetchLevel::taken(std::size_t queued, std::size_t bytes) {
  largest_ = std::max(largest_, static_cast<std::int64_t>(bytes));
  const std::size_t before = queued + 1;
  if (before >= records_ || static_cast<std::int64_t>(before) * largest_ >= bytes_) {
    full_ = std::max(full_, before);
  }
  if (full_ == 0 || queued > full_ / 2) {
    return false;
  }
  full_ = 0;
  return true;
}

Refill::Refill(rd_kafka_t& client, FetchLevel level)
    : client_(client), level_(level), thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

void Refill::taken(std::size_t queued, std::size_t bytes) {
  if (level_.taken(queued, bytes)) {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
    changed_.notify_one();
  }
}

void Refill::run(std::stop_token stop) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return wanted_; }) || stop.stop_requested()) {
        return;
      }
      wanted_ = false;
    }
    wake_leaders();
  }
}

void Refill::wake_leaders() {
  rd_kafka_topic_partition_list_t* assigned = nullptr;
  if (rd_kafka_assignment(&client_, &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  const PartitionList partitions(assigned);
  for (rd_kafka_topic_partition_t& partition : elements(*partitions)) {
    partition.offset = RD_KAFKA_OFFSET_END;
  }
  if (partitions->cnt > 0) {  // What it answers is of no interest: the leaders' threads were awake.
    static_cast<void>(rd_kafka_offsets_for_times(&client_, partitions.get(), kAnswerTimeoutMs));
  }
}

}  // namespace kexp::kafka
