#include <CLI/CLI.hpp>

#include "command.hpp"

namespace kexp::cli {

CLI::Option* add_servers(CLI::App& command, std::string& servers) {
  return command.add_option("--servers", servers, "Kafka bootstrap servers, host:port,… (KAFKA_SERVERS)")
      ->capture_default_str();
}

CLI::Option* add_kafka_properties(CLI::App& command, std::vector<std::string>& properties) {
  return command.add_option("-X", properties, "librdkafka property name=value; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
}

CLI::Option* add_run(CLI::App& command, std::string& run) {
  return command.add_option("--run", run, "Run directory to join; a new runs/<id> when not given");
}

void add_metrics_endpoint(CLI::App& command, std::string& address, int& port) {
  command.add_option("--metrics-address", address, "Address of /metrics, /healthz and /readyz")
      ->capture_default_str();
  command.add_option("--metrics-port", port, "Their port; 0 takes any free one")->capture_default_str();
}

CLI::Option* add_json(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "Print JSON instead of a table");
}

}  // namespace kexp::cli
