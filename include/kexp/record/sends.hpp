#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kexp/record/feeds.hpp"

namespace kexp::record {

/// What `feed verify --from-topic` leaves: a row for every image whose fate the topic decided.
inline constexpr const char* kFeedTopicFile = "feed-topic.csv";
/// What it leaves when acknowledged images are not where they were acknowledged: a row each.
inline constexpr const char* kFeedLostFile = "feed-lost.csv";
/// Why an image has failed that was sent without a report and is not in the topic.
inline constexpr std::string_view kNotInTopic = "NOT_IN_TOPIC";

enum class Fate : std::uint8_t { acknowledged, failed, dropped, unknown };

/// What became of an image, as the column `status` says it.
struct SendStatus {
  Fate fate = Fate::unknown;
  std::string_view failure;  ///< Kafka's name of the error of one that has failed.
};
/// "acknowledged", "failed:<failure>", "dropped", "unknown".
[[nodiscard]] std::string to_text(const SendStatus& status);
/// nullopt for a text that is no status. `failure` lives as long as `text`.
[[nodiscard]] std::optional<SendStatus> parse_send_status(std::string_view text);

/// A row of sends.csv: what became of one image. The texts live until the visit returns.
struct SendRow {
  std::string_view id;
  std::optional<std::int64_t> partition, offset;  ///< None where the broker gave none.
  /// Unix ns; none where it did not happen, or is not known (`from_topic`).
  std::optional<std::int64_t> intended_ns, sent_ns, acked_ns;
  SendStatus status;
  FeedPart part;            ///< Whose file the row is from.
  bool from_topic = false;  ///< Decides what was unknown, or had no row, before.

  [[nodiscard]] bool acknowledged() const { return status.fate == Fate::acknowledged; }
};

/// Lines of tables that are no rows of them.
struct UnreadableRows {
  std::int64_t count = 0;
  std::string first;  ///< "sends.csv:17"; empty when there is none.

  UnreadableRows& operator+=(const UnreadableRows& more) {
    first = count == 0 ? more.first : first;
    count += more.count;
    return *this;
  }
};

/// Visits the rows of the sends.csv of every feed of `run`, then those of feed-topic.csv; none of the files
/// need be there. Returns the lines that are no rows.
/// A last line that was torn when its writer was killed is left out. Errors: FailedError naming the file.
UnreadableRows read_sends(const std::filesystem::path& run, const std::function<void(const SendRow&)>& visit);

}  // namespace kexp::record
