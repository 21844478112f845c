#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "command.hpp"

namespace kexp::cli {

CLI::Option* add_servers(CLI::App& command, std::string& servers) {
  return command.add_option("--servers", servers, "Kafka bootstrap servers, host:port,… (KAFKA_SERVERS)")
      ->capture_default_str();
}

CLI::Option* add_kafka_properties(CLI::App& command, std::vector<std::string>& properties) {
  return command.add_option("-X,--property", properties, "librdkafka property; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
}

CLI::Option* add_run(CLI::App& command, std::string& run) {
  return command.add_option("--run", run, "Run directory to join; a new runs/<id> when not given");
}

void add_metrics_endpoint(CLI::App& command, MetricsEndpointFlags& flags) {
  command.add_option("--metrics-address", flags.address, "Address of /metrics, /healthz and /readyz")
      ->capture_default_str();
  command.add_option("--metrics-port", flags.port, "Their port; 0 takes any free one")->capture_default_str();
}

telemetry::EndpointOptions endpoint_options(const MetricsEndpointFlags& flags, const std::string& role) {
  if (flags.port < 0 || flags.port > 65535) {
    throw UsageError(fmt::format("--metrics-port must be 0 to 65535, got {}", flags.port));
  }
  telemetry::EndpointOptions options;
  options.address = flags.address;
  options.port = flags.port;
  options.role = role;
  if (const char* sd_dir = std::getenv("KEXP_SD_DIR"); sd_dir != nullptr) {
    options.sd_dir = sd_dir;
  }
  return options;
}

bool parse_truth(const std::string& text, const std::string& flag) {
  std::string upper = text;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (upper == "TRUE" || upper == "1") {
    return true;
  }
  if (upper == "FALSE" || upper == "0") {
    return false;
  }
  throw UsageError(fmt::format("{} must be TRUE or FALSE, got \"{}\"", flag, text));
}

CLI::Option* add_json(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "Print JSON instead of a table");
}

void add_engine(CLI::App& command, inference::DetectorOptions& options) {
  command
      .add_option("--engine", options.engine, "auto (OpenVINO where this build has it), opencv or openvino")
      ->capture_default_str();
  command
      .add_option("--precision", options.precision,
                  "f32; or bf16, with OpenVINO where the CPU has it: faster, but boxes move by up to 2.5 px, "
                  "confidences by up to 0.03, and results differ between machines")
      ->capture_default_str();
  command.add_option("--device", options.device, "OpenVINO's device: CPU; GPU and others are not tested")
      ->capture_default_str();
  command.add_option("--engine-cache", options.engine_cache,
                     "Folder where OpenVINO's compiled networks are kept, for faster starts (default: none)");
}

void add_classes(CLI::App& command, std::vector<std::string>& classes) {
  command
      .add_option("--classes", classes,
                  "Only these classes, ids or labels with commas between: 0,2,person (default: all)")
      ->allow_extra_args(false)
      ->type_name("CLASS,…");
}

}  // namespace kexp::cli
