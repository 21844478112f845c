#include "commands/consume.hpp"

#include <charconv>
#include <chrono>
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/consumer/consumer.hpp"
#include "kexp/core/error.hpp"
#include "kexp/kafka/librdkafka.hpp"
#include "kexp/kafka/options.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "metrics_url.hpp"

namespace kexp::cli {
namespace {

struct ConsumeFlags {
  consumer::ConsumerOptions options;
  std::string models_dir;
  std::string streams = "auto";
  std::string assignment = "auto";
  std::vector<std::string> classes;
  std::string input = "auto";
  std::string validate_results = "TRUE";
  std::vector<std::string> properties;
  MetricsEndpointFlags metrics;
  bool check_health = false;
};

constexpr std::chrono::seconds kHealthTimeout{2};

int parse_streams(const std::string& text) {
  int streams = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), streams);
  if (text != "auto" && (error != std::errc{} || end != text.data() + text.size() || streams < 1)) {
    throw UsageError(fmt::format("--streams must be auto, or 1 or more, got \"{}\"", text));
  }
  return streams;  // auto: 0.
}

kafka::ConsumerOptions::Assignment parse_assignment(const std::string& text) {
  using enum kafka::ConsumerOptions::Assignment;
  if (text == "auto") {
    return automatic;
  }
  if (text == "eager" || text == "cooperative") {
    return text == "eager" ? eager : cooperative;
  }
  throw UsageError(fmt::format("--assignment must be auto, eager or cooperative, got \"{}\"", text));
}

consumer::ConsumerOptions options_of(const ConsumeFlags& flags) {
  consumer::ConsumerOptions options = flags.options;
  options.models_dir = flags.models_dir;
  options.streams = parse_streams(flags.streams);
  options.assignment = parse_assignment(flags.assignment);
  options.detector.classes = inference::parse_classes(flags.classes, "--classes");
  options.detector.input = inference::parse_input_size(flags.input, "--input");
  using Answers = consumer::ConsumerOptions::Answers;
  options.answers = parse_truth(flags.validate_results, "--validate-results") ? Answers::send : Answers::none;
  for (const std::string& property : flags.properties) {
    options.client.properties.push_back(kafka::parse_property(property));
  }
  consumer::validate(options);
  consumer::check_model(options);
  options.identity = consumer::identify(options.client.servers, consumer::process_environment);
  return options;
}

/// What a container's HEALTHCHECK runs, in an image without a shell: 0 or 1.
ExitCode check_health(const MetricsEndpointFlags& metrics, Context& context) {
  const telemetry::EndpointOptions endpoint = endpoint_options(metrics, "consume");
  if (endpoint.port == 0) {
    throw UsageError("--check-health needs --metrics-port, that of the consumer which is asked");
  }
  const telemetry::Endpoint::Check check =
      telemetry::ask_health(endpoint.address, endpoint.port, kHealthTimeout);
  context.out << check.why << '\n';
  return check.ok ? ExitCode::ok : ExitCode::failed;
}

ExitCode run_consume(const ConsumeFlags& flags, Context& context) {
  if (flags.check_health) {
    return check_health(flags.metrics, context);
  }
  static_cast<void>(endpoint_options(flags.metrics, "consume"));  // What is wrong with it is told first.
  consumer::ConsumerOptions options = options_of(flags);
  kafka::ProducerOptions producer;
  producer.client = options.client;
  kafka::check_producer(producer, context.log);
  options.detector.log = &context.log;
  telemetry::Metrics metrics;
  MetricsUrlProgress progress(context.progress);
  const auto serve = [&](consumer::ConsumerPorts::Probe healthy, consumer::ConsumerPorts::Probe ready) {
    auto endpoint = std::make_unique<telemetry::Endpoint>(endpoint_options(flags.metrics, "consume"), metrics,
                                                          std::move(healthy), std::move(ready));
    context.log.info("consume: metrics_address={} metrics_port={}", flags.metrics.address, endpoint->port());
    progress.set_url(endpoint->url());
    return endpoint;
  };
  static_cast<void>(consumer::run_consumer(options,
                                           {.kafka = context.kafka,
                                            .clock = context.clock,
                                            .log = context.log,
                                            .progress = progress,
                                            .metrics = metrics,
                                            .serve = serve},
                                           context.stop));
  return ExitCode::ok;
}

}  // namespace

CommandRun add_consume(CLI::App& command) {
  auto flags = std::make_shared<ConsumeFlags>();
  consumer::ConsumerOptions& options = flags->options;
  inference::DetectorOptions& detector = options.detector;
  command.add_option("--input-topic", options.input_topic, "Topic of images (KAFKA_INPUT_TOPIC)")
      ->capture_default_str();
  command.add_option("--output-topic", options.output_topic, "Topic of answers (KAFKA_OUTPUT_TOPIC)")
      ->capture_default_str();
  command.add_option("--group", options.group, "Consumer group; <input topic>.consumers when not given");
  command
      .add_option(
          "--assignment", flags->assignment,
          "How the group moves partitions: auto, eager (all at once) or cooperative; every consumer of "
          "the group the same")
      ->capture_default_str();
  command.add_option("--instance-id", options.instance_id,
                     "Static member of the group under this name: one that restarts keeps its partitions");
  command.add_option("--model", options.model, "Model by name or file (YOLO_MODEL)")->capture_default_str();
  command.add_option("--models-dir", flags->models_dir,
                     "Folder of models; $XDG_CACHE_HOME/kexp/models when not given");
  add_engine(command, detector);
  command
      .add_option("--threads", options.threads,
                  "Inference threads of all streams together; 0: what the CPU quota allows")
      ->capture_default_str();
  command
      .add_option("--streams", flags->streams,
                  "Images in inference at the same time, auto or N; auto: one for each thread")
      ->capture_default_str();
  command.add_option("--confidence", detector.confidence, "Least confidence of a detection")
      ->capture_default_str();
  command.add_option("--iou", detector.iou, "Most overlap of two detections of a class")
      ->capture_default_str();
  command.add_option("--max-detections", detector.max_detections, "Most detections of an image")
      ->capture_default_str();
  add_classes(command, flags->classes);
  command.add_option("--input", flags->input, "Network input: auto, square, N or WxH (RESOLUTION)")
      ->capture_default_str();
  command
      .add_option("--validate-results", flags->validate_results,
                  "FALSE sends no answers: offsets count after postprocessing (VALIDATE_RESULTS)")
      ->capture_default_str();
  add_servers(command, options.client.servers);
  add_kafka_properties(command, flags->properties);
  add_metrics_endpoint(command, flags->metrics);
  command.add_flag("--check-health", flags->check_health,
                   "Consume nothing: ask the consumer at --metrics-port whether it is healthy");
  return [flags](Context& context) { return run_consume(*flags, context); };
}

}  // namespace kexp::cli
