#include "kexp/tracker/tracker.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/kafka/topic_tasks.hpp"
#include "kexp/kafka/topics.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/message.hpp"
#include "kexp/record/result.hpp"
#include "kexp/record/run_directory.hpp"

#include "acknowledged.hpp"
#include "answers.hpp"
#include "awaited.hpp"
#include "feed_watch.hpp"
#include "quality.hpp"
#include "reading.hpp"

namespace kexp::tracker {

namespace {

using namespace std::chrono_literals;

constexpr auto kPoll = 100ms;
constexpr auto kLookInterval = 1s;  // Files are flushed, and the feed is looked at.
constexpr auto kDrainTimeout = 10s;
constexpr auto kCloseTimeout = 1s;
constexpr std::int64_t kLoggedInvalid = 5;

std::string group_of(const TrackerOptions& options) {
  return options.group.empty() ? kafka::consumer_group(options.input_topic) : options.group;
}

Json properties_json(const kafka::Properties& properties) {
  Json json = Json::object();
  for (const auto& [name, value] : properties) {
    json[name] = kafka::shown_value(name, value);
  }
  return json;
}

std::string_view name_of(TrackerOptions::From from) {
  using From = TrackerOptions::From;
  return from == From::run_start ? "start" : from == From::earliest ? "earliest" : "latest";
}

Json settings_json(const TrackerOptions& options) {
  Json settings{{"topic", options.topic},
                {"from", name_of(options.from)},
                {"any_run", options.any_run},
                {"until_complete", options.until_complete},
                {"timeout_s", options.timeout.count()},
                {"feed_timeout_s", options.feed_timeout.count()},
                {"deadline_s", seconds(options.deadline)},
                {"validate_results", options.validate_results}};
  if (!options.validate_results) {
    settings["input_topic"] = options.input_topic;
    settings["group"] = group_of(options);
  }
  settings["servers"] = options.client.servers;
  settings["properties"] = properties_json(options.client.properties);
  return settings;
}

// The start as a file name: 20261121T180304Z.
std::string start_stamp(WallTime now) {
  std::string stamp;
  for (const char c : format_utc(now).substr(0, 19)) {
    if (c != '-' && c != ':') {
      stamp += c;
    }
  }
  return stamp + 'Z';
}

// One run is read from one topic, and by one rule of what belongs to it.
void check_unchanged(const TrackerOptions& options) {
  const Json before = options.run.empty() ? Json() : record::last_event(options.run, "track", "started");
  if (!before.is_object() || !before.contains("settings")) {
    return;
  }
  const Json& then = before["settings"];
  const Json now = settings_json(options);
  for (const auto& [name, flag] : {std::pair("topic", "--topic"), std::pair("any_run", "--any-run"),
                                   std::pair("validate_results", "--validate-results")}) {
    if (then.contains(name) && then[name] != now[name]) {
      throw UsageError(
          fmt::format("{} was {} for the tracker of {} before, and is {} now: give the same, or "
                      "another --run",
                      flag, then[name].dump(), options.run.string(), now[name].dump()));
    }
  }
}

// When a tracker of the run first came to its end; what is answered later came after its drain.
std::optional<WallTime> first_end(const TrackerOptions& options) {
  if (options.run.empty()) {
    return std::nullopt;
  }
  for (const auto& [event, field] : {std::pair("resumed", "first_end"), std::pair("finished", "time")}) {
    const Json found = record::last_event(options.run, "track", event);
    if (found.is_object() && found.contains(field) && found[field].is_string()) {
      return parse_time(found[field].get<std::string>(), field);
    }
  }
  return std::nullopt;
}

record::RunDirectory join(const TrackerOptions& options, WallTime now, const std::stop_token& stop) {
  if (options.run.empty()) {
    return record::RunDirectory::create_default("runs", "track", settings_json(options), now, stop);
  }
  return record::RunDirectory::join_again(options.run, "track", settings_json(options), now, stop);
}

/// One tracker from its first file to the last, in a run that it has joined.
class Tracking {
 public:
  Tracking(const TrackerOptions& options, const TrackerPorts& ports, Clients clients,
           record::RunDirectory& run, std::optional<WallTime> first_end)
      : options_(options),
        ports_(ports),
        clients_(std::move(clients)),
        run_(run),
        first_end_(first_end),
        answers_(run_.path(), start_stamp(ports.clock.wall_now()), options.deadline, ports.metrics),
        awaited_(run_.path(), options.validate_results ? Awaited::By::answers : Awaited::By::offsets),
        feed_(run_.path()),
        acknowledged_(run_.path()) {
    ports_.log.copy_to(run_.file("log"));
    const auto begin = beginning(options_, clients_, run_, ports_.clock.wall_now());
    for (const kafka::PartitionOffset& start : begin) {
      next_[start.partition] = start.offset;
    }
    clients_.consumer->assign(options_.topic, begin);
  }

  TrackerResult run(std::stop_token stop) {
    announce();
    track(stop);
    drain(stop);
    answers_.flush();
    clients_.consumer->close(kCloseTimeout);
    return finish(stop.stop_requested());
  }

 private:
  void announce() {
    ports_.progress.report({"track",
                            "started",
                            {{"run", run_.id()},
                             {"directory", run_.path().string()},
                             {"topic", options_.topic},
                             {"partitions", static_cast<std::int64_t>(next_.size())},
                             {"answers_before", answers_.counts().answers}}});
    reported_ = answers_.counts().answers;
    last_progress_ = last_change_ = ports_.clock.now();
  }

  void track(const std::stop_token& stop) {
    while (!stop.stop_requested() && !is_done()) {
      take(clients_.consumer->poll(kPoll));
      keep_up(ports_.clock.now());
    }
    if (!stop.stop_requested() && awaited_.left() != std::int64_t{0}) {
      ports_.log.warn("track: gave_up_after_s={} waiting_for=\"{}\"", patience()->count(), waiting_for());
    }
  }

  // What is due besides reading.
  void keep_up(SteadyTime now) {
    if (now - last_look_ >= kLookInterval) {
      last_look_ = now;
      look();
    }
    if (now - last_progress_ >= options_.progress_interval) {
      report_progress(now);
    }
  }

  [[nodiscard]] bool is_done() const {
    return options_.until_complete && (awaited_.left() == std::int64_t{0} || has_given_up());
  }

  [[nodiscard]] bool has_given_up() const {
    const auto longest = patience();
    return longest && ports_.clock.now() - last_change_ > *longest;
  }

  // How long nothing new may come; nullopt: a feed is at work here, and its end will be seen.
  [[nodiscard]] std::optional<std::chrono::seconds> patience() const {
    using State = FeedWatch::State;
    if (awaited_.left() || feed_.state() == State::killed || feed_.state() == State::elsewhere) {
      return options_.timeout;
    }
    return feed_.state() == State::missing ? std::optional(options_.feed_timeout) : std::nullopt;
  }

  [[nodiscard]] std::string_view waiting_for() const {
    return awaited_.left() ? "answers to what the feed has sent" : awaited_of(feed_.state());
  }

  void look() {
    answers_.flush();
    if (awaited_.look([this](std::string_view id) { return answers_.has(id); })) {
      last_change_ = ports_.clock.now();
      ports_.progress.report({"track", "feed_finished", {{"awaited", *awaited_.left()}}});
    }
    if (!options_.validate_results) {
      look_at_group();
    }
    if (awaited_.left()) {
      ports_.metrics.set("results_awaited_records", static_cast<double>(*awaited_.left()));
    } else {
      acknowledged_.look();
      look_after_feed();
    }
  }

  void look_after_feed() {
    const bool was_killed = feed_.state() == FeedWatch::State::killed;
    if (feed_.look(ports_.clock.wall_now())) {
      last_change_ = ports_.clock.now();
    }
    if (!was_killed && feed_.state() == FeedWatch::State::killed) {
      ports_.log.warn("track: text=\"a feed of the run was killed: nobody knows all that it has sent\"");
    }
  }

  void look_at_group() {
    try {
      committed_ = clients_.admin->lag(options_.input_topic, group_of(options_));
    } catch (const Error& e) {
      ports_.log.warn("track: group={} text=\"{}\"", group_of(options_), e.what());
      return;
    }
    if (awaited_.committed(committed_)) {
      last_change_ = ports_.clock.now();
    }
  }

  // Takes the message by value: it is gone before the next poll.
  void take(std::unique_ptr<kafka::Message> message) {
    if (!message) {
      return;
    }
    next_[message->partition()] = message->offset() + 1;
    const auto run = message->header(record::kRunHeader);
    if (run && !is_ours(*run)) {
      count_foreign(*run);
      return;
    }
    std::string why;
    const auto value = message->value();
    auto result = record::parse_result({reinterpret_cast<const char*>(value.data()), value.size()}, &why);
    if (!result) {
      count_invalid(*message, why);
    } else if (!run && !is_ours(result->run)) {
      count_foreign(result->run);
    } else if (!complete_id(*result, *message)) {
      count_invalid(*message, "no id");
    } else if (!answers_.had(message->partition(), message->offset())) {
      add(*result, *message);
    }
  }

  void add(const record::Result& result, const kafka::Message& message) {
    const record::Reception reception{unix_ms(ports_.clock.wall_now()), message.partition(),
                                      message.offset()};
    if (answers_.add(result, reception) == Answers::Kind::first) {
      awaited_.answered(result.id);
      last_change_ = ports_.clock.now();
    }
  }

  [[nodiscard]] bool is_ours(std::string_view run) const { return options_.any_run || run == run_.id(); }

  /// Other producers may give the id as the key alone, or none but the image's place.
  static bool complete_id(record::Result& result, const kafka::Message& message) {
    if (result.id.empty() && !(message.key().empty() && result.partition < 0)) {
      result.id = record::image_id(message.key(), result.partition, result.offset);
    }
    return !result.id.empty();
  }

  void count_foreign(std::string_view run) {
    if (answers_.counts().foreign == 0) {
      ports_.log.warn(
          "track: foreign_run={} text=\"the topic holds answers of other runs; they are counted "
          "apart\"",
          run);
    }
    answers_.count_foreign();
  }

  void count_invalid(const kafka::Message& message, std::string_view why) {
    if (answers_.counts().invalid < kLoggedInvalid) {
      ports_.log.warn("track: invalid topic={} partition={} offset={} text=\"{}\"", options_.topic,
                      message.partition(), message.offset(), why);
    }
    answers_.count_invalid();
  }

  void report_progress(SteadyTime now) {
    const TrackCounts& counts = answers_.counts();
    const stats::Summary recent = answers_.take_recent();
    const double rate = static_cast<double>(counts.answers - reported_) / seconds(now - last_progress_);
    ProgressEvent event{"track",
                        "progress",
                        {{"processed", counts.processed},
                         {"answers_per_s", rate},
                         {"duplicates", counts.duplicates},
                         {"errors", counts.errors},
                         {"foreign", counts.foreign},
                         {"invalid", counts.invalid}}};
    if (recent.count > 0) {
      event.fields.emplace_back("end_to_end_p50_ms", recent.p50_ms);
      event.fields.emplace_back("end_to_end_p95_ms", recent.p95_ms);
      event.fields.emplace_back("end_to_end_p99_ms", recent.p99_ms);
    }
    if (counts.processed > 0) {
      event.fields.emplace_back("in_time_share",
                                static_cast<double>(counts.in_time) / static_cast<double>(counts.processed));
    }
    if (awaited_.left()) {
      event.fields.emplace_back("awaited", *awaited_.left());
    } else if (acknowledged_.count() > 0) {
      event.fields.emplace_back("unanswered",
                                std::max<std::int64_t>(0, acknowledged_.count() - counts.processed));
    }
    if (!awaited_.left() && options_.until_complete) {
      event.fields.emplace_back("waiting_for", std::string(waiting_for()));
    }
    ports_.progress.report(event);
    reported_ = counts.answers;
    last_progress_ = now;
  }

  // Reads what the topic holds at this moment: late duplicates, and what came while we were asked to stop.
  // That takes a bounded time when somebody waits for our end, else as long as records come.
  void drain(const std::stop_token& stop) {
    std::vector<kafka::PartitionLag> ends;
    try {
      ends = clients_.admin->lag(options_.topic, "");
    } catch (const Error& e) {
      ports_.log.warn("track: text=\"not drained: {}\"", e.what());
      return;
    }
    const auto behind = [&] {
      return std::any_of(ends.begin(), ends.end(),
                         [&](const kafka::PartitionLag& lag) { return next_[lag.partition] < lag.end; });
    };
    SteadyTime deadline = ports_.clock.now() + kDrainTimeout;
    while (behind()) {
      const SteadyTime now = ports_.clock.now();
      if (now >= deadline) {
        ports_.log.warn("track: text=\"not drained within {} s: the topic still holds answers\"",
                        std::chrono::seconds(kDrainTimeout).count());
        return;
      }
      auto message = clients_.consumer->poll(kPoll);
      if (message && !stop.stop_requested()) {
        deadline = now + kDrainTimeout;
      }
      take(std::move(message));
      keep_up(now);
    }
  }

  TrackerResult finish(bool stopped) {
    look();
    TrackerResult result;
    result.run = run_.path();
    result.run_id = run_.id();
    result.counts = answers_.counts();
    result.latency = answers_.latency();
    result.detections_by_class = answers_.detections_by_class();
    if (awaited_.left()) {
      result.complete = *awaited_.left() == 0;
    }
    result.stopped = stopped;

    Json fields = answers_.to_json();
    fields["complete"] = result.complete ? Json(*result.complete) : Json();
    fields["stopped"] = stopped;
    if (!options_.validate_results) {
      Json& committed = fields["committed"] = Json::object();
      for (const kafka::PartitionLag& lag : committed_) {
        committed[fmt::format("{}", lag.partition)] = lag.committed.value_or(0);
      }
    }
    add_quality(fields);
    run_.append("finished", fields, ports_.clock.wall_now());
    const Json derived = record::derive(run_.path());
    result.verdict = derived["verdict"]["state"];
    result.reasons = derived["verdict"]["reasons"].get<std::vector<std::string>>();
    ports_.progress.report({"track",
                            "finished",
                            {{"processed", result.counts.processed},
                             {"duplicates", result.counts.duplicates},
                             {"foreign", result.counts.foreign},
                             {"invalid", result.counts.invalid},
                             {"verdict", result.verdict}}});
    return result;
  }

  // Needs answers: where none are sent, nobody knows when an image was done.
  void add_quality(Json& fields) {
    if (!options_.validate_results) {
      return;
    }
    const Quality quality = assess(run_.path(), options_.deadline, first_end_);
    if (!quality.goodput_csv.empty()) {
      write_file_atomically(run_.file("goodput.csv"), quality.goodput_csv);
    }
    if (quality.clocks.differ()) {
      ports_.log.warn(
          "track: clocks_differ_ms={:.3g} text=\"{} images were received before they were sent, {} answers "
          "before they were done: the clocks of the hosts differ, and latencies between them are off\"",
          quality.clocks.worst_ms, quality.clocks.received_before_sent, quality.clocks.answered_before_done);
    }
    fields.update(to_json(quality));
  }

  const TrackerOptions& options_;
  const TrackerPorts& ports_;
  Clients clients_;
  record::RunDirectory& run_;
  const std::optional<WallTime> first_end_;
  Answers answers_;
  Awaited awaited_;
  FeedWatch feed_;
  Acknowledged acknowledged_;
  std::map<std::int32_t, std::int64_t> next_;  // Offset to read next, by partition.
  std::vector<kafka::PartitionLag> committed_;
  SteadyTime last_look_{}, last_progress_{};
  SteadyTime last_change_{};  // The feed showed that it lives, or finished, or a new answer came.
  std::int64_t reported_ = 0;
};

/// Leaves the reason of a failure in the run; a second failure must not hide the first.
void note_failure(record::RunDirectory& run, const std::string& why, const TrackerPorts& ports) {
  try {
    run.append("failed", {{"error", why}}, ports.clock.wall_now());
    static_cast<void>(record::derive(run.path()));
  } catch (const std::exception& e) {
    ports.log.warn("track: text=\"after the failure: {}\"", e.what());
  }
}

}  // namespace

void validate(const TrackerOptions& options) {
  const auto check_timeout = [](const char* flag, std::chrono::seconds timeout) {
    if (timeout < 1s || timeout > 24h) {
      throw UsageError(fmt::format("{} must be 1 to 86400 seconds, got {}", flag, timeout.count()));
    }
  };
  kafka::validate_name(options.topic, "--topic");
  kafka::validate_name(options.input_topic, "--input-topic");
  if (!options.group.empty()) {
    kafka::validate_name(options.group, "--group");
  }
  check_timeout("--timeout", options.timeout);
  check_timeout("--feed-timeout", options.feed_timeout);
  if (options.deadline < 1ms || options.deadline > 24h) {
    throw UsageError(fmt::format("--deadline must be 1 ms to 24 h, got {} s", seconds(options.deadline)));
  }
}

TrackerResult run_tracker(const TrackerOptions& options, const TrackerPorts& ports, std::stop_token stop) {
  // Without a broker no run is left behind, and what an earlier tracker has ended stays as it is.
  Clients clients = make_clients(ports.kafka, options, stop);
  check_unchanged(options);
  check_continuity(options, clients, ports.log);
  const std::optional<WallTime> ended = first_end(options);
  record::RunDirectory run = join(options, ports.clock.wall_now(), stop);
  try {
    if (ended) {  // At once: to join is to take back that end.
      run.append("resumed", {{"first_end", format_utc(*ended)}}, ports.clock.wall_now());
    }
    return Tracking(options, ports, std::move(clients), run, ended).run(std::move(stop));
  } catch (const std::exception& e) {  // The answers that came before are in their files by now.
    note_failure(run, e.what(), ports);
    throw;
  }
}

}  // namespace kexp::tracker
