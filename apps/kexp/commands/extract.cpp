#include "commands/extract.hpp"

#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/units.hpp"
#include "kexp/extractor/extractor.hpp"
#include "kexp/extractor/window_time.hpp"

namespace kexp::cli {
namespace {

struct ExtractFlags {
  extractor::ExtractorOptions options;
  std::string start;
  std::string end;
  std::string run;
  std::string out;
  bool json = false;
};

extractor::ExtractorOptions options_of(const ExtractFlags& flags, WallTime now) {
  extractor::ExtractorOptions options = flags.options;
  if (!flags.start.empty()) {
    options.start = extractor::parse_window_time(flags.start, "--start", now);
  }
  if (!flags.end.empty()) {
    options.end = extractor::parse_window_time(flags.end, "--end", now);
  }
  options.run = flags.run;
  options.out = flags.out;
  extractor::validate(options);
  return options;
}

Json differences_json(const std::vector<extractor::CountDifference>& differences) {
  Json list = Json::array();
  for (const extractor::CountDifference& one : differences) {
    list.push_back({{"metric", one.metric},
                    {"source", one.source},
                    {"on_server", one.on_server},
                    {"written", one.written}});
  }
  return list;
}

void print_differences(std::ostream& out, const std::vector<extractor::CountDifference>& differences) {
  out << fmt::format("verified {}\n", differences.empty()
                                          ? "every metric has as many samples as the servers count"
                                          : fmt::format("{} metrics differ", differences.size()));
  for (const extractor::CountDifference& one : differences) {
    out << fmt::format("  {} of {}: {} on the server, {} written\n", one.metric, one.source, one.on_server,
                       one.written);
  }
}

void print_result(std::ostream& out, const extractor::ExtractorResult& result, bool json) {
  const std::string start = format_utc(result.window.start);
  const std::string end = format_utc(result.window.end);
  if (json) {
    Json object{{"directory", result.directory.string()},
                {"start", start},
                {"end", end},
                {"metrics", result.metrics},
                {"series", result.series},
                {"samples", result.samples},
                {"histograms", result.histograms},
                {"ends", result.ends},
                {"bytes", result.bytes}};
    if (result.differences) {
      object["differences"] = differences_json(*result.differences);
    }
    out << object.dump(2) << '\n';
    return;
  }
  out << fmt::format(
      "window   {} to {}\nhere     {} to {}\nmetrics  {}\nseries   {}\nsamples  {}\nsize     {}\ndataset  "
      "{}\n",
      start, end, extractor::format_local(result.window.start), extractor::format_local(result.window.end),
      result.metrics, result.series, result.samples, format_bytes(static_cast<double>(result.bytes)),
      result.directory.string());
  if (result.differences) {
    print_differences(out, *result.differences);
  }
}

ExitCode run_extract(const ExtractFlags& flags, Context& context) {
  const extractor::ExtractorOptions options = options_of(flags, context.clock.wall_now());
  const extractor::ExtractorResult result = extractor::run_extractor(
      options, {context.http, context.clock, context.log, context.progress}, context.stop);
  print_result(context.out, result, flags.json);
  return result.differences && !result.differences->empty() ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

CommandRun add_extract(CLI::App& command) {
  auto flags = std::make_shared<ExtractFlags>();
  extractor::ExtractorOptions& options = flags->options;
  command.add_option(
      "--start", flags->start,
      "Start of the window: RFC 3339 with a zone, local time as 2024-01-31 12:00:00, Unix seconds or "
      "milliseconds, now or now-2h");
  command.add_option("--end", flags->end, "End of the window");
  command.add_option("--run", flags->run, "Run whose window is taken, and whose metrics/ is written");
  command
      .add_option(
          "--source", options.source,
          "remote-read: every stored sample; query: points on a grid; auto: the first where the server "
          "has it and --sampling is not given")
      ->capture_default_str();
  command.add_option("--sampling", options.sampling_s,
                     "Read points this many seconds apart instead of every stored sample; 5 where the server "
                     "has no remote read");
  command
      .add_option("--match", options.matches,
                  "Only series of this selector, for instance {job=\"kepler\"}; may be repeated")
      ->allow_extra_args(false)
      ->type_name("SELECTOR");
  command.add_option("--format", options.format, "Of the tables: csv or parquet")->capture_default_str();
  command.add_option("--out", flags->out,
                     "Folder of the dataset; RUN/metrics or metrics-START when not given");
  command
      .add_option("--prometheus", options.servers,
                  "URL of a Prometheus (PROMETHEUS_URL, several between commas); may be repeated")
      ->allow_extra_args(false)
      ->capture_default_str();
  command.add_option("--connections", options.connections, "Metrics that are read at a time")
      ->capture_default_str();
  command.add_flag(
      "--verify", options.verify,
      "Let the servers count their samples of each metric; exit 1 where that is not what was written");
  command.add_flag("--force", options.replace, "Replace a dataset that is there already");
  add_json(command, flags->json);
  return [flags](Context& context) { return run_extract(*flags, context); };
}

}  // namespace kexp::cli
