#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kexp::kafka {

/// librdkafka properties by name, as `-X name=value` gives them; they win over ours.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// Splits "name=value". Errors: UsageError naming -X.
[[nodiscard]] std::pair<std::string, std::string> parse_property(const std::string& text);

/// The property's value as it may be shown and written down: "***" for a password, key or token.
[[nodiscard]] std::string shown_value(const std::string& name, const std::string& value);

/// Largest message that producer, topic, broker and consumer are set to (16 MiB).
inline constexpr std::int64_t kMaxMessageBytes = 16 * 1024 * 1024;
/// Largest image that is accepted (15 MB): headers and protocol fit into the rest.
inline constexpr std::int64_t kMaxImageBytes = 15'000'000;

struct ClientOptions {
  std::string servers = "localhost:9092";  ///< Bootstrap servers, "host:port,host:port".
  std::string client_id = "kexp";
  Properties properties;
  /// Every call of an Admin ends within this.
  std::chrono::milliseconds admin_timeout{10'000};
};

struct ProducerOptions {
  ClientOptions client;
  /// Bytes that may wait in the client: size it as seconds of the peak rate.
  std::int64_t queue_bytes = 64 * 1024 * 1024;
  /// Records that may wait in the client, about 800 bytes each beside their values.
  std::int64_t queue_records = 100'000;
  /// A record without an answer for so long has failed.
  std::chrono::milliseconds delivery_timeout{120'000};
  /// Gets librdkafka's statistics, one JSON object each, on the producer's own thread; none: not asked for.
  std::function<void(std::string_view json)> on_statistics;
  std::chrono::milliseconds statistics_interval{1000};
};

struct ConsumerOptions {
  ClientOptions client;
  std::string group;
  /// Where a partition without a committed offset starts.
  enum class Reset { earliest, latest } reset = Reset::earliest;
  /// 0 leaves the client's default (45 s); -X session.timeout.ms wins. Heartbeats keep to either.
  std::chrono::milliseconds session_timeout{0};
  /// Bytes and records fetched ahead per consumer: seconds of work, not minutes. librdkafka before 2.2
  /// fetches again only a second after its queue was full, so there the bytes must hold a second of work, or
  /// the consumer runs dry (measured: 50 images/s of 300 KB get 48 % of their rate with 4 MiB, 98 % with 16),
  /// and the records do not limit.
  std::int64_t prefetch_bytes = 16 * 1024 * 1024;
  int prefetch_records = 100;
  /// Longest pause between two polls before the group gives up on this member.
  std::chrono::milliseconds max_poll_interval{300'000};
};

}  // namespace kexp::kafka
