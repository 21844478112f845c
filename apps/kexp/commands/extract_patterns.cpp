#include "commands/extract_patterns.hpp"

#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include "kexp/core/json.hpp"
#include "kexp/extractor/patterns.hpp"

#include "duration.hpp"

namespace kexp::cli {
namespace {

struct PatternsFlags {
  std::string run;
  std::string max_lag = "300s";
  std::string step = "5s";
  double alpha = extractor::PatternsOptions{}.alpha;
  bool json = false;
};

ExitCode run_patterns(const PatternsFlags& flags, Context& context) {
  const extractor::PatternsOptions options{flags.run, parse_duration(flags.max_lag, "--max-lag"),
                                           parse_duration(flags.step, "--step"), flags.alpha};
  const extractor::Patterns patterns = extractor::find_patterns(options, context.stop);
  if (flags.json) {
    context.out << extractor::to_json(patterns).dump(2) << '\n';
  } else {
    context.out << extractor::to_table(patterns);
  }
  return ExitCode::ok;
}

}  // namespace

CommandRun add_extract_patterns(CLI::App& command) {
  auto flags = std::make_shared<PatternsFlags>();
  command.add_option("run", flags->run, "Run directory, with its dataset")->required();
  command.add_option("--max-lag", flags->max_lag, "Longest time that a series may be behind the load")
      ->capture_default_str();
  command.add_option("--step", flags->step, "Time between two points")->capture_default_str();
  command
      .add_option("--alpha", flags->alpha,
                  "Share of those that are said to move which may be there by chance")
      ->capture_default_str();
  add_json(command, flags->json);
  return [flags](Context& context) { return run_patterns(*flags, context); };
}

}  // namespace kexp::cli
