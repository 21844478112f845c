#include "commands/feed.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/units.hpp"
#include "kexp/feeder/calibrate.hpp"
#include "kexp/feeder/feeder.hpp"
#include "kexp/feeder/plan_plot.hpp"
#include "kexp/feeder/verify.hpp"
#include "kexp/kafka/options.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::cli {
namespace {

struct FeedFlags {
  feeder::FeederOptions options;
  std::string dataset = options.dataset.string();
  std::string run;
  std::string out;
  std::string curve = "stretched";
  std::string arrival = "even";
  std::string partitioner = "balanced";
  std::string plan;
  std::string shard;
  std::string t0;
  std::string on_overload{feeder::to_text(options.on_overload)};
  double max_debt_s = seconds(options.max_debt);
  double dataset_memory_mb = 0;
  std::vector<std::string> thresholds;
  double max_mbps = options.peak.megabytes_per_second();
  double max_ips = 0;
  int partitions = 0;
  long delivery_timeout_s = options.delivery_timeout.count();
  bool no_broker_clock = false;
  bool dry_run = false;
  bool json = false;
  std::vector<std::string> properties;
  MetricsEndpointFlags metrics;
  CLI::Option* max_mbps_flag = nullptr;
  CLI::Option* max_ips_flag = nullptr;
  CLI::Option* partitions_flag = nullptr;
  bool has_mbps_as_flag = false, has_ips_as_flag = false;  ///< On the command line, not in kexp.yaml.
  std::vector<const CLI::Option*> made_by_plan;            ///< What a replayed plan says itself.
};

/// The value that `text` names. Errors: UsageError naming `flag` and all names.
template <typename Value, std::size_t kCount>
Value choose(const char* flag, const std::string& text,
             const std::array<std::pair<const char*, Value>, kCount>& choices) {
  std::vector<const char*> names;
  for (const auto& [name, value] : choices) {
    if (text == name) {
      return value;
    }
    names.push_back(name);
  }
  throw UsageError(fmt::format("{} must be one of {}, got \"{}\"", flag, fmt::join(names, ", "), text));
}

std::chrono::milliseconds milliseconds_of(double seconds, const char* flag) {
  if (!(seconds > 0) || seconds > 86400) {
    throw UsageError(fmt::format("{} must be above 0 and at most 86400 seconds, got {}", flag, seconds));
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

std::int64_t bytes_of_megabytes(double megabytes, const char* flag) {
  if (!(megabytes >= 0) || megabytes > 1e9) {
    throw UsageError(fmt::format("{} must be 0 to 1000000000 MB, got {}", flag, megabytes));
  }
  return static_cast<std::int64_t>(megabytes * 1e6);
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
  for (const CLI::Option* option : flags.made_by_plan) {
    if (!flags.plan.empty() && option->count() > 0) {
      throw UsageError(fmt::format("--plan {} says {} itself: leave it out, of kexp.yaml too", flags.plan,
                                   option->get_name()));
    }
  }
}

/// Whether --max-ips gives the peak; the command line beats kexp.yaml. Errors: UsageError when both do.
bool peak_counts_images(const FeedFlags& flags) {
  const bool has_ips = flags.max_ips_flag->count() > 0;
  if (!has_ips || flags.max_mbps_flag->count() == 0) {
    return has_ips;
  }
  if (flags.has_mbps_as_flag == flags.has_ips_as_flag) {
    throw UsageError("--max-mbps and --max-ips both give the peak: give one");
  }
  return flags.has_ips_as_flag;
}

feeder::FeederOptions options_of(const FeedFlags& flags) {
  using enum feeder::OnOverload;
  require_no_other_plan(flags);
  feeder::FeederOptions options = flags.options;
  options.dataset = flags.dataset;
  options.run = flags.run;
  options.plan = flags.plan;
  options.curve.curve = choose(
      "--curve", flags.curve,
      std::array{std::pair{"stretched", cycle::Curve::stretched}, std::pair{"legacy", cycle::Curve::legacy}});
  options.arrival = choose(
      "--arrival", flags.arrival,
      std::array{std::pair{"even", cycle::Arrival::even}, std::pair{"poisson", cycle::Arrival::poisson}});
  options.partitioner = choose("--partitioner", flags.partitioner,
                               std::array{std::pair{"balanced", cycle::Partitioner::balanced},
                                          std::pair{"random", cycle::Partitioner::random}});
  options.on_overload = choose("--on-overload", flags.on_overload,
                               std::array{std::pair{"burst", burst}, std::pair{"bounded", bounded},
                                          std::pair{"drop", drop}, std::pair{"fail", fail}});
  options.max_debt = milliseconds_of(flags.max_debt_s, "--max-debt");
  options.dataset_memory_bytes = bytes_of_megabytes(flags.dataset_memory_mb, "--dataset-memory");
  if (!flags.shard.empty()) {
    options.shard = parse_shard(flags.shard);
  }
  if (!flags.t0.empty()) {
    options.t0 = parse_time(flags.t0, "--t0");
  }
  read_thresholds(flags.thresholds, options.thresholds);
  options.peak = ByteRate::megabytes_per_second(flags.max_mbps);
  if (peak_counts_images(flags)) {
    options.max_images_per_s = flags.max_ips;
  }
  if (flags.partitions_flag->count() > 0) {
    options.partitions = flags.partitions;
  }
  if (!flags.out.empty() && !flags.dry_run) {
    throw UsageError("--out goes with --dry-run only; a run's plan is in its --run directory");
  }
  options.delivery_timeout = std::chrono::seconds(flags.delivery_timeout_s);
  options.broker_clock = !flags.no_broker_clock;
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  feeder::validate(options);
  return options;
}

double peak_mbps(const cycle::Plan& plan) { return plan.peak_bytes_per_s() / 1e6; }

double mean_mbps(const cycle::Plan& plan) {
  return plan.duration_s() > 0 ? static_cast<double>(plan.total_bytes()) / plan.duration_s() / 1e6 : 0;
}

Json plan_json(const feeder::PreparedPlan& prepared) {
  const cycle::Plan& plan = prepared.plan;
  const cycle::PartitionSkew skew = cycle::skew_of(plan.partition_bytes());
  return {{"images", plan.images().size()},
          {"bytes", plan.total_bytes()},
          {"largest_image_bytes", plan.largest_image()},
          {"duration_s", plan.duration_s()},
          {"mean_mbps", mean_mbps(plan)},
          {"peak_mbps", peak_mbps(plan)},
          {"partitions", prepared.options.partitions},
          {"partition_cv", skew.cv},
          {"partition_max_over_mean", skew.most_over_mean},
          {"segments", plan.segments().size()},
          {"plan_hash", prepared.plan_hash},
          {"dataset_hash", prepared.dataset_hash},
          {"warnings", feeder::warnings(plan)}};
}

void print_plan(std::ostream& out, const feeder::PreparedPlan& prepared) {
  const cycle::Plan& plan = prepared.plan;
  const cycle::PartitionSkew skew = cycle::skew_of(plan.partition_bytes());
  const auto duration = std::chrono::nanoseconds(static_cast<std::int64_t>(plan.duration_s() * 1e9));
  out << fmt::format("planned    {} images, {} in {}; the largest {}\n", plan.images().size(),
                     format_bytes(static_cast<double>(plan.total_bytes())), format_duration(duration),
                     format_bytes(static_cast<double>(plan.largest_image())));
  if (plan.duration_s() > 0) {
    out << fmt::format("rate       {:.3f} MB/s on average, {:.3f} at the peak\n", mean_mbps(plan),
                       peak_mbps(plan));
  }
  out << fmt::format("segments   {}\n", plan.segments().size());
  out << fmt::format("partitions {}, {} each; the fullest {:.2f} % above, CV {:.2f} %\n",
                     prepared.options.partitions, format_bytes(skew.mean_bytes),
                     100 * std::max(0.0, skew.most_over_mean - 1), 100 * skew.cv);
  out << fmt::format("plan       {}\ndataset    {}\n", prepared.plan_hash, prepared.dataset_hash);
  for (const std::string& warning : feeder::warnings(plan)) {
    out << fmt::format("warning    {}\n", warning);
  }
  if (const std::string plot = feeder::plot(plan); !plot.empty()) {
    out << '\n' << plot;
  }
}

ExitCode dry_run(const FeedFlags& flags, const feeder::FeederOptions& options, Context& context) {
  const feeder::PreparedPlan prepared = feeder::prepare_plan(options);
  if (!flags.out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(flags.out, error);
    if (error) {
      throw UsageError(fmt::format("--out {} cannot be a folder: {}", flags.out, error.message()));
    }
    feeder::write_plan(flags.out, prepared);
  }
  if (flags.json) {
    context.out << plan_json(prepared).dump(2) << '\n';
  } else {
    print_plan(context.out, prepared);
  }
  return ExitCode::ok;
}

/// Images whose fate nobody knows leave the verdict open, but nothing is sound with them.
bool is_sound(std::string_view verdict, std::int64_t unknown) { return verdict != "INVALID" && unknown == 0; }

void print_result(std::ostream& out, const feeder::FeederResult& result, const feeder::Shard& shard,
                  const Json& derived, bool json) {
  if (json) {
    out << derived.dump(2) << '\n';
    return;
  }
  out << fmt::format("run           {}\n", result.run.string());
  if (shard.of > 1) {
    out << fmt::format("part          {} of {}\n", shard.index, shard.of);
  }
  const feeder::SendCounts& counts = result.counts;  // The run's own may lack other parts, still being sent.
  for (const auto& [name, count] :
       {std::pair{"planned", counts.planned}, std::pair{"sent", counts.sent},
        std::pair{"acknowledged", counts.acknowledged}, std::pair{"failed", counts.failed},
        std::pair{"unknown", counts.unknown}}) {
    out << fmt::format("{:<13} {}\n", name, count);
  }
  const Json& verdict = derived.at("verdict");
  out << fmt::format("verdict       {}\n", verdict.at("state").get<std::string>());
  for (const Json& reason : verdict.at("reasons")) {
    out << fmt::format("              {}\n", reason.get<std::string>());
  }
}

ExitCode run_feed(const FeedFlags& flags, Context& context) {
  const feeder::FeederOptions options = options_of(flags);
  if (flags.dry_run) {
    return dry_run(flags, options, context);
  }
  telemetry::Metrics metrics;
  const telemetry::Endpoint endpoint(endpoint_options(flags.metrics, "feed"), metrics, {}, {});
  const auto result = feeder::run_feeder(
      options, {context.kafka, context.clock, context.log, context.progress, metrics}, context.stop);
  const Json derived = read_json(result.run / "run.json");
  print_result(context.out, result, options.shard, derived, flags.json);
  if (result.interrupted) {
    return ExitCode::interrupted;
  }
  const auto verdict = derived.at("verdict").at("state").get<std::string>();
  return is_sound(verdict, result.counts.unknown) ? ExitCode::ok : ExitCode::invalid;
}

struct VerifyFlags {
  feeder::VerifyOptions options;
  std::string run;
  std::vector<std::string> properties;
  bool json = false;
};

void print_verification(std::ostream& out, const feeder::Verification& verification) {
  for (const feeder::Check& check : verification.checks) {
    if (check.ok) {
      out << fmt::format("ok       {}\n", check.what);
    } else if (check.recorded.empty() && check.recomputed.empty()) {
      out << fmt::format("WRONG    {}\n", check.what);
    } else {
      out << fmt::format("WRONG    {}: recorded {}, recomputed {}\n", check.what, check.recorded,
                         check.recomputed);
    }
  }
  out << fmt::format("verdict  {}\n", verification.verdict);
  for (const std::string& reason : verification.reasons) {
    out << fmt::format("         {}\n", reason);
  }
}

Json verification_json(const feeder::Verification& verification) {
  Json checks = Json::array();
  for (const feeder::Check& check : verification.checks) {
    checks.push_back({{"what", check.what},
                      {"ok", check.ok},
                      {"recorded", check.recorded},
                      {"recomputed", check.recomputed}});
  }
  return {{"holds", verification.holds()},
          {"checks", checks},
          {"verdict", {{"state", verification.verdict}, {"reasons", verification.reasons}}}};
}

ExitCode run_verify(const VerifyFlags& flags, Context& context) {
  feeder::VerifyOptions options = flags.options;
  options.run = flags.run;
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  const feeder::Verification verification =
      feeder::verify(options, {context.kafka, context.clock, context.progress}, context.stop);
  if (flags.json) {
    context.out << verification_json(verification).dump(2) << '\n';
  } else {
    print_verification(context.out, verification);
  }
  const bool sound = is_sound(verification.verdict, verification.unknown);
  return verification.holds() && sound ? ExitCode::ok : ExitCode::invalid;
}

struct CalibrateFlags {
  feeder::CalibrateOptions options;
  std::string dataset;
  long duration_s = options.duration.count();
  double most_mb = static_cast<double>(options.most_bytes) / 1e6;
  std::vector<std::string> properties;
  bool json = false;
};

void print_calibration(std::ostream& out, const feeder::Calibration& calibration) {
  const auto line = [&](const char* what, const stats::Summary& lateness) {
    out << fmt::format("{:<20} p50 {:.3f} ms, p99 {:.3f} ms, max {:.3f} ms\n", what, lateness.p50_ms,
                       lateness.p99_ms, lateness.max_ms);
  };
  line("lateness at 50/s", calibration.lateness_50);
  line("lateness at 1000/s", calibration.lateness_1000);
  out << fmt::format("{:<20} {:.1f} MB/s, {:.0f} images/s of {}; {:.0f} images/s of {}\n", "the broker took",
                     calibration.megabytes_per_s, calibration.images_per_s,
                     format_bytes(calibration.mean_image_bytes), calibration.small_images_per_s,
                     format_bytes(static_cast<double>(feeder::kSmallImage)));
  out << fmt::format("{:<20} {:.3f} core-s/GB\n", "the producer took", calibration.cpu_s_per_gb);
}

ExitCode run_calibrate(const CalibrateFlags& flags, Context& context) {
  feeder::CalibrateOptions options = flags.options;
  options.dataset = flags.dataset;
  options.duration = std::chrono::seconds(flags.duration_s);
  options.most_bytes = bytes_of_megabytes(flags.most_mb, "--most-mb");
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  const feeder::Calibration calibration =
      feeder::calibrate(options, {context.kafka, context.clock, context.log, context.progress}, context.stop);
  if (flags.json) {
    context.out << feeder::to_json(calibration).dump(2) << '\n';
  } else {
    print_calibration(context.out, calibration);
  }
  feeder::store(calibration);
  context.progress.report(
      {"calibrate",
       "kept",
       {{"servers", calibration.servers}, {"file", feeder::calibration_file(calibration.servers).string()}}});
  return ExitCode::ok;
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
  for (const char* flag :
       {"--max-mbps", "--max-ips", "--duration", "--breakpoints", "--n-cycles", "--profile", "--curve",
        "--count", "--arrival", "--seed", "--shuffle", "--partitioner", "--partitions"}) {
    flags.made_by_plan.push_back(command.get_option(flag));
  }
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

/// Errors: UsageError for a flag of `feed` itself, which would do nothing.
void require_own_flags(const CLI::App& feed, const CLI::App& inner) {
  for (const CLI::Option* option : feed.get_options()) {
    if (option->count() > 0) {
      throw UsageError(
          fmt::format("{} is a flag of feed, not of feed {}", option->get_name(), inner.get_name()));
    }
  }
}

void add_verify_flags(CLI::App& verify, VerifyFlags& flags) {
  verify.add_option("run", flags.run, "Run directory")->required();
  verify.add_flag("--from-topic", flags.options.from_topic,
                  "Look every image up in the topic as well, and decide those of unknown fate");
  verify.add_option("--other-topic", flags.options.topic,
                    "Topic to look in instead of the one that the run sent to");
  add_servers(verify, flags.options.client.servers);
  add_kafka_properties(verify, flags.properties);
  add_json(verify, flags.json);
}

void add_calibrate_flags(CLI::App& calibrate, CalibrateFlags& flags) {
  calibrate.add_option("--dataset", flags.dataset,
                       "Images to send, HDF5 (KEXP_DATASET; default: random ones of 300 kB)");
  calibrate.add_option("--duration", flags.duration_s, "Seconds that it may take")->capture_default_str();
  calibrate.add_option("--partitions", flags.options.partitions, "Partitions of the topic made for it")
      ->capture_default_str();
  calibrate.add_option("--replication", flags.options.replication, "Copies of each of them")
      ->capture_default_str();
  calibrate.add_option("--most-mb", flags.most_mb, "Most that is written to the broker's disk, in MB")
      ->capture_default_str();
  add_servers(calibrate, flags.options.client.servers);
  add_kafka_properties(calibrate, flags.properties);
  add_json(calibrate, flags.json);
}

}  // namespace

CommandRun add_feed(CLI::App& command) {
  auto flags = std::make_shared<FeedFlags>();
  add_feed_flags(command, *flags);
  command.callback([flags] {  // Before kexp.yaml is read.
    flags->has_mbps_as_flag = flags->max_mbps_flag->count() > 0;
    flags->has_ips_as_flag = flags->max_ips_flag->count() > 0;
  });
  command.require_subcommand(0, 1);
  auto calibrate_flags = std::make_shared<CalibrateFlags>();
  CLI::App* calibrate =
      command.add_subcommand("calibrate", "Measure this machine's timers and what this broker takes");
  add_calibrate_flags(*calibrate, *calibrate_flags);
  calibrate->callback([&command, calibrate] { require_own_flags(command, *calibrate); });
  auto verify_flags = std::make_shared<VerifyFlags>();
  CLI::App* verify = command.add_subcommand("verify", "Compute every figure of a run again from its files");
  add_verify_flags(*verify, *verify_flags);
  verify->callback([&command, verify] { require_own_flags(command, *verify); });
  return [=](Context& context) {
    if (verify->parsed()) {
      return run_verify(*verify_flags, context);
    }
    return calibrate->parsed() ? run_calibrate(*calibrate_flags, context) : run_feed(*flags, context);
  };
}

}  // namespace kexp::cli
