#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "kexp/core/log.hpp"

namespace kexp::kafka {

/// What librdkafka says of its own accord: log lines, errors, and what a producer or consumer adds. One per
/// client; outlives its handle, whose opaque pointer it is.
///
/// Threads: log lines and answers arrive on the client's own; errors, statistics and rebalances on that which
/// polls.
class Events {
 public:
  explicit Events(Log& log) : log_(log) {}
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// Set before the client is made; empty when it has none.
  ///
  /// `on_delivery` is told of each record by the thread that has read the broker's answer, at once: as
  /// delivery reports the answers would wait for a thread of ours, whose wake-up costs as much as a tenth of
  /// sending 100 KB. It may be called by several threads, also by one that holds locks of librdkafka: no call
  /// of this client is allowed in it.
  std::function<void(const rd_kafka_message_t&)> on_delivery;
  std::function<void(std::string_view json)> on_statistics;
  std::function<void(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t&)> on_rebalance;

  void register_with(rd_kafka_conf_t& conf);
  /// From now on nothing reaches the log.
  void silence();

  /// The cause of the latest error of a connection or of the client: "…: Connection refused"; empty when all
  /// went well.
  [[nodiscard]] std::string last_error() const;

  /// Logs a fault when it is another than the last; `recovered` ends it. Broken connections are tried again
  /// for ever, and a line for each try would bury the rest.
  void fault(rd_kafka_resp_err_t code, const std::string& text);
  void recovered();
  /// A broker answered: `recovered` when there was a fault. Costs nothing otherwise.
  void answered() {
    if (has_fault_.load(std::memory_order_relaxed)) {
      recovered();
    }
  }

 private:
  static void log_line(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept;
  static void error(rd_kafka_t* client, int code, const char* reason, void* opaque) noexcept;

  static rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t* conf, void* events,
                                    char* error, std::size_t error_size) noexcept;
  void keep_error(std::string_view text);               // With mutex_ held.
  void write(LogLevel level, const std::string& line);  // With mutex_ held.

  Log& log_;
  mutable std::mutex mutex_;
  std::atomic<bool> has_fault_ = false;  // last_error_ or fault_ says something.
  bool silent_ = false;
  std::string last_error_;
  rd_kafka_resp_err_t fault_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

}  // namespace kexp::kafka
