#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include "kexp/consumer/consumer.hpp"
#include "kexp/core/clock.hpp"
#include "kexp/kafka/client.hpp"

#include "cpu_plan.hpp"
#include "health.hpp"
#include "streams.hpp"

namespace kexp::consumer {

/// The client's options with the pod's name as its id.
[[nodiscard]] kafka::ClientOptions client_of(const ConsumerOptions& options);

/// What a consumer has before it joins its group, and when it had it.
struct Ready {
  Detectors detectors;
  Nanoseconds image_time{};  ///< Of the slowest of them.
  std::unique_ptr<kafka::Admin> admin;
  Nanoseconds model_after{};   ///< Loaded and warm, after the beginning.
  Nanoseconds topics_after{};  ///< Seen by a broker, after the beginning.
};

/// Loads the detectors of all streams, and meanwhile waits until a broker shows the topics: a pod may be
/// there before its broker. nullopt when it was stopped before.
///
/// Errors: ModelError; UnavailableError when no broker answers in time; KafkaError naming a missing topic.
[[nodiscard]] std::optional<Ready> get_ready(const ConsumerOptions& options, const ConsumerPorts& ports,
                                             const CpuPlan& plan, Health& health, std::stop_token stop);

}  // namespace kexp::consumer
