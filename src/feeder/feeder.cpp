#include "kexp/feeder/feeder.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/feeder/plan_plot.hpp"
#include "kexp/kafka/topics.hpp"
#include "kexp/record/run_directory.hpp"

#include "account.hpp"
#include "clock_watch.hpp"
#include "cpu_share.hpp"
#include "feed_images.hpp"
#include "pacing_threads.hpp"
#include "plan_files.hpp"
#include "preflight.hpp"
#include "send_log.hpp"
#include "shared_run.hpp"
#include "statistics_file.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kLead = 500ms;  ///< Between "all is ready" and t0: the first image finds every thread awake.
constexpr auto kLeastNotice = 2s;         ///< Of a given t0: others must get to theirs, too.
constexpr auto kLastMapping = 1s;         ///< Before a given t0 it is mapped onto the steady clock.
constexpr auto kWaitingInterval = 5s;     ///< Of the progress until then.
constexpr auto kStatisticsInterval = 5s;  ///< Of librdkafka; each costs it CPU.
constexpr std::uint32_t kMostShards = 1000;
constexpr double kQueueSeconds = 2;  ///< Of the peak rate may wait in the producer.
constexpr std::int64_t kLeastQueue = 64 * 1024 * 1024;
constexpr std::int64_t kLargestQueue = 512 * 1024 * 1024;

/// Errors: UsageError naming the flag to change when there is nothing to send.
void require_images(const FeederOptions& options, const cycle::Plan& plan) {
  if (!plan.images().empty()) {
    return;
  }
  const std::string& profile = options.curve.profile;
  if (std::all_of(plan.segments().begin(), plan.segments().end(),
                  [](const cycle::SegmentTotals& totals) { return !(totals.segment.fraction > 0); })) {
    throw UsageError(fmt::format("--profile {} has no fraction above 0: there is nothing to send", profile));
  }
  throw UsageError(fmt::format("{}: raise {}{}", warnings(plan).front(),
                               options.max_images_per_s ? "--max-ips" : "--max-mbps",
                               profile.starts_with("steps:") ? "" : " or --duration"));
}

PreparedPlan prepare(const FeederOptions& effective, const FeedImages& images, std::uint32_t partitions) {
  PreparedPlan prepared = make_plan(effective, images.sizes(), images.hash(), partitions);
  require_images(effective, prepared.plan);
  return prepared;
}

Json counts_json(const SendCounts& counts) {
  return {{"planned", counts.planned},
          {"sent", counts.sent},
          {"dropped", counts.dropped},
          {"acknowledged", counts.acknowledged},
          {"failed", counts.failed},
          {"unknown", counts.unknown},
          {"never_sent", counts.never_sent},
          {"sent_bytes", counts.sent_bytes},
          {"acknowledged_bytes", counts.acknowledged_bytes},
          {"queue_full", counts.queue_full},
          {"queue_full_s", seconds(Nanoseconds(counts.queue_full_ns))},
          {"starved", counts.starved},
          {"starved_s", seconds(Nanoseconds(counts.starved_ns))}};
}

/// The first error of several steps that are all to be tried.
class Failure {
 public:
  template <typename Step>
  void keep(Step&& step) {
    try {
      step();
    } catch (const std::exception&) {  // Also the standard library's: a run always says why it ended.
      if (!error_) {
        error_ = std::current_exception();
      }
    }
  }
  [[nodiscard]] bool happened() const { return error_ != nullptr; }
  [[noreturn]] void rethrow() const { std::rethrow_exception(error_); }

 private:
  std::exception_ptr error_;
};

/// Ends a log's writing thread on every way out: it writes to what goes before the log does.
class WritingEnd {
 public:
  explicit WritingEnd(SendLog& log) : log_(log) {}
  ~WritingEnd() { log_.end_writing(); }
  WritingEnd(const WritingEnd&) = delete;
  WritingEnd& operator=(const WritingEnd&) = delete;

 private:
  SendLog& log_;
};

/// The same instant on both clocks: wall time is mapped onto the steady clock once, shortly before.
struct Start {
  SteadyTime steady;
  WallTime wall;
};

/// One feed from the first file to the last.
class Feed {
 public:
  Feed(const FeederOptions& options, const FeederPorts& ports)
      : options_(options),
        ports_(ports),
        part_(options.shard),
        lanes_(options.shard, options.threads),
        statistics_(ports.clock, ports.log) {}

  FeederResult run(std::stop_token stop) {
    require_notice(kLeastNotice, "at least 2 s ahead, so that every shard is ready");
    FeedImages images(options_, FeedImages::Keep::images);
    const auto [prepared, checked] = prepare_and_check(images, stop);
    const auto source = images.make_source(prepared.plan, stop);
    // Made before the run: a property that the client refuses must not leave a run behind. The log comes
    // before the producers, which report to it until they are gone.
    std::optional<SendLog> log;
    const auto producers = make_producers(prepared.plan, *source, log);
    require_notice(kLead, "later: it took until then to make all ready");
    record::RunDirectory run = join(prepared, images, stop);
    bool interrupted = false;
    try {
      write_beginning(run, prepared, images, checked);
      const std::stop_callback pass_on(stop, [this] { ending_.request_stop(); });
      log.emplace(prepared.plan, lanes_, options_.topic, log_files(run), log_ports(run, producers));
      const WritingEnd writing_end(*log);
      interrupted = play(run, prepared, *source, producers, *log, stop);
    } catch (const FailedError& e) {
      note(run, e.what());
      if (!log) {  // Nothing was sent yet.
        throw;
      }
      throw FailedError(fmt::format(
          "{}; when that is cured, kexp feed verify {} --from-topic finds what was sent and mends the run",
          e.what(), run.path().string()));
    } catch (const std::exception& e) {
      note(run, e.what());
      throw;
    }
    (void)record::derive(run.path());
    return {run.path(), run.id(), interrupted, log->counts()};
  }

 private:
  using Producers = std::vector<std::unique_ptr<kafka::Producer>>;

  /// The plan for this topic, and what was found of it. The client that looks is gone then: while it lives it
  /// costs CPU.
  std::pair<PreparedPlan, PreflightReport> prepare_and_check(const FeedImages& images,
                                                             const std::stop_token& stop) const {
    const auto admin = ports_.kafka.make_admin(options_.client, stop);
    PreparedPlan prepared = prepare(options_, images, topic_partitions(*admin, options_));
    PreflightReport checked =
        preflight(options_, prepared, {ports_.kafka, *admin, ports_.clock, ports_.log}, stop);
    return {std::move(prepared), std::move(checked)};
  }

  /// What the run holds before the first image. It is derived then as well: a feed that is killed leaves a
  /// run.json that says PARTIAL.
  void write_beginning(record::RunDirectory& run, const PreparedPlan& prepared, const FeedImages& images,
                       const PreflightReport& checked) {
    ports_.log.copy_to(run.file(log_file_name(part_)));
    log_memory(images, prepared.plan);
    record_preflight(checked, run, ports_.log, ports_.clock.wall_now());
    write_plan(run.path(), prepared);
    statistics_.open(run.file(statistics_file_name(part_)));
    (void)record::derive(run.path());
  }

  /// Sends the plan and writes down how that went, also when it failed. Whether a stop cut it short.
  bool play(record::RunDirectory& run, const PreparedPlan& prepared, ImageSource& source,
            const Producers& producers, SendLog& log, const std::stop_token& stop) const {
    const WallTime first = options_.t0.value_or(ports_.clock.wall_now() + kLead);
    announce(run, prepared, first);
    const Start t0 = await_start(run, first);
    log.set_t0(t0.steady, t0.wall);
    log.start();
    const Sending sending{prepared.plan, source, options_.topic, run.id(), t0.steady, unix_ns(t0.wall)};
    const CpuShare cpu(ports_.clock);
    Failure failure;
    PacingEnd end;
    failure.keep([&] {
      end = run_pacing(sending, lanes_, pacing_options(), producers, log, ports_.clock, ending_.get_token());
      if (end.error) {
        std::rethrow_exception(end.error);
      }
    });
    if (!failure.happened() && !end.overloaded) {  // A plan may end with a time without images.
      const auto lasts = Nanoseconds(static_cast<std::int64_t>(prepared.plan.duration_s() * 1e9));
      (void)ports_.clock.sleep_until(t0.steady + lasts, ending_.get_token());
    }
    Json fields{{"failed_early", failure.happened() || end.overloaded},
                {"generator_cpu", cpu.share()},
                {"pacing_cpu", end.cpu}};
    bool interrupted = false;
    failure.keep([&] { tell(run, end); });
    failure.keep([&] {
      log.finish();
      interrupted = stop.stop_requested() && (log.counts().never_sent > 0 || log.given_up() > 0);
      fields["interrupted"] = interrupted;
      fields["worst_debt_s"] =
          seconds(std::max(log.worst_debt(), end.overloaded ? end.overloaded->debt : Nanoseconds(0)));
      note_cut(run, log.counts(), t0.wall + (end.paced - t0.steady));
      finish(run, prepared.plan, log, std::move(fields));
    });
    if (failure.happened()) {
      failure.rethrow();
    }
    return interrupted;
  }

  /// Leaves in the run until when its plan was played, unless all of it was.
  void note_cut(record::RunDirectory& run, const SendCounts& counts, WallTime when) const {
    if (counts.never_sent > 0) {
      run.append("cut", {{"unix_ns", unix_ns(when)}, {"never_sent", counts.never_sent}},
                 ports_.clock.wall_now());
    }
  }

  /// Errors: UsageError naming --t0 when it is nearer than `notice`; `right` says what would do.
  void require_notice(Nanoseconds notice, std::string_view right) const {
    const WallTime now = ports_.clock.wall_now();
    if (options_.t0 && *options_.t0 - now < notice) {
      throw UsageError(
          fmt::format("--t0 {} must be {}; it is {} now", format_utc(*options_.t0), right, format_utc(now)));
    }
  }

  /// Waits until shortly before `t0`. The wall clock says when that is, and may be set meanwhile.
  Start await_start(record::RunDirectory& run, WallTime t0) const {
    ClockWatch watch(ports_.clock);
    for (;;) {
      if (const auto step = watch.look()) {
        run.append("clock_stepped", {{"by_s", seconds(*step)}}, ports_.clock.wall_now());
        ports_.log.warn("feed: clock_stepped_s={:.3f} while it waited for --t0", seconds(*step));
      }
      const SteadyTime now = ports_.clock.now();
      const Nanoseconds left = t0 - ports_.clock.wall_now();
      if (left <= kLastMapping) {
        return {now + left, t0};
      }
      ports_.progress.report({"feed", "waiting", {{"t0", format_utc(t0)}, {"left_s", seconds(left)}}});
      if (!ports_.clock.sleep_for(std::min<Nanoseconds>(left - kLastMapping, kWaitingInterval),
                                  ending_.get_token())) {
        return {now + left, t0};
      }
    }
  }

  Producers make_producers(const cycle::Plan& plan, ImageSource& source, std::optional<SendLog>& log) {
    Producers producers;
    kafka::ProducerOptions producer = producer_options(options_, plan);
    for (std::uint32_t thread = 0; thread < options_.threads; ++thread) {
      producer.on_statistics = [this, thread](std::string_view json) { statistics_.add(thread, json); };
      producers.push_back(
          ports_.kafka.make_producer(producer, [&log, &source](const kafka::DeliveryReport& report) {
            source.release(report.tag);
            log->reported(report);
          }));
    }
    return producers;
  }

  PacingOptions pacing_options() const {
    return {options_.on_overload, options_.max_debt, options_.delivery_timeout + 5s};
  }

  SendLogFiles log_files(const record::RunDirectory& run) const {
    return {run.file(part_.csv("sends")), {run.file(part_.csv("feed")), run.file(part_.csv("seconds"))}};
  }

  SendLogPorts log_ports(record::RunDirectory& run, const Producers& producers) {
    return {.clock = ports_.clock,
            .log = ports_.log,
            .progress = ports_.progress,
            .metrics = ports_.metrics,
            .last_fault =
                [&producers] {
                  std::string fault;
                  for (auto next = producers.begin(); fault.empty() && next != producers.end(); ++next) {
                    fault = (*next)->last_fault();
                  }
                  return fault;
                },
            .note = [this, &run](std::string_view event,
                                 const Json& fields) { run.append(event, fields, ports_.clock.wall_now()); },
            .broken = [this] { ending_.request_stop(); }};
  }

  /// Leaves the reason of a failure in the run, as far as that can still be written; on stderr it is told by
  /// whoever ends the process.
  void note(record::RunDirectory& run, const std::string& why) const {
    ports_.log.write_to_copies(LogLevel::error, fmt::format("feed: failed error=\"{}\"", why));
    try {
      run.append("failed", {{"error", why}}, ports_.clock.wall_now());
      (void)record::derive(run.path());
    } catch (const Error& e) {
      ports_.log.warn("feed: text=\"{}\"", e.what());
    }
  }

  void log_memory(const FeedImages& images, const cycle::Plan& plan) const {
    const auto megabytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; };
    if (images.is_streamed()) {
      ports_.log.info("feed: dataset_mb={:.1f} streamed window_mb={:.1f}", megabytes(images.total_bytes()),
                      megabytes(images.window_bytes(plan)));
    } else {
      ports_.log.info("feed: dataset_mb={:.1f} in memory", megabytes(images.total_bytes()));
    }
  }

  record::RunDirectory join(const PreparedPlan& prepared, const FeedImages& images,
                            const std::stop_token& stop) const {
    const WallTime now = ports_.clock.wall_now();
    Json settings = settings_json(options_);
    settings.update(images.settings(prepared.plan));
    if (options_.shard.of > 1) {
      const std::string id = shared_run_id(*options_.t0, prepared.plan_hash);
      const auto folder = options_.run.empty() ? std::filesystem::path("runs") / id : options_.run;
      return record::RunDirectory::join(folder, part_.role(), settings, now, id, stop);
    }
    if (options_.run.empty()) {
      return record::RunDirectory::create_default("runs", part_.role(), settings, now, stop);
    }
    return record::RunDirectory::join(options_.run, part_.role(), settings, now, stop);
  }

  void announce(record::RunDirectory& run, const PreparedPlan& prepared, WallTime t0_wall) const {
    const cycle::Plan& plan = prepared.plan;
    run.append("sending",
               {{"t0", format_utc(t0_wall)},
                {"t0_unix_ns", unix_ns(t0_wall)},
                {"plan_hash", prepared.plan_hash},
                {"dataset_hash", prepared.dataset_hash}},
               ports_.clock.wall_now());
    ports_.progress.report({"feed",
                            "started",
                            {{"run", run.id()},
                             {"directory", run.path().string()},
                             {"t0", format_utc(t0_wall)},
                             {"images", part_.share_of(static_cast<std::int64_t>(plan.images().size()))},
                             {"bytes", part_bytes(plan)},
                             {"duration_s", plan.duration_s()},
                             {"partitions", static_cast<std::int64_t>(prepared.options.partitions)},
                             {"plan", prepared.plan_hash.substr(0, 12)}}});
  }

  /// Of the images that this feed plays.
  [[nodiscard]] std::int64_t part_bytes(const cycle::Plan& plan) const {
    std::int64_t bytes = 0;
    for (std::uint64_t id = part_.first(); id < plan.images().size(); id += part_.of) {
      bytes += plan.images()[id].bytes;
    }
    return bytes;
  }

  /// What the pacing threads ended with that is no failure of the feed.
  void tell(record::RunDirectory& run, const PacingEnd& end) const {
    if (end.unanswered > 0) {
      ports_.log.warn("feed: unanswered={} the broker gave no delivery report for them", end.unanswered);
    }
    if (end.overloaded) {
      run.append("overload",
                 {{"policy", cycle::name_of(kOverloadNames, options_.on_overload)},
                  {"id", end.overloaded->id},
                  {"debt_s", seconds(end.overloaded->debt)},
                  {"max_debt_s", seconds(options_.max_debt)}},
                 ports_.clock.wall_now());
      ports_.log.error("feed: overload=fail id={} debt_s={:.3f} more than --max-debt {}", end.overloaded->id,
                       seconds(end.overloaded->debt), seconds(options_.max_debt));
    }
  }

  void finish(record::RunDirectory& run, const cycle::Plan& plan, const SendLog& log, Json fields) const {
    const Account account = account_for(run.path(), part_, &plan);
    write_feed_tables(run.path(), account, part_);
    const SendCounts& counts = log.counts();
    fields.update(counts_json(counts));
    fields.update(to_json(account.summary));
    run.append("finished", fields, ports_.clock.wall_now());
    if (counts.failed > 0) {
      ports_.log.warn("feed: failed={} first: {}", counts.failed, log.first_failure());
    }
    ports_.progress.report({"feed",
                            "finished",
                            {{"planned", counts.planned},
                             {"sent", counts.sent},
                             {"dropped", counts.dropped},
                             {"acknowledged", counts.acknowledged},
                             {"failed", counts.failed},
                             {"unknown", counts.unknown}}});
  }

  const FeederOptions& options_;
  const FeederPorts& ports_;
  const record::FeedPart part_;
  const Lanes lanes_;
  StatisticsFile statistics_;
  std::stop_source ending_;  // Of the pacing: at a stop, or when the log can no longer be written.
};

void validate_shard(const FeederOptions& options) {
  const Shard& shard = options.shard;
  if (shard.of < 1 || shard.of > kMostShards || shard.index < 1 || shard.index > shard.of) {
    throw UsageError(fmt::format("--shard must be INDEX/OF as 1/2 with an OF up to {}, got {}/{}",
                                 kMostShards, shard.index, shard.of));
  }
  if (shard.of > 1 && !options.t0) {
    throw UsageError(
        fmt::format("--shard {}/{} needs --t0: all shards begin at the same time", shard.index, shard.of));
  }
}

void validate_overload(const FeederOptions& options) {
  if (options.max_debt < 1ms || options.max_debt > 86400s) {  // No timer keeps to less.
    throw UsageError(
        fmt::format("--max-debt must be 0.001 to 86400 seconds, got {}", seconds(options.max_debt)));
  }
  const bool bounds_debt = options.on_overload == OnOverload::drop || options.on_overload == OnOverload::fail;
  if (options.curve.profile == "burst" && bounds_debt) {
    throw UsageError(
        fmt::format("--on-overload {} does not go with --profile burst, whose images are all due at once",
                    cycle::name_of(kOverloadNames, options.on_overload)));
  }
}

}  // namespace

void validate(const FeederOptions& options) {
  cycle::validate(plan_options(options, 1));
  (void)cycle::make_segments(options.curve);  // Reads the profile's file, if it is one.
  kafka::validate_name(options.topic, "--topic");
  if (!(options.peak.bytes_per_second() > 0) || options.peak.megabytes_per_second() > 1e6) {
    throw UsageError(fmt::format("--max-mbps must be above 0 and at most 1000000, got {}",
                                 options.peak.megabytes_per_second()));
  }
  if (options.max_images_per_s && (!(*options.max_images_per_s > 0) || *options.max_images_per_s > 1e6)) {
    throw UsageError(
        fmt::format("--max-ips must be above 0 and at most 1000000, got {}", *options.max_images_per_s));
  }
  if (options.partitions && (*options.partitions < 1 || *options.partitions > 100'000)) {
    throw UsageError(fmt::format("--partitions must be 1 to 100000, got {}", *options.partitions));
  }
  if (options.threads < 1 || options.threads > kMostThreads) {
    throw UsageError(fmt::format("--threads must be 1 to {}, got {}", kMostThreads, options.threads));
  }
  validate_shard(options);
  validate_overload(options);
  if (options.delivery_timeout < 1s || options.delivery_timeout > 86400s) {
    throw UsageError(fmt::format("--delivery-timeout must be 1 to 86400 seconds, got {}",
                                 options.delivery_timeout.count()));
  }
}

PreparedPlan prepare_plan(const FeederOptions& options) {
  validate(options);
  const FeederOptions effective = resolve(options);
  return prepare(effective, FeedImages(effective, FeedImages::Keep::index),
                 static_cast<std::uint32_t>(effective.partitions.value_or(1)));
}

kafka::ProducerOptions producer_options(const FeederOptions& options, const cycle::Plan& plan) {
  kafka::ProducerOptions producer;
  producer.client = options.client;
  producer.queue_bytes = std::clamp(static_cast<std::int64_t>(plan.peak_bytes_per_s() * kQueueSeconds),
                                    kLeastQueue, kLargestQueue) /
                         options.threads;
  producer.queue_records /= options.threads;  // What they take beside the images has one bound, too.
  producer.delivery_timeout = options.delivery_timeout;
  producer.statistics_interval = kStatisticsInterval;
  return producer;
}

FeederResult run_feeder(const FeederOptions& options, const FeederPorts& ports, std::stop_token stop) {
  validate(options);
  const FeederOptions effective = resolve(options);
  return Feed(effective, ports).run(std::move(stop));
}

}  // namespace kexp::feeder
