#include "commands/feed_verify.hpp"

#include <exception>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/feeder/verify.hpp"
#include "kexp/kafka/options.hpp"

#include "feed.hpp"
#include "given_flags.hpp"

namespace kexp::cli {
namespace {

struct VerifyFlags {
  feeder::VerifyOptions options;
  std::string run;
  std::string dataset;
  std::vector<std::string> properties;
  bool json = false;
  GivenFlags given;
};

using Outcome = feeder::Check::Outcome;

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::holds:
      return "ok";
    case Outcome::wrong:
      return "WRONG";
    case Outcome::skipped:
      return "skipped";
    case Outcome::told:
      break;
  }
  return "note";
}

void print_verification(std::ostream& out, const feeder::Verification& verification) {
  for (const feeder::Check& check : verification.checks) {
    out << fmt::format("{:<8} {}", name_of(check.outcome), check.what);
    if (!check.recorded.empty() || !check.recomputed.empty()) {
      out << fmt::format(": recorded {}, recomputed {}", check.recorded, check.recomputed);
    }
    out << '\n';
  }
  out << fmt::format("verdict  {}\n", verification.verdict);
  for (const std::string& reason : verification.reasons) {
    out << fmt::format("         {}\n", reason);
  }
}

/// Whether a check was passed; nothing where there was none.
Json passed(Outcome outcome) {
  return outcome == Outcome::holds || outcome == Outcome::wrong ? Json(outcome == Outcome::holds) : Json();
}

Json verification_json(const feeder::Verification& verification) {
  Json checks = Json::array();
  for (const feeder::Check& check : verification.checks) {
    checks.push_back({{"what", check.what},
                      {"outcome", name_of(check.outcome)},
                      {"ok", passed(check.outcome)},
                      {"recorded", check.recorded},
                      {"recomputed", check.recomputed}});
  }
  return {{"holds", verification.holds()},
          {"checks", checks},
          {"verdict", {{"state", verification.verdict}, {"reasons", verification.reasons}}}};
}

ExitCode run_verify(const VerifyFlags& flags, Context& context) {
  for (const char* flag : {"--other-topic", "--servers", "-X"}) {
    require_effect(flags.given, flag, flags.options.from_topic, "without --from-topic");
  }
  feeder::VerifyOptions options = flags.options;
  options.run = flags.run;
  if (flags.given.has("--dataset")) {  // That of kexp.yaml or the environment is for feeds to come.
    options.dataset = flags.dataset;
  }
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
  if (verification.topic_error) {
    std::rethrow_exception(verification.topic_error);
  }
  const bool sound = is_sound(verification.verdict, verification.unknown);
  return verification.holds() && sound ? ExitCode::ok : ExitCode::invalid;
}

void add_flags(CLI::App& verify, VerifyFlags& flags) {
  verify.add_option("run", flags.run, "Run directory")->required();
  verify.add_option("--dataset", flags.dataset,
                    "Where the run's dataset is now (default: where it was when it was fed, whatever "
                    "KEXP_DATASET says)");
  verify.add_flag("--from-topic", flags.options.from_topic,
                  "Look every image up in the topic as well, and decide those of unknown fate");
  verify.add_option("--other-topic", flags.options.topic,
                    "Topic to look in instead of the one that the run sent to");
  add_servers(verify, flags.options.client.servers);
  add_kafka_properties(verify, flags.properties);
  add_json(verify, flags.json);
}

}  // namespace

CommandRun add_feed_verify(CLI::App& command) {
  auto flags = std::make_shared<VerifyFlags>();
  add_flags(command, *flags);
  command.callback([flags, &command] { flags->given.note(command); });
  return [flags](Context& context) { return run_verify(*flags, context); };
}

}  // namespace kexp::cli
