#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "kexp/record/feeds.hpp"

namespace kexp::record {

/// What `feed verify --from-topic` leaves: a row for every image whose fate the topic decided.
inline constexpr const char* kFeedTopicFile = "feed-topic.csv";
/// What it leaves when acknowledged images are not where they were acknowledged: a row each.
inline constexpr const char* kFeedLostFile = "feed-lost.csv";
/// The status of an image that was sent without a report and is not in the topic.
inline constexpr std::string_view kNotInTopic = "failed:NOT_IN_TOPIC";

/// A row of sends.csv: what became of one image. The texts live until the visit returns.
struct SendRow {
  std::string_view id;
  std::optional<std::int64_t> partition, offset;  ///< None where the broker gave none.
  std::optional<std::int64_t> sent_ns, acked_ns;  ///< Unix ns; none where it did not happen.
  /// acknowledged, failed:<NAME>, dropped or unknown.
  std::string_view status;
  FeedPart part;            ///< Whose file the row is from.
  bool from_topic = false;  ///< Decides what was unknown, or had no row, before.

  [[nodiscard]] bool acknowledged() const { return status == "acknowledged"; }
};

/// Visits the rows of the sends.csv of every feed of `run`, then those of feed-topic.csv; none of the files
/// need be there. Returns the number of lines that are no rows.
/// A last line that was torn when its writer was killed is left out. Errors: FailedError naming the file.
std::int64_t read_sends(const std::filesystem::path& run, const std::function<void(const SendRow&)>& visit);

}  // namespace kexp::record
