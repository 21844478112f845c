#pragma once

/// The consumer pod: images from one Kafka topic, through a detector, to one answer each on another topic.
///
/// At least once: an offset is stored when its answer is acknowledged, and only the contiguous prefix of a
/// partition, so whatever kills the process loses no image. Threads: the caller's polls Kafka and serves
/// rebalances; each stream decodes, detects and sends on one of its own; with a quota of one CPU exactly one
/// of them is busy.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "kexp/consumer/identity.hpp"
#include "kexp/core/clock.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::consumer {

struct ConsumerOptions {
  kafka::ClientOptions client;  ///< Its id becomes the pod's name.
  std::string input_topic = "yolo_input";
  std::string output_topic = "yolo_output";
  std::string group;  ///< Empty: "<input topic>.consumers".
  kafka::ConsumerOptions::Assignment assignment = kafka::ConsumerOptions::Assignment::automatic;
  std::string instance_id;  ///< Of a static member of the group; empty: a dynamic one.
  std::string model = "yolov3-tiny";
  std::filesystem::path models_dir;  ///< Empty: the cache's.
  int threads = 0;                   ///< Of inference, of all streams together; 0: what the CPU quota allows.
  int streams = 0;                   ///< Images in inference at the same time; 0: one for each thread.
  inference::DetectorOptions detector;                        ///< Its `threads` and `streams` are ours.
  enum class Answers { send, none } answers = Answers::send;  ///< none: offsets count after postprocessing.
  Identity identity;
  std::chrono::milliseconds broker_wait{30'000};  ///< How long the start waits for the broker.
  std::chrono::milliseconds revoke_wait{5'000};   ///< For images in work when their partitions go …
  std::chrono::milliseconds drain_wait{10'000};  ///< … or the process ends; twice the slowest image if more.
  /// All of a stop, so that a pod is done within its grace period (30 s).
  std::chrono::milliseconds stop_wait{24'000};
  /// With no room for messages for so long, fetching pauses and the group is served.
  std::chrono::milliseconds pause_after{5'000};
  std::chrono::seconds stuck_after{300};  ///< Without progress for so long it is not healthy.
};

/// Pure checks. Errors: UsageError naming the flag.
void validate(const ConsumerOptions& options);

/// The group's name: `options.group` or its default.
[[nodiscard]] std::string group_of(const ConsumerOptions& options);

/// Looks whether there is such a model and it can run as the options want it, before anything is connected.
/// Errors: ModelError naming --model; UsageError naming --classes.
void check_model(const ConsumerOptions& options);

/// A detector that is ready to work.
struct LoadedDetector {
  std::unique_ptr<inference::Detector> detector;
  Nanoseconds image_time{};  ///< What a picture of 640x480 took, the first of its size: at most this slow.
};

/// Resolves the model's name or file, loads it and runs it on a picture. Errors: ModelError naming --model.
[[nodiscard]] LoadedDetector load_detector(const std::string& model, const std::filesystem::path& models_dir,
                                           const inference::DetectorOptions& options);

struct ConsumerPorts {
  using Probe = telemetry::Endpoint::Probe;

  kafka::ClientFactory& kafka;
  Clock& clock;
  Log& log;
  Progress& progress;
  telemetry::Metrics& metrics;
  /// Shows health and readiness while the returned endpoint lives; nullptr: nobody looks.
  std::function<std::unique_ptr<telemetry::Endpoint>(Probe healthy, Probe ready)> serve;
  /// Called once for each stream, by several threads at the same time.
  std::function<LoadedDetector(const std::string&, const std::filesystem::path&,
                               const inference::DetectorOptions&)>
      load_detector = consumer::load_detector;
  std::filesystem::path system_root = "/";  ///< Of the files with CPU limits.
  /// Ends the process with exit 1, for a detector that never returns; one of a test makes it return.
  std::function<void()> end_process = [] { std::_Exit(static_cast<int>(ExitCode::failed)); };
};

struct ConsumerResult {
  std::uint64_t processed = 0;     ///< Images, those with errors among them.
  std::uint64_t errors = 0;        ///< Images that could not be processed and were answered so.
  std::uint64_t acknowledged = 0;  ///< Answers.
  std::uint64_t resent = 0;        ///< Answers sent again after a failed delivery.
  std::uint64_t open = 0;          ///< Answers without acknowledgement at the end: their images come again.
};

/// Works until `stop`, then finishes the images in work, waits for their acknowledgement and leaves the
/// group.
///
/// Errors: ModelError (missing or broken model); UnavailableError when no broker answers in time; KafkaError
/// naming a missing topic before the start, or when going on is hopeless: nothing is stored past an image
/// without an acknowledged answer. Threads: several inside; `ports` are used until it returns.
[[nodiscard]] ConsumerResult run_consumer(const ConsumerOptions& options, ConsumerPorts ports,
                                          std::stop_token stop);

}  // namespace kexp::consumer
