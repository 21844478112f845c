#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/record/feeds.hpp"

namespace kexp::tracker {

/// What can be known of the feeds of a run while they have not all finished.
class FeedWatch {
 public:
  /// missing: none has joined, or not every shard. elsewhere: on other hosts, where only what they write is
  /// seen. killed: one of this host is gone without its end.
  enum class State { missing, at_work, elsewhere, killed };

  explicit FeedWatch(std::filesystem::path run) : run_(std::move(run)) {}

  /// Looks again. True when a feed has shown since that it lives: it joined or wrote something, or its start
  /// is still to come. Errors: FailedError naming the file.
  bool look(WallTime now);
  [[nodiscard]] State state() const { return state_; }

 private:
  using Written = std::pair<std::uintmax_t, std::filesystem::file_time_type>;

  [[nodiscard]] State find_state(const std::vector<record::FeedPart>& parts) const;
  bool has_changed(const std::filesystem::path& file);

  const std::filesystem::path run_;
  State state_ = State::missing;
  std::map<std::filesystem::path, Written> written_;  ///< Size and time, by file.
};

/// What a tracker waits for, as a user would say it.
[[nodiscard]] std::string_view awaited_of(FeedWatch::State state);

}  // namespace kexp::tracker
