#include "feed_watch.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::tracker {

namespace fs = std::filesystem;

bool FeedWatch::look(WallTime now) {
  const std::vector<record::FeedPart> parts = record::joined_feeds(run_);
  bool lives = false;
  for (const record::FeedPart& part : parts) {
    for (const fs::path& file :
         {run_ / (part.role() + ".json"), run_ / part.csv("sends"), run_ / part.csv("seconds")}) {
      lives = has_changed(file) || lives;
    }
    const Json sending = record::last_event(run_, part.role(), "sending");
    lives = lives || (sending.is_object() && sending.value("t0_unix_ns", std::int64_t{0}) > unix_ns(now));
  }
  state_ = find_state(parts);
  return lives;
}

FeedWatch::State FeedWatch::find_state(const std::vector<record::FeedPart>& parts) const {
  if (record::a_feed_has_died(run_)) {
    return State::killed;
  }
  const auto is_at_work = [&](const record::FeedPart& part) {
    return record::is_at_work(run_, part.role()) &&
           record::last_event(run_, part.role(), "finished").is_null();
  };
  if (std::any_of(parts.begin(), parts.end(), is_at_work)) {
    return State::at_work;
  }
  return parts.empty() || parts.size() < parts.front().of ? State::missing : State::elsewhere;
}

bool FeedWatch::has_changed(const fs::path& file) {
  std::error_code none;  // A file that is not there is as good as an empty one.
  const Written now(fs::file_size(file, none), fs::last_write_time(file, none));
  Written& before = written_[file];
  return std::exchange(before, now) != now;
}

std::string_view awaited_of(FeedWatch::State state) {
  switch (state) {
    case FeedWatch::State::missing:
      return "a feed to join the run";
    case FeedWatch::State::at_work:
      return "the end of the feed";
    case FeedWatch::State::elsewhere:
      return "a sign of the feed on another host";
    case FeedWatch::State::killed:
      break;
  }
  return "answers to what the killed feed has sent";
}

}  // namespace kexp::tracker
