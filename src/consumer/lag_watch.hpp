#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "kexp/core/log.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "exchange.hpp"

namespace kexp::consumer {

/// Asks the broker every 5 s how far the group lags on our partitions, on a thread of its own.
///
/// What the broker does not answer is taken out of the metrics: an old lag is none. Everything referred to
/// outlives it.
class LagWatch {
 public:
  struct Parts {
    std::unique_ptr<kafka::Admin> admin;
    std::string topic;
    std::string group;
    const Exchange& exchange;
    telemetry::Metrics& metrics;
    Log& log;
  };
  explicit LagWatch(Parts parts) : parts_(std::move(parts)) {}

  /// Asks once. Threads: not while the own thread runs.
  void look();
  /// From now on asks by itself.
  void start();
  void request_stop() { thread_.request_stop(); }
  /// Sum over our partitions; nullopt until the broker has answered, and while it does not.
  [[nodiscard]] std::optional<std::int64_t> total() const;

 private:
  void run(std::stop_token stop);
  void show(const std::vector<kafka::PartitionLag>& lags);
  void hide_others(const std::set<std::int32_t>& shown);

  Parts parts_;
  std::set<std::int32_t> shown_;
  bool answered_ = true;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<std::int64_t> total_;  // Guarded by mutex_.
  std::jthread thread_;                // Last member.
};

}  // namespace kexp::consumer
