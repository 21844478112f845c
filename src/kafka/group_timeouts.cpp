#include "group_timeouts.hpp"

#include <algorithm>
#include <charconv>

namespace kexp::kafka {

namespace {

using std::chrono::milliseconds;

// librdkafka's defaults.
constexpr milliseconds kSession{45'000};
constexpr milliseconds kHeartbeat{3'000};
/// The longest that librdkafka takes.
constexpr milliseconds kLongestSession{3'600'000};

/// What -X says; 0 when it says nothing. The client refuses what is no number of its range.
milliseconds given_session(const Properties& properties) {
  std::int64_t timeout_ms = 0;
  for (const auto& [name, value] : properties) {
    if (name == "session.timeout.ms") {
      std::from_chars(value.data(), value.data() + value.size(), timeout_ms);
    }
  }
  return std::clamp(milliseconds(timeout_ms), milliseconds(0), kLongestSession);
}

}  // namespace

GroupTimeouts group_timeouts(const ConsumerOptions& options) {
  GroupTimeouts timeouts{};
  timeouts.session = given_session(options.client.properties);
  if (timeouts.session.count() == 0) {
    timeouts.session = options.session_timeout.count() > 0 ? options.session_timeout : kSession;
  }
  timeouts.heartbeat = std::clamp(timeouts.session / 3, milliseconds(1), kHeartbeat);
  timeouts.max_poll = std::max(options.max_poll_interval, timeouts.session);
  return timeouts;
}

}  // namespace kexp::kafka
