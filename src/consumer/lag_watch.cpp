#include "lag_watch.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kexp/core/error.hpp"

#include "metrics.hpp"

namespace kexp::consumer {

namespace {
constexpr std::chrono::seconds kInterval(5);
}

void LagWatch::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

std::optional<std::int64_t> LagWatch::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

void LagWatch::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    look();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

void LagWatch::look() {
  try {
    const std::vector<std::int32_t> ours = parts_.exchange.state().partitions;
    show(parts_.admin->lag_of(parts_.topic, parts_.group, ours));
    answered_ = true;
  } catch (const Error& e) {
    if (answered_) {
      parts_.log.warn("consume: lag=unknown reason=\"{}\"", e.what());
    }
    answered_ = false;
    hide_others({});
    const std::lock_guard lock(mutex_);
    total_.reset();
  }
}

void LagWatch::show(const std::vector<kafka::PartitionLag>& lags) {
  const std::vector<std::int32_t> ours = parts_.exchange.state().partitions;  // Some may have gone meanwhile.
  std::set<std::int32_t> shown;
  std::int64_t total = 0;
  for (const kafka::PartitionLag& lag : lags) {
    if (std::binary_search(ours.begin(), ours.end(), lag.partition)) {
      total += lag.lag();
      shown.insert(lag.partition);
      parts_.metrics.set(kLagRecords, static_cast<double>(lag.lag()),
                         {parts_.topic, std::to_string(lag.partition)});
    }
  }
  hide_others(shown);
  const std::lock_guard lock(mutex_);
  total_ = total;
}

void LagWatch::hide_others(const std::set<std::int32_t>& shown) {
  for (const std::int32_t partition : shown_) {
    if (!shown.contains(partition)) {
      parts_.metrics.remove(kLagRecords, {parts_.topic, std::to_string(partition)});
    }
  }
  shown_ = shown;
}

}  // namespace kexp::consumer
