#pragma once

#include <functional>
#include <mutex>
#include <string>

#include <librdkafka/rdkafka.h>

#include "kexp/core/log.hpp"

namespace kexp::kafka {

/// What librdkafka says of its own accord: log lines, errors, and what a producer or consumer adds. One per
/// client; outlives its handle, whose opaque pointer it is.
///
/// Threads: log lines and errors arrive on any; delivery reports and rebalances on that which polls.
class Events {
 public:
  explicit Events(Log& log) : log_(log) {}
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// Set before the client is made; empty when it has none.
  std::function<void(const rd_kafka_message_t&)> on_delivery;
  std::function<void(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t&)> on_rebalance;

  void register_with(rd_kafka_conf_t& conf);
  /// From now on nothing reaches the log.
  void silence();

  /// The latest error of a connection or of the client: "…: Connection refused"; empty when all went well.
  [[nodiscard]] std::string last_error() const;

  /// Logs a fault when it is another than the last; `recovered` ends it. Broken connections are tried again
  /// for ever, and a line for each try would bury the rest.
  void fault(rd_kafka_resp_err_t code, const std::string& text);
  void recovered();

 private:
  static void log_line(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept;
  static void error(rd_kafka_t* client, int code, const char* reason, void* opaque) noexcept;

  void write(LogLevel level, const std::string& line);  // With mutex_ held.

  Log& log_;
  mutable std::mutex mutex_;
  bool silent_ = false;
  std::string last_error_;
  rd_kafka_resp_err_t fault_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

}  // namespace kexp::kafka
