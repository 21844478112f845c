#include "kexp/feeder/feeder.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/error.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/record/run_directory.hpp"

#include "account.hpp"
#include "pacer.hpp"
#include "plan_files.hpp"
#include "preflight.hpp"
#include "send_log.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr auto kLead = 500ms;  ///< Between "all is ready" and t0: the first image finds every thread awake.
constexpr double kQueueSeconds = 2;  ///< Of the peak rate may wait in the producer.
constexpr std::int64_t kLeastQueue = 64 * 1024 * 1024;
constexpr std::int64_t kLargestQueue = 512 * 1024 * 1024;

std::vector<std::uint64_t> sizes_of(const dataset::Dataset& dataset, const FeederOptions& options) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(dataset.items().size());
  for (const dataset::Dataset::Item& item : dataset.items()) {
    if (item.bytes.size() > static_cast<std::size_t>(kafka::kMaxImageBytes)) {
      throw UsageError(fmt::format("--dataset {}: image {} has {} bytes, at most {} can be sent",
                                   options.dataset.string(), sizes.size(), item.bytes.size(),
                                   kafka::kMaxImageBytes));
    }
    sizes.push_back(item.bytes.size());
  }
  return sizes;
}

PreparedPlan prepare(const FeederOptions& effective, const dataset::Dataset& dataset,
                     std::uint32_t partitions) {
  return make_plan(effective, sizes_of(dataset, effective), dataset.hash(), partitions);
}

kafka::ProducerOptions producer_options(const FeederOptions& options, const cycle::Plan& plan) {
  double peak = 0;
  for (const cycle::SegmentTotals& segment : plan.segments()) {
    peak = std::max(peak, segment.target_bytes_per_s);
  }
  kafka::ProducerOptions producer;
  producer.client = options.client;
  producer.queue_bytes =
      std::clamp(static_cast<std::int64_t>(peak * kQueueSeconds), kLeastQueue, kLargestQueue);
  producer.delivery_timeout = options.delivery_timeout;
  return producer;
}

Json counts_json(const SendCounts& counts) {
  return {{"planned", counts.planned},
          {"sent", counts.sent},
          {"dropped", counts.planned - counts.sent},
          {"acknowledged", counts.acknowledged},
          {"failed", counts.failed},
          {"unknown", counts.unknown},
          {"sent_bytes", counts.sent_bytes},
          {"acknowledged_bytes", counts.acknowledged_bytes},
          {"queue_full", counts.queue_full}};
}

/// The first error of several steps that are all to be tried.
class Failure {
 public:
  template <typename Step>
  void keep(Step&& step) {
    try {
      step();
    } catch (const std::exception& e) {  // Also the standard library's: a run always says why it ended.
      if (!error_) {
        error_ = std::current_exception();
        text_ = e.what();
      }
    }
  }
  [[nodiscard]] bool happened() const { return error_ != nullptr; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[noreturn]] void rethrow() const { std::rethrow_exception(error_); }

 private:
  std::exception_ptr error_;
  std::string text_;
};

/// One feed from the first file to the last.
class Feed {
 public:
  Feed(const FeederOptions& options, const FeederPorts& ports) : options_(options), ports_(ports) {}

  FeederResult run(std::stop_token stop) {
    const auto dataset = dataset::Dataset::read(options_.dataset);
    const auto admin = ports_.kafka.make_admin(options_.client, stop);
    const PreparedPlan prepared = prepare(options_, dataset, topic_partitions(*admin, options_));
    const PreflightReport checked =
        preflight(options_, prepared, {ports_.kafka, *admin, ports_.clock, ports_.log}, stop);
    // Made before the run: a property that the client refuses must not leave a run behind. The log comes
    // before the producer, which reports to it until it is gone.
    std::optional<SendLog> log;
    const auto producer =
        ports_.kafka.make_producer(producer_options(options_, prepared.plan),
                                   [&log](const kafka::DeliveryReport& r) { log->reported(r); });
    record::RunDirectory run = join();
    ports_.log.copy_to(run.file("log"));
    record_preflight(checked, run, ports_.log, ports_.clock.wall_now());
    write_plan(run.path(), prepared);
    log.emplace(prepared.plan, run.file("sends.csv"), options_.topic, ports_.clock, ports_.progress,
                ports_.metrics);

    const SteadyTime t0 = ports_.clock.now() + kLead;
    const WallTime t0_wall = ports_.clock.wall_now() + kLead;
    announce(run, prepared, t0_wall);
    log->start(t0, t0_wall);
    const Sending sending{prepared.plan, dataset, options_.topic, run.id(), t0, unix_ns(t0_wall)};
    Failure failure;
    failure.keep([&] { send(sending, *producer, *log, stop); });
    failure.keep([&] { finish(run, *log, stop.stop_requested(), failure.happened()); });
    if (failure.happened()) {
      note(run, failure.text());
      failure.rethrow();
    }
    (void)record::derive(run.path());
    return {run.path(), run.id(), stop.stop_requested()};
  }

 private:
  void send(const Sending& sending, kafka::Producer& producer, SendLog& log, std::stop_token stop) const {
    (void)pace(sending, producer, log, ports_.clock, stop);
    const std::size_t unanswered = producer.flush(options_.delivery_timeout + 5s, stop);
    if (unanswered > 0) {
      ports_.log.warn("feed: unanswered={} the broker gave no delivery report for them", unanswered);
    }
  }

  /// Leaves the reason of a failure in the run, as far as that can still be written.
  void note(record::RunDirectory& run, const std::string& why) const {
    try {
      run.append("failed", {{"error", why}}, ports_.clock.wall_now());
      (void)record::derive(run.path());
    } catch (const Error& e) {
      ports_.log.warn("feed: text=\"{}\"", e.what());
    }
  }

  record::RunDirectory join() const {
    const WallTime now = ports_.clock.wall_now();
    if (options_.run.empty()) {
      return record::RunDirectory::create_default("runs", "feed", settings_json(options_), now);
    }
    return record::RunDirectory::join(options_.run, "feed", settings_json(options_), now);
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
                             {"images", static_cast<std::int64_t>(plan.images().size())},
                             {"bytes", static_cast<std::int64_t>(plan.total_bytes())},
                             {"duration_s", plan.duration_s()},
                             {"partitions", static_cast<std::int64_t>(prepared.options.partitions)},
                             {"plan", prepared.plan_hash.substr(0, 12)}}});
  }

  void finish(record::RunDirectory& run, SendLog& log, bool interrupted, bool failed) const {
    log.finish();
    const Account account = account_for(run.path());
    write_feed_tables(run.path(), account);
    const SendCounts counts = log.counts();
    Json fields = counts_json(counts);
    fields["interrupted"] = interrupted;
    fields["failed_early"] = failed;
    fields.update(to_json(account.summary));
    run.append("finished", fields, ports_.clock.wall_now());
    if (counts.failed > 0) {
      ports_.log.warn("feed: failed={} first: {}", counts.failed, log.first_failure());
    }
    ports_.progress.report({"feed",
                            "finished",
                            {{"planned", counts.planned},
                             {"sent", counts.sent},
                             {"acknowledged", counts.acknowledged},
                             {"failed", counts.failed},
                             {"unknown", counts.unknown}}});
  }

  const FeederOptions& options_;
  const FeederPorts& ports_;
};

}  // namespace

std::string_view to_text(OnOverload policy) {
  constexpr std::array kNames = {"burst", "bounded", "drop", "fail"};
  return kNames.at(static_cast<std::size_t>(policy));
}

void validate(const FeederOptions& options) {
  cycle::validate(plan_options(options, 1));
  (void)cycle::make_segments(options.curve);  // Reads the profile's file, if it is one.
  if (!is_plain_name(options.topic)) {
    throw UsageError(
        fmt::format("--topic may have letters, digits, '.', '_' and '-', got \"{}\"", options.topic));
  }
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
  if (options.delivery_timeout < 1s || options.delivery_timeout > 86400s) {
    throw UsageError(fmt::format("--delivery-timeout must be 1 to 86400 seconds, got {}",
                                 options.delivery_timeout.count()));
  }
}

PreparedPlan prepare_plan(const FeederOptions& options) {
  validate(options);
  const FeederOptions effective = resolve(options);
  return prepare(effective, dataset::Dataset::read(effective.dataset),
                 static_cast<std::uint32_t>(effective.partitions.value_or(1)));
}

FeederResult run_feeder(const FeederOptions& options, const FeederPorts& ports, std::stop_token stop) {
  validate(options);
  const FeederOptions effective = resolve(options);
  return Feed(effective, ports).run(std::move(stop));
}

}  // namespace kexp::feeder
