#pragma once

#include <atomic>
#include <chrono>

#include "kexp/core/clock.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "exchange.hpp"

namespace kexp::consumer {

/// What a consumer is doing, in the order of its life.
enum class Phase { loading_model, waiting_for_broker, member, stopping };

/// Answers the probes of a pod. Threads: any; `clock` and `exchange` outlive it.
class Health {
 public:
  Health(const Clock& clock, const Exchange& exchange, std::chrono::seconds stuck_after)
      : clock_(clock), exchange_(exchange), stuck_after_(stuck_after), alive_(clock.now()) {}

  void enter(Phase phase);
  /// The poll loop went round.
  void alive() { alive_ = clock_.now(); }

  /// Ready means: it has partitions, so images that are sent will be processed.
  [[nodiscard]] telemetry::Endpoint::Check ready() const;
  /// Not healthy: an image, the poll loop, or messages that wait for acknowledgements, without progress for
  /// `stuck_after`. Waiting for the broker at the start has its own bound.
  [[nodiscard]] telemetry::Endpoint::Check healthy() const;

 private:
  const Clock& clock_;
  const Exchange& exchange_;
  const std::chrono::seconds stuck_after_;
  std::atomic<Phase> phase_ = Phase::loading_model;
  std::atomic<SteadyTime> alive_;
};

}  // namespace kexp::consumer
