#include "commands/feed.hpp"

#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/feeder/feeder.hpp"
#include "kexp/record/verdict.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "feed_calibrate.hpp"
#include "feed_dry_run.hpp"
#include "feed_flags.hpp"
#include "feed_verify.hpp"
#include "metrics_url.hpp"

namespace kexp::cli {
namespace {

Json verdict_json(const record::Verdict& verdict) {
  Json reasons = Json::array();
  for (const record::VerdictReason& reason : verdict.reasons) {
    reasons.push_back(reason.text);
  }
  return {{"state", to_text(verdict.state)}, {"reasons", std::move(reasons)}};
}

/// What this feed did, and the verdicts on it and on all that its run has so far.
Json result_json(const feeder::FeederResult& result, const record::FeedPart& part,
                 const record::Verdict& verdict, const Json& run_verdict) {
  const feeder::SendCounts& counts = result.counts;
  return {{"run", result.run_id},
          {"directory", result.run.string()},
          {"role", part.role()},
          {"part", fmt::format("{}/{}", part.index, part.of)},
          {"interrupted", result.interrupted},
          {"counts",
           {{"planned", counts.planned},
            {"sent", counts.sent},
            {"dropped", counts.dropped},
            {"acknowledged", counts.acknowledged},
            {"failed", counts.failed},
            {"unknown", counts.unknown},
            {"sent_bytes", counts.sent_bytes},
            {"acknowledged_bytes", counts.acknowledged_bytes}}},
          {"verdict", verdict_json(verdict)},
          {"run_verdict", {{"state", run_verdict.at("state")}, {"reasons", run_verdict.at("reasons")}}}};
}

void print_verdict(std::ostream& out, std::string_view name, const Json& verdict) {
  out << fmt::format("{:<13} {}\n", name, verdict.at("state").get<std::string>());
  for (const Json& reason : verdict.at("reasons")) {
    out << fmt::format("{:<13} {}\n", "", reason.get<std::string>());
  }
}

void print_result(std::ostream& out, const feeder::FeederResult& result, const record::FeedPart& part,
                  const record::Verdict& verdict, const Json& run_verdict) {
  out << fmt::format("run           {}\n", result.run.string());
  const feeder::SendCounts& counts = result.counts;  // The run's own may lack other parts, still being sent.
  for (const auto& [name, count] :
       {std::pair{"planned", counts.planned}, std::pair{"sent", counts.sent},
        std::pair{"dropped", counts.dropped}, std::pair{"acknowledged", counts.acknowledged},
        std::pair{"failed", counts.failed}, std::pair{"unknown", counts.unknown}}) {
    out << fmt::format("{:<13} {}\n", name, count);
  }
  // What the exit code is about, and then the run, which a tracker belongs to.
  print_verdict(out, part.of > 1 ? fmt::format("part {}/{}", part.index, part.of) : "feed",
                verdict_json(verdict));
  print_verdict(out, "verdict", run_verdict);
}

ExitCode run_feed(const FeedFlags& flags, Context& context) {
  const feeder::FeederOptions options = options_of(flags);
  if (flags.dry_run) {
    return run_dry(flags, options, context);
  }
  telemetry::Metrics metrics;
  const telemetry::Endpoint endpoint(endpoint_options(flags.metrics, "feed"), metrics, {}, {});
  MetricsUrlProgress progress(context.progress, endpoint.url());
  const auto result = feeder::run_feeder(
      options, {context.kafka, context.clock, context.log, progress, metrics}, context.stop);
  const record::FeedPart& part = options.shard;
  const record::Verdict verdict = record::judge_feed(result.run, part);
  const Json run_verdict = read_json(result.run / "run.json").at("verdict");
  if (flags.json) {
    context.out << result_json(result, part, verdict, run_verdict).dump(2) << '\n';
  } else {
    print_result(context.out, result, part, verdict, run_verdict);
  }
  if (result.interrupted) {
    return ExitCode::interrupted;
  }
  return is_sound(to_text(verdict.state), result.counts.unknown) ? ExitCode::ok : ExitCode::invalid;
}

/// Errors: UsageError for a flag of `feed` itself before the command inside it, which would do nothing.
void require_own_flags(const GivenFlags& of_feed, const CLI::App& feed) {
  for (const CLI::App* inner : feed.get_subcommands()) {
    if (!of_feed.all().empty()) {
      throw UsageError(
          fmt::format("{} is a flag of feed, not of feed {}", *of_feed.all().begin(), inner->get_name()));
    }
  }
}

}  // namespace

bool is_sound(std::string_view verdict, std::int64_t unknown) { return verdict != "INVALID" && unknown == 0; }

CommandRun add_feed(CLI::App& command) {
  auto flags = std::make_shared<FeedFlags>();
  add_feed_flags(command, *flags);
  command.callback([flags, &command] {
    flags->given.note(command);
    require_own_flags(flags->given, command);
  });
  command.require_subcommand(0, 1);
  auto inner = std::make_shared<std::vector<std::pair<CLI::App*, CommandRun>>>();
  const auto add = [&](const char* name, const char* help, AddCommand add_inner) {
    CLI::App* app = command.add_subcommand(name, help);
    inner->emplace_back(app, add_inner(*app));
  };
  add("calibrate", "Measure this machine's timers and what this broker takes", add_feed_calibrate);
  add("verify", "Compute every figure of a run again from its files", add_feed_verify);
  return [flags, inner](Context& context) {
    for (const auto& [app, run] : *inner) {
      if (app->parsed()) {
        return run(context);
      }
    }
    return run_feed(*flags, context);
  };
}

}  // namespace kexp::cli
