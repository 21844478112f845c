#include "reading.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/kafka/topics.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/result_files.hpp"

namespace kexp::tracker {

namespace {

using namespace std::chrono_literals;

// Answers carry the time of the consumer's host, the run that of the feed's.
constexpr auto kClocksMayDifferBy = 10min;

// When the run was made, or its feed began, whichever was first.
std::optional<std::int64_t> run_start_ms(const record::RunDirectory& run) {
  std::optional<std::int64_t> start;
  const auto earlier = [&](std::int64_t ms) { start = std::min(start.value_or(ms), ms); };
  const Json json = read_json(run.file("run.json"));
  if (json.contains("created") && json["created"].is_string()) {
    earlier(unix_ms(parse_time(json["created"].get<std::string>(), "created")));
  }
  for (const record::FeedPart& part : record::joined_feeds(run.path())) {
    const Json sending = record::last_event(run.path(), part.role(), "sending");
    if (sending.is_object() && sending.contains("t0_unix_ns") && sending["t0_unix_ns"].is_number_integer()) {
      earlier(sending["t0_unix_ns"].get<std::int64_t>() / 1'000'000);
    }
  }
  return start;
}

std::vector<kafka::PartitionOffset> first_beginning(const TrackerOptions& options, const Clients& clients,
                                                    const record::RunDirectory& run) {
  using From = TrackerOptions::From;
  if (options.from == From::run_start && !options.any_run) {
    if (const auto start = run_start_ms(run)) {
      const auto margin = std::chrono::milliseconds(kClocksMayDifferBy).count();
      return clients.admin->offsets_at(options.topic, std::max<std::int64_t>(0, *start - margin));
    }
  }
  std::vector<kafka::PartitionOffset> begin;
  for (const kafka::PartitionLag& lag : clients.topic) {
    begin.push_back({lag.partition, options.from == From::latest ? lag.end : lag.begin});
  }
  return begin;
}

// The offsets that an earlier tracker of the run has noted; null when there was none.
Json noted_in(const std::filesystem::path& run) {
  const Json reading = record::last_event(run, "track", "reading");
  return reading.is_object() && reading.contains("from") ? reading["from"] : Json();
}

// Offsets after the last answer that is in the files, by partition.
std::map<std::int32_t, std::int64_t> tracked_until(const std::filesystem::path& run) {
  std::map<std::int32_t, std::int64_t> until;
  record::read_results(run, [&](const record::Result&, const record::Reception& at) {
    std::int64_t& end = until[at.partition];
    end = std::max(end, at.offset + 1);
  });
  return until;
}

// What an earlier tracker noted; 0 for partitions that were added since.
std::vector<kafka::PartitionOffset> noted_beginning(const Json& noted, const Clients& clients) {
  std::vector<kafka::PartitionOffset> begin;
  for (const kafka::PartitionLag& lag : clients.topic) {
    const auto found = noted.find(fmt::format("{}", lag.partition));
    const bool is_noted = found != noted.end() && found->is_number_integer();
    begin.push_back({lag.partition, is_noted ? found->get<std::int64_t>() : 0});
  }
  return begin;
}

}  // namespace

Clients make_clients(kafka::ClientFactory& factory, const TrackerOptions& options, std::stop_token stop) {
  kafka::ConsumerOptions consumer;
  consumer.client = options.client;
  consumer.prefetch_records = 10'000;
  consumer.prefetch_bytes = 64 * 1024 * 1024;  // So many of 20 detections, 2.5 kB each, and more.
  Clients clients{factory.make_admin(options.client, std::move(stop)), factory.make_consumer(consumer), {}};
  static_cast<void>(kafka::partitions_of(*clients.admin, options.topic, kafka::TopicUse::answers, "--topic"));
  clients.topic = clients.admin->lag(options.topic, "");
  return clients;
}

std::vector<kafka::PartitionOffset> beginning(const TrackerOptions& options, const Clients& clients,
                                              record::RunDirectory& run, WallTime now) {
  if (const Json noted = noted_in(run.path()); noted.is_object()) {
    return noted_beginning(noted, clients);
  }
  const std::vector<kafka::PartitionOffset> begin = first_beginning(options, clients, run);
  Json from = Json::object();
  for (const kafka::PartitionOffset& start : begin) {
    from[fmt::format("{}", start.partition)] = start.offset;
  }
  run.append("reading", {{"topic", options.topic}, {"from", std::move(from)}}, now);
  return begin;
}

void check_continuity(const TrackerOptions& options, const Clients& clients, Log& log) {
  const Json noted = options.run.empty() ? Json() : noted_in(options.run);
  if (!noted.is_object()) {
    return;
  }
  const std::map<std::int32_t, std::int64_t> tracked = tracked_until(options.run);
  const std::vector<kafka::PartitionOffset> begin = noted_beginning(noted, clients);
  for (std::size_t i = 0; i < begin.size(); ++i) {
    const kafka::PartitionLag& lag = clients.topic[i];
    const auto found = tracked.find(lag.partition);
    const std::int64_t next = found != tracked.end() ? found->second : begin[i].offset;
    if (lag.end < next) {
      throw UsageError(fmt::format(
          "--topic {} ends at offset {} in partition {}, and the run was tracked up to {}: it was "
          "made anew, or is another one",
          options.topic, lag.end, lag.partition, next));
    }
    if (lag.begin > next) {
      log.warn("track: topic={} partition={} deleted={} text=\"records were deleted before they were read\"",
               options.topic, lag.partition, lag.begin - next);
    }
  }
}

}  // namespace kexp::tracker
