#include "start.hpp"

#include <algorithm>
#include <future>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/units.hpp"
#include "kexp/kafka/topics.hpp"

namespace kexp::consumer {

namespace {

constexpr std::chrono::milliseconds kBrokerPause(500);

void load_detectors(const ConsumerOptions& options, const ConsumerPorts& ports, const CpuPlan& plan,
                    Ready& ready) {
  inference::DetectorOptions detector = options.detector;
  detector.threads = plan.threads_per_stream;
  detector.streams = plan.streams;
  inference::DetectorOptions quiet = detector;
  quiet.log = nullptr;  // The first one says what there is to say, once.
  const auto load = [&](const inference::DetectorOptions& how) {
    return ports.load_detector(options.model, options.models_dir, how);
  };
  std::vector<std::future<LoadedDetector>> others;
  for (int i = 1; i < plan.streams; ++i) {
    others.push_back(std::async(std::launch::async, [&] { return load(quiet); }));
  }
  const auto take = [&ready](LoadedDetector loaded) {
    ready.detectors.push_back(std::move(loaded.detector));
    ready.image_time = std::max(ready.image_time, loaded.image_time);
  };
  take(load(detector));
  for (auto& other : others) {
    take(other.get());
  }
}

void check_topics(kafka::Admin& admin, const ConsumerOptions& options) {
  static_cast<void>(
      kafka::partitions_of(admin, options.input_topic, kafka::TopicUse::images, "--input-topic"));
  if (options.answers == ConsumerOptions::Answers::send) {
    static_cast<void>(
        kafka::partitions_of(admin, options.output_topic, kafka::TopicUse::answers, "--output-topic"));
  }
}

/// False when stopped before.
bool wait_for_topics(kafka::Admin& admin, const ConsumerOptions& options, const ConsumerPorts& ports,
                     std::stop_token stop) {
  Clock& clock = ports.clock;
  const SteadyTime deadline = clock.now() + options.broker_wait;
  bool told = false;
  for (;;) {
    try {
      check_topics(admin, options);
      return true;
    } catch (const InterruptedError&) {
      return false;
    } catch (const Error& e) {
      if (e.code() != ExitCode::unavailable) {
        throw;
      }
      if (clock.now() >= deadline) {
        throw UnavailableError(fmt::format("waited {} for a broker at {} (--servers): {}",
                                           format_duration(options.broker_wait), options.client.servers,
                                           e.what()));
      }
    }
    if (!std::exchange(told, true)) {
      ports.log.warn("consume: waiting_for=broker servers={} at_most_s={:.0f}", options.client.servers,
                     seconds(options.broker_wait));
    }
    if (!clock.sleep_for(kBrokerPause, stop)) {
      return false;
    }
  }
}

}  // namespace

kafka::ClientOptions client_of(const ConsumerOptions& options) {
  kafka::ClientOptions client = options.client;
  client.client_id = options.identity.pod;
  if (options.answers == ConsumerOptions::Answers::send) {  // Else there is no producer.
    client.whose = kafka::ClientOptions::Whose::of_both;
  }
  return client;
}

std::optional<Ready> get_ready(const ConsumerOptions& options, const ConsumerPorts& ports,
                               const CpuPlan& plan, Health& health, std::stop_token stop) {
  const SteadyTime begun = ports.clock.now();
  Ready ready;
  std::stop_source waiting;
  const std::stop_callback stopped(stop, [&waiting] { waiting.request_stop(); });
  auto topics = std::async(std::launch::async, [&] {
    ready.admin = ports.kafka.make_admin(client_of(options), waiting.get_token());
    const bool seen = wait_for_topics(*ready.admin, options, ports, waiting.get_token());
    ready.topics_after = ports.clock.now() - begun;
    return seen;
  });
  try {
    load_detectors(options, ports, plan, ready);
  } catch (...) {
    waiting.request_stop();  // `topics` is waited for wherever this is left.
    throw;
  }
  ready.model_after = ports.clock.now() - begun;
  health.enter(Phase::waiting_for_broker);
  return topics.get() ? std::optional(std::move(ready)) : std::nullopt;
}

}  // namespace kexp::consumer
