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
  /// Whose `properties` are. Of this client alone: the library warns of one that clients of its type have no
  /// use for. Of a producer and a consumer of one command: each takes those that are for its type.
  enum class Whose { of_one, of_both } whose = Whose::of_one;
};

struct ProducerOptions {
  ClientOptions client;
  /// Bytes that may wait in the client: size it as seconds of the peak rate.
  std::int64_t queue_bytes = 64 * 1024 * 1024;
  /// Records that may wait in the client, about 800 bytes each beside their values.
  std::int64_t queue_records = 100'000;
  /// A record without an answer for so long has failed.
  std::chrono::milliseconds delivery_timeout{120'000};
  /// Records that one request may hold; 0: the client's default. With 1 no record is refused for the size of
  /// its neighbours.
  int batch_records = 0;
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
  /// Bytes and records fetched ahead per consumer: seconds of work, not minutes. What one answer brings may
  /// come on top. On librdkafka before 2.2 a thread more keeps a small queue from running dry.
  std::int64_t prefetch_bytes = 16 * 1024 * 1024;
  int prefetch_records = 100;
  /// Bytes that one answer of a broker may bring, and at least one record; 0: as many as may be fetched
  /// ahead.
  std::int64_t fetch_bytes = 0;
  /// How the group moves partitions: `eager` takes all from all members, `cooperative` only what must move.
  /// Every member of a group has to use the same. Cooperative where the library is sound: before 2.6.1 its
  /// assignor may loop for ever on a core of its own, before 2.4 closing may hang.
  enum class Assignment { automatic, eager, cooperative } assignment = Assignment::automatic;
  /// With a name, a member that comes back under it within the session gets its partitions back without a
  /// rebalance; and while it is away nobody else gets them. Empty: none.
  std::string instance_id;
  /// Longest pause between two polls before the group gives up on this member.
  std::chrono::milliseconds max_poll_interval{300'000};
};

}  // namespace kexp::kafka
