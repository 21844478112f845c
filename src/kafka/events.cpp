#include "events.hpp"

#include <algorithm>
#include <string_view>

#include "errors.hpp"

namespace kexp::kafka {
namespace {

// librdkafka goes on after everything it logs as an error, so nothing of its is one of ours.
LogLevel level_of(int syslog_level) {
  constexpr int kWarning = 4;
  constexpr int kInfo = 6;
  if (syslog_level <= kWarning) {
    return LogLevel::warn;
  }
  return syslog_level <= kInfo ? LogLevel::info : LogLevel::debug;
}

/// Without the thread it came from: "[thrd:…]: ".
std::string_view without_thread(std::string_view text) {
  const std::size_t end = text.starts_with("[thrd:") ? text.find("]: ") : std::string_view::npos;
  return end == std::string_view::npos ? text : text.substr(end + 3);
}

/// Without how the connection stood: " (after 0ms in state CONNECT, 1 identical error(s) suppressed)".
std::string_view without_state(std::string_view text) { return text.substr(0, text.rfind(" (after ")); }

}  // namespace

void Events::register_with(rd_kafka_conf_t& conf) {
  rd_kafka_conf_set_opaque(&conf, this);
  rd_kafka_conf_set_log_cb(&conf, &Events::log_line);
  rd_kafka_conf_set_error_cb(&conf, &Events::error);
  if (on_delivery) {
    rd_kafka_conf_interceptor_add_on_new(&conf, "kexp", &Events::on_new, this);
  }
  if (on_statistics) {
    rd_kafka_conf_set_stats_cb(&conf, [](rd_kafka_t*, char* json, std::size_t size, void* opaque) noexcept {
      static_cast<Events*>(opaque)->on_statistics({json, size});
      return 0;  // The library frees the text.
    });
  }
  if (on_rebalance) {
    rd_kafka_conf_set_rebalance_cb(
        &conf, [](rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions,
                  void* opaque) noexcept { static_cast<Events*>(opaque)->on_rebalance(code, *partitions); });
  }
}

rd_kafka_resp_err_t Events::on_new(rd_kafka_t* client, const rd_kafka_conf_t* /*conf*/, void* events,
                                   char* /*error*/, std::size_t /*error_size*/) noexcept {
  return rd_kafka_interceptor_add_on_acknowledgement(
      client, "kexp",
      [](rd_kafka_t*, rd_kafka_message_t* message, void* opaque) noexcept {
        static_cast<Events*>(opaque)->on_delivery(*message);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
      },
      events);
}

std::string Events::last_error() const {
  const std::scoped_lock lock(mutex_);
  return last_error_;
}

void Events::silence() {
  const std::scoped_lock lock(mutex_);
  silent_ = true;
}

void Events::keep_error(std::string_view text) {
  last_error_ = without_state(text);
  has_fault_ = true;
}

void Events::fault(rd_kafka_resp_err_t code, const std::string& text) {
  const std::scoped_lock lock(mutex_);
  if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last_error_.empty()) {  // The connections have said why.
    keep_error(text);
  }
  if (std::exchange(fault_, code) != code) {
    write(LogLevel::warn, fmt::format("kafka: error={} text=\"{}\"", error_name(code), text));
  }
}

void Events::recovered() {
  const std::scoped_lock lock(mutex_);
  last_error_.clear();
  has_fault_ = false;
  if (std::exchange(fault_, RD_KAFKA_RESP_ERR_NO_ERROR) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    write(LogLevel::info, "kafka: recovered");
  }
}

void Events::write(LogLevel level, const std::string& line) {
  if (!silent_ && log_.enabled(level)) {
    log_.write(level, line);
  }
}

void Events::log_line(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept {
  if (client == nullptr) {
    return;  // Said while the client is being made; what is wrong with it comes as an error.
  }
  auto& events = *static_cast<Events*>(rd_kafka_opaque(client));
  const std::scoped_lock lock(events.mutex_);
  LogLevel ours = level_of(level);
  if (std::string_view(facility) == "FAIL") {  // A connection's end; `fault` says it when it matters.
    events.keep_error(without_thread(text));
    ours = LogLevel::debug;
  }
  if (std::string_view(facility) ==
      "GETPID") {  // Normal at a broker's first idempotent producer; it asks again.
    ours = LogLevel::debug;
  }
  events.write(ours, fmt::format("kafka: facility={} text=\"{}\"", facility, without_thread(text)));
}

void Events::error(rd_kafka_t* client, int code, const char* reason, void* opaque) noexcept {
  auto& events = *static_cast<Events*>(opaque);
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  if (error == RD_KAFKA_RESP_ERR__TRANSPORT) {  // One connection; others may do.
    const std::scoped_lock lock(events.mutex_);
    events.keep_error(reason);
    return;
  }
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    char text[512] = {};
    const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
    events.fault(cause, text);
    return;
  }
  events.fault(error, reason);
}

}  // namespace kexp::kafka
