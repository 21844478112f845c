#include "commands/extract.hpp"

#include <memory>
#include <optional>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/units.hpp"
#include "kexp/extractor/energy.hpp"
#include "kexp/extractor/extractor.hpp"
#include "kexp/extractor/window_time.hpp"

#include "extract_subcommands.hpp"
#include "extract_wide.hpp"

namespace kexp::cli {
namespace {

/// Who we are to the servers, and who they have to be.
struct IdentityFlags {
  std::string bearer_token;
  std::string user;
  std::string password;
  std::vector<std::string> headers;
  std::string ca_file;
  std::string client_certificate;
  std::string client_key;
  bool insecure = false;
};

struct ExtractFlags {
  extractor::ExtractorOptions options;
  IdentityFlags identity;
  std::optional<int> n_threads;
  std::string start;
  std::string end;
  std::string run;
  std::string out;
  WideFlags wide;
  bool json = false;
};

/// "Name: value". Its text may be a secret: no message has it.
std::pair<std::string, std::string> parse_header(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::size_t value = colon == std::string::npos ? colon : text.find_first_not_of(' ', colon + 1);
  if (colon == 0 || value == std::string::npos) {
    throw UsageError("each --header must be \"Name: value\"");
  }
  return {text.substr(0, colon), text.substr(value)};
}

net::HttpClientOptions http_options(const IdentityFlags& flags) {
  if (!flags.password.empty() && flags.user.empty()) {
    throw UsageError("--password needs --user");
  }
  net::HttpClientOptions options{
      flags.bearer_token,
      flags.user,
      flags.password,
      {},
      flags.ca_file,
      flags.client_certificate,
      flags.client_key,
      flags.insecure ? net::HttpClientOptions::VerifyServer::no : net::HttpClientOptions::VerifyServer::yes};
  for (const std::string& header : flags.headers) {
    options.headers.push_back(parse_header(header));
  }
  return options;
}

bool is_given(const IdentityFlags& flags) {
  return flags.insecure || !flags.headers.empty() ||
         !(flags.bearer_token + flags.user + flags.password + flags.ca_file + flags.client_certificate +
           flags.client_key)
              .empty();
}

/// nullptr: the client that every command has will do.
std::unique_ptr<net::HttpClient> own_client(const IdentityFlags& flags) {
  return is_given(flags) ? net::make_http_client(http_options(flags)) : nullptr;
}

extractor::ExtractorOptions options_of(const ExtractFlags& flags, WallTime now) {
  extractor::ExtractorOptions options = flags.options;
  if (!flags.start.empty()) {
    options.start = extractor::parse_window_time(flags.start, "--start", now);
  }
  if (!flags.end.empty()) {
    options.end = extractor::parse_window_time(flags.end, "--end", now);
  }
  if (flags.n_threads) {
    if (options.connections != extractor::ExtractorOptions().connections) {
      throw UsageError("--n-threads and --connections are the same: give one");
    }
    options.connections = *flags.n_threads;
  }
  options.run = flags.run;
  options.out = flags.out;
  options.wide = wide_options(flags.wide, options.replace);
  extractor::validate(options);
  return options;
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
  if (json) {
    Json object = extractor::to_json(result);
    if (result.differences) {
      object["differences"] = extractor::to_json(*result.differences);
    }
    if (result.energy) {
      object["energy"] = extractor::to_json(*result.energy);
    }
    out << object.dump(2) << '\n';
    return;
  }
  out << fmt::format(
      "window   {} to {}\nhere     {} to {}\nmetrics  {}\nseries   {}\nsamples  {}\nsize     {}\ndataset  "
      "{}\n",
      format_utc(result.window.start), format_utc(result.window.end),
      extractor::format_local(result.window.start), extractor::format_local(result.window.end),
      result.metrics, result.series, result.samples, format_bytes(static_cast<double>(result.bytes)),
      result.directory.string());
  if (result.differences) {
    print_differences(out, *result.differences);
  }
  if (result.energy) {
    out << extractor::to_table(*result.energy);
  }
}

ExitCode run_extract(const ExtractFlags& flags, Context& context) {
  const extractor::ExtractorOptions options = options_of(flags, context.clock.wall_now());
  const std::unique_ptr<net::HttpClient> http = own_client(flags.identity);
  const extractor::ExtractorResult result = extractor::run_extractor(
      options, {http ? *http : context.http, context.clock, context.log, context.progress}, context.stop);
  print_result(context.out, result, flags.json);
  return result.differences && !result.differences->empty() ? ExitCode::failed : ExitCode::ok;
}

void add_identity(CLI::App& command, IdentityFlags& flags) {
  command.add_option(
      "--bearer-token", flags.bearer_token,
      "Sent to every server (PROMETHEUS_BEARER_TOKEN, which other users of this machine do not see)");
  command.add_option("--user", flags.user, "Basic authentication, with --password (PROMETHEUS_USER)");
  command.add_option("--password", flags.password, "Of --user (PROMETHEUS_PASSWORD)");
  command
      .add_option(
          "--header", flags.headers,
          "\"Name: value\", sent with every request (PROMETHEUS_HEADERS, one a line); may be repeated")
      ->allow_extra_args(false);
  command.add_option("--ca-file", flags.ca_file,
                     "PEM file of who vouches for the servers, instead of the system's authorities");
  command.add_option("--client-cert", flags.client_certificate,
                     "PEM file with which to identify, with --client-key");
  command.add_option("--client-key", flags.client_key, "PEM file of the key of --client-cert");
  command.add_flag("--insecure", flags.insecure, "Talk to whoever answers over TLS");
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
  command
      .add_option(
          "--format", options.format,
          "csv or parquet tables, or legacy: points as JSON files of --segment-size seconds each, as the "
          "old extractor wrote them")
      ->capture_default_str();
  command.add_option(
      "--segment-size", options.segment_s,
      "Most seconds (not points) of one range query, and of one file of --format legacy: 2000 there, "
      "else as many as a query may have; nothing for remote read");
  command.add_option("--out", flags->out,
                     "Folder of the dataset; RUN/metrics or metrics-START when not given");
  command
      .add_option("--prometheus", options.servers,
                  "URL of a Prometheus (PROMETHEUS_URL, several between commas); may be repeated")
      ->allow_extra_args(false)
      ->capture_default_str();
  add_identity(command, flags->identity);
  command.add_option("--connections", options.connections, "Metrics that are read at a time")
      ->capture_default_str();
  command.add_option("--n-threads", flags->n_threads,
                     "The same, by the name that it had in the old extractor");
  command.add_flag(
      "--verify", options.verify,
      "Let the servers count their samples of each metric; exit 1 where that is not what was written");
  command.add_flag("--force", options.replace, "Replace a dataset that is there already");
  add_wide_flags(command, flags->wide);
  add_json(command, flags->json);
  return with_extract_subcommands(command,
                                  [flags](Context& context) { return run_extract(*flags, context); });
}

}  // namespace kexp::cli
