#include "commands/track.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/kafka/options.hpp"
#include "kexp/telemetry/metrics.hpp"
#include "kexp/tracker/tracker.hpp"

#include "commands/track_table.hpp"
#include "duration.hpp"
#include "given_flags.hpp"
#include "metrics_url.hpp"

namespace kexp::cli {
namespace {

struct TrackFlags {
  tracker::TrackerOptions options;
  std::string run;
  std::string from = "start";
  std::string deadline = "1s";
  std::string validate_results = "TRUE";
  long timeout_s = options.timeout.count();
  long feed_timeout_s = options.feed_timeout.count();
  bool json = false;
  std::vector<std::string> properties;
  MetricsEndpointFlags metrics;
  GivenFlags given;
};

tracker::TrackerOptions::From parse_from(const std::string& text) {
  using From = tracker::TrackerOptions::From;
  if (text == "start") {
    return From::run_start;
  }
  if (text == "earliest" || text == "latest") {
    return text == "earliest" ? From::earliest : From::latest;
  }
  throw UsageError(fmt::format("--from must be start, earliest or latest, got \"{}\"", text));
}

tracker::TrackerOptions options_of(const TrackFlags& flags) {
  tracker::TrackerOptions options = flags.options;
  options.run = flags.run;
  options.from = parse_from(flags.from);
  options.validate_results = parse_truth(flags.validate_results, "--validate-results");
  options.timeout = std::chrono::seconds(flags.timeout_s);
  options.feed_timeout = std::chrono::seconds(flags.feed_timeout_s);
  options.deadline = parse_duration(flags.deadline, "--deadline");
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  tracker::validate(options);
  for (const char* flag : {"--timeout", "--feed-timeout"}) {
    require_effect(flags.given, flag, options.until_complete, "without --until-complete");
  }
  for (const char* flag : {"--input-topic", "--group"}) {
    require_effect(flags.given, flag, !options.validate_results, "without --validate-results FALSE");
  }
  return options;
}

bool is_measured(const Json& summary, const char* name) {
  return summary.is_object() && summary.contains(name) && summary[name].is_number();
}

/// Percentiles in milliseconds; "-" where nothing was measured.
void print_latencies(std::ostream& out, const char* title, const Json& latency) {
  out << fmt::format("\n{:<14}{:>12}{:>12}{:>12}{:>12}\n", title, "p50", "p95", "p99", "max");
  for (const auto& [stage, summary] : latency.items()) {
    out << fmt::format("{:<14}", stage);
    for (const char* name : {"p50_ms", "p95_ms", "p99_ms", "max_ms"}) {
      out << fmt::format("{:>12}", is_measured(summary, name)
                                       ? fmt::format("{:.1f}", summary[name].get<double>())
                                       : std::string("-"));
    }
    out << '\n';
  }
  if (latency.contains("end_to_end") && is_measured(latency["end_to_end"], "p50_ms")) {
    out << "end_to_end is the one to quote: from the intended time to the end of postprocessing\n";
  }
}

/// Each figure once: what the stages tell, which are more exact, is left out of the latencies.
void print_times(std::ostream& out, const Json& run) {
  Json latency = run.at("latency");
  if (run.at("stages").is_object()) {
    print_latencies(out, "stage ms", run.at("stages"));
    for (const char* told : {"lateness", "decode", "pre", "inf", "post", "end_to_end"}) {
      latency.erase(told);
    }
  }
  print_latencies(out, "latency ms", latency);
}

void print_goodput(std::ostream& out, const Json& goodput) {
  if (!goodput.is_object() || !goodput.at("share").is_number()) {
    return;
  }
  const auto percent = [&](const char* name) { return goodput.at(name).get<double>() * 100; };
  out << fmt::format(
      "\ngoodput       {:.4g} % of {} images within {:.6g} s ({:.4g} to {:.4g} %, 95 % confidence)\n",
      percent("share"), goodput.at("sent").get<std::int64_t>(), goodput.at("deadline_s").get<double>(),
      percent("share_low"), percent("share_high"));
}

void print_clocks(std::ostream& out, const Json& clocks) {
  if (clocks.is_object() && clocks.at("worst_ms").get<double>() > 0) {
    out << fmt::format("clocks        differ by {:.3g} ms or more: latencies between hosts are off\n",
                       clocks.at("worst_ms").get<double>());
  }
}

/// The ten classes that were seen most often.
void print_classes(std::ostream& out, const std::map<std::string, std::int64_t>& classes) {
  constexpr std::size_t kMost = 10;
  std::vector<std::pair<std::string, std::int64_t>> sorted(classes.begin(), classes.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  out << "\ndetections by class\n";
  for (std::size_t i = 0; i < std::min(sorted.size(), kMost); ++i) {
    out << fmt::format("{:<14}{:>12}\n", sorted[i].first, sorted[i].second);
  }
  if (sorted.empty()) {
    out << "none\n";
  }
}

void print_table(std::ostream& out, const tracker::TrackerResult& result, const Json& run) {
  const Json& counts = run.at("counts");
  const auto line = [&](const char* name, std::int64_t count) {
    out << fmt::format("{:<14}{:>12}\n", name, count);
  };
  const auto counted = [&](const char* name) { line(name, counts.at(name).get<std::int64_t>()); };
  out << fmt::format("run           {}\n\n", result.run.string());
  if (result.complete) {
    for (const char* name : {"planned", "sent", "dropped", "acknowledged", "failed", "unknown"}) {
      counted(name);
    }
    counted("processed");
    counted("missing");
    counted("unexpected");
  } else {
    line("processed", result.counts.processed);
  }
  line("duplicates", result.counts.duplicates);
  line("errors", result.counts.errors);
  line("foreign", result.counts.foreign);
  line("invalid", result.counts.invalid);
  print_times(out, run);
  print_goodput(out, run.at("goodput"));
  print_clocks(out, run.at("clocks"));
  print_classes(out, result.detections_by_class);
  out << fmt::format("\nverdict       {}\n", result.verdict);
  for (const std::string& reason : result.reasons) {
    out << fmt::format("              {}\n", reason);
  }
}

ExitCode exit_code(const tracker::TrackerOptions& options, const tracker::TrackerResult& result) {
  if (!options.until_complete) {
    return ExitCode::ok;  // A service that was asked to stop.
  }
  if (result.stopped && result.complete != true) {
    return ExitCode::interrupted;
  }
  return result.complete == true && result.verdict != "INVALID" ? ExitCode::ok : ExitCode::invalid;
}

/// The table takes the place of log lines, and only where somebody looks at them.
bool wants_table(const Context& context) {
  return dynamic_cast<const LogProgress*>(&context.progress) != nullptr && isatty(STDERR_FILENO) != 0;
}

tracker::TrackerResult track(tracker::TrackerOptions options, telemetry::Metrics& metrics,
                             const std::string& metrics_url, Context& context) {
  if (!wants_table(context)) {
    MetricsUrlProgress progress(context.progress, metrics_url);
    return tracker::run_tracker(options, {context.kafka, context.clock, context.log, progress, metrics},
                                context.stop);
  }
  options.progress_interval = std::chrono::seconds(1);
  LiveTable table(std::cerr, context.log);
  MetricsUrlProgress progress(table, metrics_url);
  return tracker::run_tracker(options, {context.kafka, context.clock, table, progress, metrics},
                              context.stop);
}

ExitCode run_track(const TrackFlags& flags, Context& context) {
  const tracker::TrackerOptions options = options_of(flags);
  telemetry::Metrics metrics;
  const telemetry::Endpoint endpoint(endpoint_options(flags.metrics, "track"), metrics, {}, {});
  const auto result = track(options, metrics, endpoint.url(), context);
  const Json run = read_json(result.run / "run.json");
  if (flags.json) {
    context.out << run.dump(2) << '\n';
  } else {
    print_table(context.out, result, run);
  }
  return exit_code(options, result);
}

}  // namespace

CommandRun add_track(CLI::App& command) {
  auto flags = std::make_shared<TrackFlags>();
  tracker::TrackerOptions& options = flags->options;
  command.add_option("--topic", options.topic, "Topic with the answers (KAFKA_OUTPUT_TOPIC)")
      ->capture_default_str();
  command
      .add_option(
          "--from", flags->from,
          "Where to begin on the topic: start (of the run, by the records' times), earliest or latest")
      ->capture_default_str();
  command
      .add_option(
          "--deadline", flags->deadline,
          "Longest time from intended time to end of postprocessing that counts as goodput: 1s, 250ms")
      ->capture_default_str();
  command.add_flag("--any-run", options.any_run,
                   "Take the answers of every run, and those of tools that name none");
  command.callback([flags, &command] { flags->given.note(command); });
  command.add_flag("--until-complete", options.until_complete,
                   "End when the run's feed has finished and every acknowledged image has its answer");
  command
      .add_option("--timeout", flags->timeout_s,
                  "Seconds without a new answer after the feed's end or death, or without a sign of a feed "
                  "on another "
                  "host, until --until-complete gives up")
      ->capture_default_str();
  command
      .add_option(
          "--feed-timeout", flags->feed_timeout_s,
          "Seconds without a feed in the run and without a new answer, until --until-complete gives up")
      ->capture_default_str();
  command
      .add_option("--validate-results", flags->validate_results,
                  "FALSE where consumers send no answers: count by their group's offsets (VALIDATE_RESULTS)")
      ->capture_default_str();
  command
      .add_option("--input-topic", options.input_topic,
                  "Topic with the images, for --validate-results FALSE (KAFKA_INPUT_TOPIC)")
      ->capture_default_str();
  command.add_option(
      "--group", options.group,
      "Consumers' group, for --validate-results FALSE; <input topic>.consumers when not given");
  add_run(command, flags->run);
  add_servers(command, options.client.servers);
  add_kafka_properties(command, flags->properties);
  add_metrics_endpoint(command, flags->metrics);
  add_json(command, flags->json);
  return [flags](Context& context) { return run_track(*flags, context); };
}

}  // namespace kexp::cli
