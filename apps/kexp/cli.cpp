#include "cli.hpp"

#include <array>
#include <filesystem>
#include <memory>
#include <ostream>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/version.hpp"
#include "kexp/dataset/frame_source.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/kafka/librdkafka.hpp"
#include "kexp/table/table.hpp"

#include "command.hpp"
#include "commands/consume.hpp"
#include "commands/dataset.hpp"
#include "commands/deploy.hpp"
#include "commands/extract.hpp"
#include "commands/feed.hpp"
#include "commands/model.hpp"
#include "commands/topics.hpp"
#include "commands/track.hpp"
#include "flag_check.hpp"
#include "json_log.hpp"
#include "settings.hpp"

namespace kexp::cli {
namespace {

struct Row {
  const char* name;
  const char* help;
  AddCommand add;
};

/// Every command of this build (KEXP_COMPONENTS), in the order of --help.
constexpr std::array kCommands = {
#ifdef KEXP_WITH_FEED
    Row{"feed", "Play the load plan into a Kafka topic", add_feed},
#endif
#ifdef KEXP_WITH_CONSUME
    Row{"consume", "Images from Kafka through YOLO, one answer each: the pod", add_consume},
#endif
#ifdef KEXP_WITH_TRACK
    Row{"track", "Results into CSV, live percentiles, and the account of every image", add_track},
#endif
#ifdef KEXP_WITH_EXTRACT
    Row{"extract", "A window of Prometheus into a dataset of metrics", add_extract},
#endif
#ifdef KEXP_WITH_TOPICS
    Row{"topics", "Create, describe and reset the topics; show the lag", add_topics},
#endif
#ifdef KEXP_WITH_DEPLOY
    Row{"deploy", "Render a whole cluster as files, from one file", add_deploy},
#endif
#ifdef KEXP_WITH_DATASET
    Row{"dataset", "Make and inspect image datasets (HDF5)", add_dataset},
#endif
#ifdef KEXP_WITH_MODEL
    Row{"model", "List, fetch, prepare and check YOLO models", add_model},
#endif
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
  throw std::logic_error(fmt::format("--log-level {} was not refused", text));
}

std::unique_ptr<Log> make_log(const GlobalFlags& globals, const Outside& outside) {
  auto log = make_stderr_log(parse_log_level(globals.log_level));
  if (globals.progress != "json") {
    return log;
  }
  return std::make_unique<JsonLog>(outside.err, outside.clock, std::move(log));
}

std::unique_ptr<Progress> make_progress(const std::string& kind, Log& log, const Outside& outside) {
  if (kind == "log") {
    return std::make_unique<LogProgress>(log);
  }
  if (kind == "json") {
    return std::make_unique<JsonProgress>(outside.err, log, outside.clock);
  }
  return std::make_unique<NoProgress>();
}

std::string version_text() {
  std::string text = fmt::format("kexp {}\nlibrdkafka {}", version(), kafka::librdkafka_version());
#ifdef KEXP_WITH_MODEL
  text += fmt::format("\nOpenCV {}", inference::opencv_version());
#endif
#ifdef KEXP_WITH_DATASET
  const auto media = dataset::media_module();
  text += fmt::format("\nmedia module {}", media ? media->string() : "not found (no videos)");
#endif
#ifdef KEXP_WITH_MODEL
  const auto openvino = inference::openvino_module();
  text +=
      fmt::format("\nOpenVINO module {}", openvino ? openvino->string() : "not found (--engine opencv only)");
#endif
#ifdef KEXP_WITH_EXTRACT
  const auto parquet = table::parquet_module();
  text += fmt::format("\nParquet module {}", parquet ? parquet->string() : "not found (--format csv only)");
#endif
  return text;
}

/// "help feed verify" is "feed verify --help".
void turn_help_round(std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "help") {
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
}

/// How what went wrong is told; JSON once `--progress json` is known to be wanted.
enum class ErrorForm { text, json };

/// Commands and jobs blame a flag; who wrote it into a file or a variable has never typed it.
ExitCode run_naming_origins(const CommandRun& run, Context& context, const AppliedSettings& settings) {
  try {
    return run(context);
  } catch (const Error& e) {
    if (e.code() != ExitCode::usage && e.code() != ExitCode::unavailable) {
      throw;
    }
    throw Error(e.code(), with_origins(e.what(), settings.origins));
  }
}

ExitCode dispatch(int argc, const char* const* argv, const Outside& outside, ErrorForm& error_form) {
  CLI::App app("Reproducible load and energy experiments on Kafka, YOLO and Kubernetes.", "kexp");
  app.fallthrough();
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  GlobalFlags globals;
  app.set_version_flag("--version", [] { return version_text(); });
  app.add_option("--config", globals.config,
                 "Settings file; kexp.yaml in the working directory when there is one");
  app.add_option("--log-level", globals.log_level, "Least level of what is logged on stderr")
      ->type_name("trace|debug|info|warn|error")
      ->capture_default_str();
  app.add_option("--progress", globals.progress, "Events as log lines, json lines on stderr, or none")
      ->type_name("log|json|none")
      ->capture_default_str();

  std::vector<std::pair<CLI::App*, CommandRun>> commands;
  for (const Row& row : kCommands) {
    CLI::App* command = app.add_subcommand(row.name, row.help);
    commands.emplace_back(command, row.add(*command));
  }
  // Now, as commands would inherit it.
  app.footer("kexp help COMMAND and kexp COMMAND --help print the flags of a command.");

  std::vector<std::string> arguments = with_dashes(argc, argv);
  if (arguments.empty()) {
    outside.err << app.help();
    return ExitCode::usage;
  }
  turn_help_round(arguments);
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
  const AppliedSettings settings = apply_settings(app, globals.config);

  error_form = globals.progress == "json" ? ErrorForm::json : ErrorForm::text;
  const auto log = make_log(globals, outside);
  for (const std::string& warning : settings.warnings) {
    log->warn("consume: {}", warning);
  }
  const auto progress = make_progress(globals.progress, *log, outside);
  const auto kafka = kafka::make_client_factory(*log);
  Context context{outside.out,  *log,   *progress,    outside.clock,
                  outside.stop, *kafka, outside.http, outside.processes};
  for (const auto& [command, run] : commands) {
    if (command->parsed()) {
      return run_naming_origins(run, context, settings);
    }
  }
  throw std::logic_error("no command ran");
}

ExitCode guarded_dispatch(int argc, const char* const* argv, const Outside& outside) {
  ErrorForm error_form = ErrorForm::text;
  const auto failed = [&](ExitCode code, const std::string& why) {
    if (error_form == ErrorForm::json) {
      write_json_error(outside.err, outside.clock, why, static_cast<int>(code));
    } else {
      outside.err << fmt::format("kexp: {}\n", why);
    }
    return code;
  };
  try {
    return dispatch(argc, argv, outside, error_form);
  } catch (const Error& e) {
    return failed(e.code(), e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    return failed(ExitCode::failed, fmt::format("{}: {}", e.path1().string(), e.code().message()));
  } catch (const std::exception& e) {
    return failed(ExitCode::failed, fmt::format("internal error: {}", e.what()));
  }
}

}  // namespace

int run(int argc, const char* const* argv, const Outside& outside) noexcept {
  ExitCode code = guarded_dispatch(argc, argv, outside);
  outside.out.flush();
  if (const int error = outside.out.error(); error != 0) {
    outside.err << fmt::format("kexp: cannot write stdout: {}\n", std::generic_category().message(error));
    code = code == ExitCode::ok ? ExitCode::failed : code;  // A result cut short must not look like one.
  }
  return static_cast<int>(code);
}

}  // namespace kexp::cli
