#include <fmt/format.h>

#include "kexp/consumer/consumer.hpp"
#include "kexp/core/error.hpp"
#include "kexp/inference/registry.hpp"
#include "kexp/kafka/topic_tasks.hpp"
#include "kexp/kafka/topics.hpp"

#include "warm_up.hpp"

namespace kexp::consumer {

namespace {

constexpr int kMostThreads = 1024;

std::filesystem::path model_file(const std::string& model, const std::filesystem::path& models_dir) {
  return inference::resolve_model(model, models_dir.empty() ? inference::default_models_dir() : models_dir);
}

/// What `use` makes of the model. Errors: as `use`, a ModelError naming --model.
template <typename Use>
auto naming_the_flag(const Use& use) {
  try {
    return use();
  } catch (const inference::ModelError& e) {
    throw inference::ModelError(fmt::format("--model: {}", e.what()));
  }
}

}  // namespace

std::string group_of(const ConsumerOptions& options) {
  return options.group.empty() ? kafka::consumer_group(options.input_topic) : options.group;
}

void validate(const ConsumerOptions& options) {
  kafka::validate_name(options.input_topic, "--input-topic");
  kafka::validate_name(options.output_topic, "--output-topic");
  if (options.input_topic == options.output_topic) {
    throw UsageError(
        fmt::format("--output-topic must differ from --input-topic, both are \"{}\"", options.input_topic));
  }
  if (!options.group.empty()) {
    kafka::validate_name(options.group, "--group");
  }
  if (!options.instance_id.empty()) {
    kafka::validate_name(options.instance_id, "--instance-id");
  }
  if (options.client.servers.empty()) {
    throw UsageError("--servers must name a broker, got nothing");
  }
  if (options.model.empty()) {
    throw UsageError("--model must name a model or a file, got nothing");
  }
  if (options.threads < 0 || options.threads > kMostThreads) {
    throw UsageError(fmt::format("--threads must be 0 (what the CPU quota allows) or from 1 to {}, got {}",
                                 kMostThreads, options.threads));
  }
  if (options.streams < 0 || options.streams > kMostThreads) {
    throw UsageError(
        fmt::format("--streams must be auto, or from 1 to {}, got {}", kMostThreads, options.streams));
  }
  inference::validate(options.detector);
}

void check_model(const ConsumerOptions& options) {
  naming_the_flag([&] {
    inference::check_fit(model_file(options.model, options.models_dir), options.detector);
    return true;
  });
}

LoadedDetector load_detector(const std::string& model, const std::filesystem::path& models_dir,
                             const inference::DetectorOptions& options) {
  return naming_the_flag([&] {
    LoadedDetector loaded;
    loaded.detector = inference::make_detector(model_file(model, models_dir), options);
    const image::Image picture = warm_up_picture();
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(loaded.detector->detect(picture));
    loaded.image_time = std::chrono::steady_clock::now() - start;
    return loaded;
  });
}

}  // namespace kexp::consumer
