#include "feed_flags.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/units.hpp"

namespace kexp::cli {
namespace {

/// The value that `text` names. Errors: UsageError naming `flag` and all names.
template <typename Value, std::size_t kCount>
Value choose(const char* flag, const std::string& text, const cycle::Names<Value, kCount>& choices) {
  if (const auto value = cycle::value_named(choices, text)) {
    return *value;
  }
  std::vector<const char*> names;
  for (const auto& [name, value] : choices) {
    names.push_back(name);
  }
  throw UsageError(fmt::format("{} must be one of {}, got \"{}\"", flag, fmt::join(names, ", "), text));
}

Nanoseconds max_debt_of(double seconds) {
  if (!(seconds >= 0.001) || seconds > 86400) {
    throw UsageError(fmt::format("--max-debt must be 0.001 to 86400 seconds, got {}", seconds));
  }
  return Nanoseconds(std::llround(seconds * 1e9));
}

/// Reads "2/3".
feeder::Shard parse_shard(const std::string& text) {
  feeder::Shard shard;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  const bool has_slash = index.ec == std::errc() && index.ptr != end && *index.ptr == '/';
  const auto of = has_slash ? std::from_chars(index.ptr + 1, end, shard.of) : index;
  if (!has_slash || of.ec != std::errc() || of.ptr != end || shard.index < 1 || shard.index > shard.of) {
    throw UsageError(fmt::format("--shard must be INDEX/OF as 1/2, got \"{}\"", text));
  }
  return shard;
}

double* threshold(record::VerdictThresholds& thresholds, const std::string& name) {
  const std::array known = {std::pair{"late-over-1ms", &thresholds.late_over_1ms_perturbed},
                            std::pair{"late-over-100ms", &thresholds.late_over_100ms_invalid},
                            std::pair{"segment-error", &thresholds.segment_error_invalid},
                            std::pair{"generator-cpu", &thresholds.generator_cpu_perturbed}};
  return choose("--threshold", name, known);
}

void read_thresholds(const std::vector<std::string>& texts, record::VerdictThresholds& thresholds) {
  for (const std::string& text : texts) {
    const std::size_t equals = std::min(text.find('='), text.size());
    double share = 0;
    const char* const end = text.data() + text.size();
    const char* const begin = std::min(text.data() + equals + 1, end);
    const auto [read, error] = std::from_chars(begin, end, share);
    if (error != std::errc() || read != end || !(share >= 0) || share > 1) {
      throw UsageError(
          fmt::format("--threshold must be NAME=SHARE with a share from 0 to 1, got \"{}\"", text));
    }
    *threshold(thresholds, text.substr(0, equals)) = share;
  }
}

/// A plan that is played again is as it was: another setting of it would be ignored.
void require_no_other_plan(const FeedFlags& flags) {
  for (const char* flag :
       {"--max-mbps", "--max-ips", "--duration", "--breakpoints", "--n-cycles", "--profile", "--curve",
        "--count", "--arrival", "--seed", "--shuffle", "--partitioner", "--partitions"}) {
    if (flags.given.has(flag)) {
      throw UsageError(fmt::format("--plan {} says {} itself: leave it out", flags.plan, flag));
    }
  }
}

/// Whether --max-ips gives the peak; the command line beats kexp.yaml. Errors: UsageError when both do.
bool peak_counts_images(const FeedFlags& flags) {
  const bool has_ips = flags.max_ips_flag->count() > 0;
  if (!has_ips || flags.max_mbps_flag->count() == 0) {
    return has_ips;
  }
  if (flags.given.has("--max-mbps") == flags.given.has("--max-ips")) {
    throw UsageError("--max-mbps and --max-ips both give the peak: give one");
  }
  return flags.given.has("--max-ips");
}

/// Errors: UsageError naming both flags, for one on the command line that another leaves without effect.
void require_effects(const FeedFlags& flags, const feeder::FeederOptions& options) {
  const std::string profile = options.curve.profile.substr(0, options.curve.profile.find(':'));
  const std::string with_profile = fmt::format("with --profile {}", profile);
  const bool is_day = profile == "daynight" || profile == "linear";
  for (const char* flag : {"--breakpoints", "--n-cycles", "--curve"}) {
    require_effect(flags.given, flag, is_day, with_profile);
  }
  const bool is_burst = profile == "burst";
  require_effect(flags.given, "--duration", !is_burst && profile != "steps", with_profile);
  for (const char* flag : {"--max-mbps", "--max-ips"}) {
    require_effect(flags.given, flag, !is_burst, with_profile);
  }
  require_effect(flags.given, "--count", is_burst, "without --profile burst");
  const bool bounds_debt =
      options.on_overload == feeder::OnOverload::drop || options.on_overload == feeder::OnOverload::fail;
  require_effect(flags.given, "--max-debt", bounds_debt, "without --on-overload drop or fail");
  require_effect(flags.given, "--out", flags.dry_run,
                 "without --dry-run: a run's plan is in its --run directory");
}

/// What makes the plan. Errors: UsageError naming the flag or a line of the profile's file.
void read_plan_flags(const FeedFlags& flags, feeder::FeederOptions& options) {
  options.curve.curve = choose("--curve", flags.curve, cycle::kCurveNames);
  options.arrival = choose("--arrival", flags.arrival, cycle::kArrivalNames);
  options.partitioner = choose("--partitioner", flags.partitioner, cycle::kPartitionerNames);
  options.peak = ByteRate::megabytes_per_second(flags.max_mbps);
  if (peak_counts_images(flags)) {
    options.max_images_per_s = flags.max_ips;
  }
  if (flags.partitions_flag->count() > 0) {
    options.partitions = flags.partitions;
  }
  cycle::read_profile(options.curve);
  if (options.curve.profile != "burst") {
    options.burst_images = 0;  // Of kexp.yaml, for other runs.
  }
}

/// What kexp.yaml says of plans is for other runs than that of a plan which is there already.
void leave_to_plan(feeder::FeederOptions& options) {
  const feeder::FeederOptions defaults;
  options.curve = defaults.curve;
  options.burst_images = defaults.burst_images;
  options.seed = defaults.seed;
  options.shuffle = defaults.shuffle;
}

/// What the plan is made of.
void add_plan_flags(CLI::App& command, FeedFlags& flags) {
  feeder::FeederOptions& options = flags.options;
  flags.max_mbps_flag = command.add_option("--max-mbps", flags.max_mbps, "Peak rate in MB/s (10^6 bytes)")
                            ->capture_default_str();
  flags.max_ips_flag = command.add_option("--max-ips", flags.max_ips, "Peak rate in images/s instead");
  command.add_option("--duration", options.curve.duration_s, "Length of the run in seconds")
      ->capture_default_str();
  command.add_option("--breakpoints", options.curve.breakpoints, "Points that one day is stretched to")
      ->capture_default_str();
  command.add_option("--n-cycles", options.curve.n_cycles, "Days in the run")->capture_default_str();
  command
      .add_option(
          "--profile", options.curve.profile,
          "daynight, linear, constant, burst, steps:FILE (duration_s,fraction) or csv:FILE (t_s,fraction)")
      ->capture_default_str();
  command.add_option("--curve", flags.curve, "stretched, or legacy: the whole run's table stretched at once")
      ->capture_default_str();
  command.add_option("--count", options.burst_images, "Images of --profile burst");
  command
      .add_option(
          "--arrival", flags.arrival,
          "even: each image when the curve has reached its bytes; poisson: at random gaps of that mean")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Seed of everything random in the plan")->capture_default_str();
  command.add_flag("--shuffle", options.shuffle, "Send the dataset in a seeded random order");
  command
      .add_option("--partitioner", flags.partitioner,
                  "balanced: the partition with the fewest bytes so far; random: any, as earlier feeders did")
      ->capture_default_str();
  command.add_option("--dataset", flags.dataset, "Images to send, HDF5 (KEXP_DATASET)")
      ->capture_default_str();
  flags.partitions_flag = command.add_option("--partitions", flags.partitions,
                                             "Partitions the topic must have; a dry run plans for so many");
  command.add_option(
      "--plan", flags.plan,
      "Play the plan of this folder again, a run's or a dry run's; refused when dataset or plan "
      "have become others");
}

/// How the plan is played.
void add_sending_flags(CLI::App& command, FeedFlags& flags) {
  feeder::FeederOptions& options = flags.options;
  command.add_option("--topic", options.topic, "Topic to send to (KAFKA_INPUT_TOPIC)")->capture_default_str();
  command.add_option("--threads", options.threads, "Pacing threads with a producer each, for one plan")
      ->capture_default_str();
  command.add_option("--shard", flags.shard,
                     "INDEX/OF: this feeder's part of the plan, as 1/2; the others play the rest");
  command.add_option("--t0", flags.t0, "When the plan begins, RFC 3339 or Unix seconds (default: at once)");
  command
      .add_option(
          "--on-overload", flags.on_overload,
          "What becomes of images that could not be sent in time. burst: all at once; bounded: at most "
          "at twice the planned rate; drop: those later than --max-debt are not sent; fail: the run ends")
      ->capture_default_str();
  command.add_option("--max-debt", flags.max_debt_s, "Seconds behind the plan that drop and fail allow")
      ->capture_default_str();
  command
      .add_option(
          "--dataset-memory", flags.dataset_memory_mb,
          "MB of the dataset in memory; a larger one is streamed ahead of the plan (0: half of what is "
          "free)")
      ->capture_default_str();
  command
      .add_option("--delivery-timeout", flags.delivery_timeout_s,
                  "Seconds after which an image without an answer has failed")
      ->capture_default_str();
  command.add_option("--threshold", flags.thresholds,
                     "NAME=SHARE of the verdict, may be repeated: late-over-1ms, late-over-100ms, "
                     "segment-error, generator-cpu");
  command.add_flag("--no-broker-clock", flags.no_broker_clock,
                   "Do not measure the brokers' clocks, which takes a topic made for it");
  command.add_flag("--force", options.force, "Feed although calibration says the peak cannot be served");
}

}  // namespace

void add_feed_flags(CLI::App& command, FeedFlags& flags) {
  add_plan_flags(command, flags);
  add_sending_flags(command, flags);
  command.add_flag("--dry-run", flags.dry_run, "Print the plan and send nothing; needs no broker");
  command.add_option("--out", flags.out, "Folder that gets the plan of a dry run");
  add_run(command, flags.run);
  add_servers(command, flags.options.client.servers);
  add_kafka_properties(command, flags.properties);
  add_metrics_endpoint(command, flags.metrics);
  add_json(command, flags.json);
}

feeder::FeederOptions options_of(const FeedFlags& flags) {
  feeder::FeederOptions options = flags.options;
  if (flags.plan.empty()) {
    read_plan_flags(flags, options);
  } else {
    require_no_other_plan(flags);
    leave_to_plan(options);
  }
  options.dataset = flags.dataset;
  options.run = flags.run;
  options.plan = flags.plan;
  options.on_overload = choose("--on-overload", flags.on_overload, feeder::kOverloadNames);
  options.max_debt = max_debt_of(flags.max_debt_s);
  options.dataset_memory_bytes = bytes_of_megabytes(flags.dataset_memory_mb, "--dataset-memory");
  if (!flags.shard.empty()) {
    options.shard = parse_shard(flags.shard);
  }
  if (!flags.t0.empty()) {
    options.t0 = parse_time(flags.t0, "--t0");
  }
  read_thresholds(flags.thresholds, options.thresholds);
  options.delivery_timeout = std::chrono::seconds(flags.delivery_timeout_s);
  options.broker_clock = !flags.no_broker_clock;
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  require_effects(flags, options);
  feeder::validate(options);
  return options;
}

std::int64_t bytes_of_megabytes(double megabytes, const char* flag) {
  if (!(megabytes >= 0) || megabytes > 1e9) {
    throw UsageError(fmt::format("{} must be 0 to 1000000000 MB, got {}", flag, megabytes));
  }
  return static_cast<std::int64_t>(megabytes * 1e6);
}

}  // namespace kexp::cli
