#include <fmt/format.h>

#include "kexp/consumer/consumer.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/inference/registry.hpp"

namespace kexp::consumer {

namespace {

void check_name(const std::string& flag, const std::string& name) {
  if (!is_plain_name(name)) {
    throw UsageError(
        fmt::format("{} must consist of letters, digits, '.', '_' and '-', got \"{}\"", flag, name));
  }
}

}  // namespace

std::string group_of(const ConsumerOptions& options) {
  return options.group.empty() ? options.input_topic + ".consumers" : options.group;
}

void validate(const ConsumerOptions& options) {
  check_name("--input-topic", options.input_topic);
  check_name("--output-topic", options.output_topic);
  if (options.input_topic == options.output_topic) {
    throw UsageError(
        fmt::format("--output-topic must differ from --input-topic, both are \"{}\"", options.input_topic));
  }
  if (!options.group.empty()) {
    check_name("--group", options.group);
  }
  if (options.client.servers.empty()) {
    throw UsageError("--servers must name a broker, got nothing");
  }
  if (options.model.empty()) {
    throw UsageError("--model must name a model or a file, got nothing");
  }
  if (options.threads < 0) {
    throw UsageError(
        fmt::format("--threads must be 0 (what the CPU quota allows) or more, got {}", options.threads));
  }
  inference::validate(options.detector);
}

std::unique_ptr<inference::Detector> load_detector(const std::string& model,
                                                   const std::filesystem::path& models_dir,
                                                   const inference::DetectorOptions& options) {
  return inference::make_detector(
      inference::resolve_model(model, models_dir.empty() ? inference::default_models_dir() : models_dir),
      options);
}

}  // namespace kexp::consumer
