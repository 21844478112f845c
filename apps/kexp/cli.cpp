#include "cli.hpp"

#include <array>
#include <filesystem>
#include <memory>
#include <ostream>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/version.hpp"
#include "kexp/dataset/frame_source.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/kafka/librdkafka.hpp"

#include "command.hpp"
#include "commands/consume.hpp"
#include "commands/dataset.hpp"
#include "commands/extract.hpp"
#include "commands/feed.hpp"
#include "commands/model.hpp"
#include "commands/topics.hpp"
#include "commands/track.hpp"
#include "flag_check.hpp"
#include "settings.hpp"

namespace kexp::cli {
namespace {

struct Row {
  const char* name;
  const char* help;
  AddCommand add;
};

/// Every command, in the order of --help.
constexpr std::array kCommands = {
    Row{"feed", "Play the load plan into a Kafka topic", add_feed},
    Row{"consume", "Images from Kafka through YOLO, one answer each: the pod", add_consume},
    Row{"track", "Results into CSV, live percentiles, and the account of every image", add_track},
    Row{"extract", "A window of Prometheus into a dataset", add_extract},
    Row{"topics", "Create, describe and reset the topics; show the lag", add_topics},
    Row{"dataset", "Make and inspect image datasets (HDF5)", add_dataset},
    Row{"model", "List, fetch, prepare and check YOLO models", add_model},
};

struct GlobalFlags {
  std::string config;
  std::string log_level = "info";
  std::string progress = "log";
};

LogLevel parse_log_level(const std::string& text) {
  constexpr std::array kLevels = {std::pair{"trace", LogLevel::trace}, std::pair{"debug", LogLevel::debug},
                                  std::pair{"info", LogLevel::info}, std::pair{"warn", LogLevel::warn},
                                  std::pair{"error", LogLevel::error}};
  for (const auto& [name, level] : kLevels) {
    if (text == name) {
      return level;
    }
  }
  throw UsageError(fmt::format("--log-level must be trace, debug, info, warn or error, got \"{}\"", text));
}

std::unique_ptr<Progress> make_progress(const std::string& kind, Log& log, const Outside& outside) {
  if (kind == "log") {
    return std::make_unique<LogProgress>(log);
  }
  if (kind == "json") {
    return std::make_unique<JsonProgress>(outside.err, outside.clock);
  }
  if (kind == "none") {
    return std::make_unique<NoProgress>();
  }
  throw UsageError(fmt::format("--progress must be log, json or none, got \"{}\"", kind));
}

std::string version_text() {
  const auto media = dataset::media_module();
  return fmt::format("kexp {}\nlibrdkafka {}\nOpenCV {}\nmedia module {}", version(),
                     kafka::librdkafka_version(), inference::opencv_version(),
                     media ? media->string() : "not found (no videos)");
}

ExitCode dispatch(int argc, const char* const* argv, const Outside& outside) {
  CLI::App app("Reproducible load and energy experiments on Kafka, YOLO and Kubernetes.", "kexp");
  app.fallthrough();
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  GlobalFlags globals;
  app.set_version_flag("--version", [] { return version_text(); });
  app.add_option("--config", globals.config,
                 "Settings file; kexp.yaml in the working directory when there is one");
  app.add_option("--log-level", globals.log_level, "trace, debug, info, warn or error")
      ->capture_default_str();
  app.add_option("--progress", globals.progress, "Events as log lines, json lines on stderr, or none")
      ->capture_default_str();

  std::vector<std::pair<CLI::App*, CommandRun>> commands;
  for (const Row& row : kCommands) {
    CLI::App* command = app.add_subcommand(row.name, row.help);
    commands.emplace_back(command, row.add(*command));
  }

  std::vector<std::string> arguments = with_dashes(argc, argv);
  if (arguments.empty()) {
    outside.err << app.help();
    return ExitCode::usage;
  }
  check_arguments(app, arguments);
  try {
    std::reverse(arguments.begin(), arguments.end());  // The parser takes them from the back.
    app.parse(arguments);
  } catch (const CLI::Success& e) {  // --help and --version
    app.exit(e, outside.out, outside.err);
    return ExitCode::ok;
  } catch (const CLI::ParseError& e) {
    throw UsageError(e.what());
  }
  apply_settings(app, globals.config);

  const auto log = make_stderr_log(parse_log_level(globals.log_level));
  const auto progress = make_progress(globals.progress, *log, outside);
  const auto kafka = kafka::make_client_factory(*log);
  Context context{outside.out,  *log,   *progress,    outside.clock,
                  outside.stop, *kafka, outside.http, outside.processes};
  for (const auto& [command, run] : commands) {
    if (command->parsed()) {
      return run(context);
    }
  }
  throw std::logic_error("no command ran");
}

/// Whether the standard output is a pipe that nobody reads any more, or a terminal that hung up: who started
/// a job may go, which does not make it fail.
bool is_reader_gone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

}  // namespace

int run(int argc, const char* const* argv, const Outside& outside) noexcept {
  try {
    ExitCode code = dispatch(argc, argv, outside);
    if (!outside.out.flush() && !is_reader_gone()) {
      outside.err << "kexp: cannot write to the standard output: is the disk full?\n";
      code = code == ExitCode::ok ? ExitCode::failed : code;
    }
    return static_cast<int>(code);
  } catch (const Error& e) {
    outside.err << fmt::format("kexp: {}\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::filesystem::filesystem_error& e) {
    outside.err << fmt::format("kexp: {}: {}\n", e.path1().string(), e.code().message());
    return static_cast<int>(ExitCode::failed);
  } catch (const std::exception& e) {
    outside.err << fmt::format("kexp: internal error: {}\n", e.what());
    return static_cast<int>(ExitCode::failed);
  }
}

}  // namespace kexp::cli
