#pragma once

/// The feeds of a run: one that plays the whole plan, or several that play a part of it each.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kexp::record {

/// Which part of a plan a feed plays, and what its files are called: all of it is `feed` with feed.json and
/// sends.csv; part 2 of 3 is `feed-2` with feed-2.json and sends-2.csv, so that all can be in one folder.
/// Its settings say it, too: "shard": "2/3".
struct FeedPart {
  std::uint32_t index = 1;
  std::uint32_t of = 1;

  [[nodiscard]] std::string role() const;
  /// "sends" → "sends.csv" or "sends-2.csv"; `table` is one of sends, feed, seconds.
  [[nodiscard]] std::string csv(std::string_view table) const;
  /// The first image that it plays; the following ones are `of` apart.
  [[nodiscard]] std::uint64_t first() const { return index - 1; }
  [[nodiscard]] bool plays(std::uint64_t id) const { return id % of == first(); }
  /// How many of the plan's images it plays.
  [[nodiscard]] std::int64_t share_of(std::int64_t images) const;
  bool operator==(const FeedPart&) const = default;
};

/// The parts whose feeds joined `run`, in their order. Errors: FailedError naming the file.
[[nodiscard]] std::vector<FeedPart> joined_feeds(const std::filesystem::path& run);

/// True when every part of the plan has a feed in `run`, and each came to its end.
/// Errors: FailedError naming the file.
[[nodiscard]] bool all_feeds_finished(const std::filesystem::path& run);

/// True when a feed of `run` has begun and will never end: its process was on this host, and is gone.
/// Errors: FailedError naming the file.
[[nodiscard]] bool a_feed_has_died(const std::filesystem::path& run);

}  // namespace kexp::record
