#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kexp/core/error.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "context.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace kexp::cli {

/// Runs a command whose flags were read: validates, then works.
using CommandRun = std::function<ExitCode(Context&)>;

/// Binds a command's flags to options of its own and returns what runs it. One line of the table in cli.cpp.
using AddCommand = CommandRun (*)(CLI::App& command);

/// Where a command shows its metrics.
struct MetricsEndpointFlags {
  std::string address = "127.0.0.1";
  int port = 0;  ///< 0: any free one.
};
/// What the endpoint of `role` is made with; KEXP_SD_DIR tells where Prometheus looks for it.
/// Errors: UsageError naming the flag.
[[nodiscard]] telemetry::EndpointOptions endpoint_options(const MetricsEndpointFlags& flags,
                                                          const std::string& role);

/// Flags that several commands share; they are bound here so that name, help and default are the same
/// everywhere. Environment and kexp.yaml are resolved by settings.cpp, by the flag's name.
CLI::Option* add_servers(CLI::App& command, std::string& servers);                           // --servers
CLI::Option* add_kafka_properties(CLI::App& command, std::vector<std::string>& properties);  // -X, --property
CLI::Option* add_run(CLI::App& command, std::string& run);                                   // --run
void add_metrics_endpoint(CLI::App& command,
                          MetricsEndpointFlags& flags);  // --metrics-address, --metrics-port
CLI::Option* add_json(CLI::App& command, bool& json);    // --json
// --engine, --precision, --device, --engine-cache
void add_engine(CLI::App& command, inference::DetectorOptions& options);
/// --classes; `inference::parse_classes` reads it.
void add_classes(CLI::App& command, std::vector<std::string>& classes);

/// Reads TRUE, FALSE, 1 or 0, in upper or lower case. Errors: UsageError naming `flag`.
[[nodiscard]] bool parse_truth(const std::string& text, const std::string& flag);

}  // namespace kexp::cli
