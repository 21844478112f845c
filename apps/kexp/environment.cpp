#include "environment.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/nearest.hpp"

namespace kexp::cli {
namespace {

constexpr std::string_view kPrefix = "KEXP_";

struct Variable {
  const char* command;  ///< Empty: every command that has the flag.
  const char* flag;
  const char* name;
};
constexpr std::array kVariables = {
    Variable{"", "servers", "KAFKA_SERVERS"},
    Variable{"", "dataset", "KEXP_DATASET"},
    Variable{"", "prometheus", "PROMETHEUS_URL"},
    Variable{"extract", "bearer-token", "PROMETHEUS_BEARER_TOKEN"},
    Variable{"extract", "user", "PROMETHEUS_USER"},
    Variable{"extract", "password", "PROMETHEUS_PASSWORD"},
    Variable{"extract", "header", "PROMETHEUS_HEADERS"},
    Variable{"feed", "topic", "KAFKA_INPUT_TOPIC"},
    Variable{"consume", "input-topic", "KAFKA_INPUT_TOPIC"},
    Variable{"consume", "output-topic", "KAFKA_OUTPUT_TOPIC"},
    Variable{"topics", "input-topic", "KAFKA_INPUT_TOPIC"},
    Variable{"topics", "output-topic", "KAFKA_OUTPUT_TOPIC"},
    Variable{"consume", "model", "YOLO_MODEL"},
    Variable{"consume", "input", "RESOLUTION"},
    Variable{"consume", "validate-results", "VALIDATE_RESULTS"},
    Variable{"track", "topic", "KAFKA_OUTPUT_TOPIC"},
    Variable{"track", "input-topic", "KAFKA_INPUT_TOPIC"},
    Variable{"track", "validate-results", "VALIDATE_RESULTS"},
};

/// Variables of ours that are no flag of consume: read elsewhere, by scripts or by tests.
constexpr std::array kOtherVariables = {"KEXP_DATASET",    "KEXP_SD_DIR",           "KEXP_LIB_DIR",
                                        "KEXP_SERVICE",    "KEXP_BINARY",           "KEXP_TEST_DATA",
                                        "KEXP_JMX_CONFIG", "KEXP_REQUIRE_TEST_DATA"};

std::string variable_of(const std::string& flag) {
  std::string name(kPrefix);
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

/// Kubernetes describes each Service of the namespace to every pod: with one called kexp-metrics,
/// KEXP_METRICS_SERVICE_HOST, KEXP_METRICS_PORT=tcp://10.96.0.7:9464, KEXP_METRICS_PORT_9464_TCP and more.
bool is_service_link(std::string_view name, std::string_view value) {
  constexpr std::string_view kPort = "_PORT_";
  const std::size_t port = name.find(kPort);
  const bool has_port_number = port != std::string_view::npos && port + kPort.size() < name.size() &&
                               std::isdigit(static_cast<unsigned char>(name[port + kPort.size()])) != 0;
  return has_port_number || name.find("_SERVICE_HOST") != std::string_view::npos ||
         name.find("_SERVICE_PORT") != std::string_view::npos || value.starts_with("tcp://") ||
         value.starts_with("udp://");
}

/// The pieces of `text` between separators, without the blanks around them and without empty ones.
std::vector<std::string> split(const std::string& text, char separator) {
  constexpr const char* kBlanks = " \t\r\n";
  std::vector<std::string> pieces;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    const std::string piece = text.substr(start, end - start);
    if (const std::size_t first = piece.find_first_not_of(kBlanks); first != std::string::npos) {
      pieces.push_back(piece.substr(first, piece.find_last_not_of(kBlanks) + 1 - first));
    }
    start = end + 1;
  }
  return pieces;
}

std::vector<std::string> values_in(const std::string& text, const CLI::Option& option) {
  if (option.get_expected_max() <= 1) {
    return {text};
  }
  if (option.check_lname("header")) {  // Their values hold any of the others.
    return split(text, '\n');
  }
  const char between = option.check_lname("property") ? ';' : ',';  // Properties' values hold commas.
  return split(text, text.find('\n') == std::string::npos ? between : '\n');
}

}  // namespace

std::optional<Origin> from_environment(const std::string& command, const CLI::Option& option) {
  const std::string& flag = option.get_lnames().front();
  std::optional<Origin> found;
  const auto consider = [&](const std::string& variable) {
    const char* text = std::getenv(variable.c_str());
    if (text == nullptr || is_service_link(variable, text)) {
      return;
    }
    std::vector<std::string> values = *text == '\0' ? std::vector<std::string>{} : values_in(text, option);
    if (values.empty()) {
      return;
    }
    if (found && found->values != values) {
      throw UsageError(fmt::format("{}={} and {}={} disagree: set one of them", found->name,
                                   fmt::join(found->values, ","), variable, text));
    }
    found = Origin{variable, std::move(values)};
  };
  for (const Variable& variable : kVariables) {
    if (flag == variable.flag && (*variable.command == '\0' || command == variable.command)) {
      consider(variable.name);
    }
  }
  if (command == "consume") {  // A pod is configured by its environment alone.
    consider(variable_of(flag));
  }
  return found;
}

std::vector<std::string> unknown_variables(const std::vector<std::string>& flags) {
  std::vector<std::string> known;
  std::transform(flags.begin(), flags.end(), std::back_inserter(known), variable_of);
  std::vector<std::string> sentences;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    if (!name.starts_with(kPrefix) ||
        is_service_link(name, text.substr(std::min(name.size() + 1, text.size()))) ||
        std::find(known.begin(), known.end(), name) != known.end() ||
        std::find(kOtherVariables.begin(), kOtherVariables.end(), name) != kOtherVariables.end()) {
      continue;
    }
    sentences.push_back(fmt::format("{} sets nothing{}", name, suggestion(name, known)));
  }
  return sentences;
}

}  // namespace kexp::cli
