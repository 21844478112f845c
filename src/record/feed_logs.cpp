#include "feed_logs.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/record/run_directory.hpp"

#include "columns.hpp"
#include "feed_facts.hpp"

namespace kexp::record {

namespace {

constexpr std::string_view kRole = "feed";
constexpr std::int64_t kMostParts = 10'000;  // More were never written by a feed.

// The index that a role's name says: 0 for "feed", 2 for "feed-2"; nullopt for other roles.
std::optional<std::uint32_t> index_in(std::string_view role) {
  if (role == kRole) {
    return 0;
  }
  if (!role.starts_with(kRole) || role.substr(kRole.size(), 1) != "-") {
    return std::nullopt;
  }
  const auto index = to_integer(role.substr(kRole.size() + 1));
  return index && *index > 0 && *index <= kMostParts ? std::optional(static_cast<std::uint32_t>(*index))
                                                     : std::nullopt;
}

// How many parts the feed says that there are.
std::uint32_t parts_in(const RoleLog& feed) {
  const Json::json_pointer shard("/settings/shard");
  const Json* start = feed.last("started");
  if (start == nullptr || !start->contains(shard) || !(*start)[shard].is_string()) {
    return 1;
  }
  const auto text = (*start)[shard].get<std::string>();
  const std::size_t slash = std::min(text.find('/'), text.size() - 1);
  const auto of = to_integer(std::string_view(text).substr(slash + 1));
  return of && *of > 0 ? static_cast<std::uint32_t>(std::min<std::int64_t>(*of, kMostParts)) : 1;
}

std::int64_t time_in(const Json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

}  // namespace

std::string FeedPart::role() const {
  return of == 1 ? std::string(kRole) : fmt::format("{}-{}", kRole, index);
}

std::string FeedPart::csv(std::string_view table) const {
  return of == 1 ? fmt::format("{}.csv", table) : fmt::format("{}-{}.csv", table, index);
}

std::int64_t FeedPart::share_of(std::int64_t images) const {
  const auto before = static_cast<std::int64_t>(first());
  return images <= before ? 0 : (images - before + of - 1) / of;
}

std::vector<FeedPart> joined_feeds(const std::filesystem::path& run) {
  const FeedLogs logs = on_disk("read", [&] { return feeds_among(read_roles(run)); });
  std::vector<FeedPart> parts;
  std::transform(logs.feeds.begin(), logs.feeds.end(), std::back_inserter(parts),
                 [](const FeedLog& feed) { return feed.part; });
  return parts;
}

bool all_feeds_finished(const std::filesystem::path& run) {
  return on_disk("read", [&] { return feeds_among(read_roles(run)).finished(); });
}

bool a_feed_has_died(const std::filesystem::path& run) {
  const FeedLogs logs = on_disk("read", [&] { return feeds_among(read_roles(run)); });
  return std::any_of(logs.feeds.begin(), logs.feeds.end(), [&](const FeedLog& feed) {
    return feed.end() == nullptr && field(feed.log.last("started"), "host") == Json(host_name()) &&
           !is_at_work(run, feed.log.role);
  });
}

std::vector<Outage> outages_in(const RoleLog& feed) {
  std::vector<Outage> outages;
  for (const Json& event : feed.events) {
    if (event["event"] == "outage") {
      const auto cause = event.find("cause");
      outages.push_back({time_in(event, "start_unix_ns"), time_in(event, "end_unix_ns"),
                         time_in(event, "caught_up_unix_ns"),
                         cause != event.end() && cause->is_string() ? cause->get<std::string>() : ""});
    }
  }
  return outages;
}

std::vector<Outage> read_outages(const std::filesystem::path& run, const std::string& role) {
  return outages_in(on_disk("read", [&] { return read_role(run, role); }));
}

FeedLogs feeds_among(const std::vector<RoleLog>& roles) {
  FeedLogs logs;
  for (const RoleLog& role : roles) {
    if (const auto index = index_in(role.role)) {
      const std::uint32_t of = *index == 0 ? 1 : std::max({parts_in(role), *index, 2U});
      logs.feeds.push_back({{std::max(*index, 1U), of}, role});
      logs.of = std::max(logs.of, of);
    }
  }
  std::sort(logs.feeds.begin(), logs.feeds.end(),
            [](const FeedLog& a, const FeedLog& b) { return a.part.index < b.part.index; });
  return logs;
}

const FeedLog* FeedLogs::feed_of(std::uint64_t id) const {
  const auto found =
      std::find_if(feeds.begin(), feeds.end(), [&](const FeedLog& f) { return f.part.plays(id); });
  return found == feeds.end() ? nullptr : &*found;
}

std::vector<FeedPart> FeedLogs::missing() const {
  std::vector<FeedPart> parts;
  for (std::uint32_t index = 1; index <= of && feeds.size() < of; ++index) {
    const FeedPart part{index, of};
    if (std::none_of(feeds.begin(), feeds.end(), [&](const FeedLog& f) { return f.part == part; })) {
      parts.push_back(part);
    }
  }
  return parts;
}

bool FeedLogs::finished() const {
  return of > 0 && missing().empty() &&
         std::all_of(feeds.begin(), feeds.end(), [](const FeedLog& feed) { return feed.log.finished(); });
}

bool FeedLogs::cut_short() const {
  return std::any_of(feeds.begin(), feeds.end(), [](const FeedLog& f) { return was_cut_short(f.end()); });
}

std::vector<std::string> FeedLogs::conflicts() const {
  std::vector<std::string> conflicts;
  for (const FeedLog& feed : feeds) {
    if (feed.part.of != of) {
      conflicts.push_back(fmt::format("{}.json plays part {} of {}, others of {}", feed.log.role,
                                      feed.part.index, feed.part.of, of));
    }
  }
  return conflicts;
}

}  // namespace kexp::record
