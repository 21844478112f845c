#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/kafka/client.hpp"

#include "send_log.hpp"

namespace kexp::feeder {

/// What the images of a run have in common.
struct Sending {
  const cycle::Plan& plan;
  const dataset::Dataset& dataset;  ///< Its bytes are sent without a copy.
  std::string topic;
  std::string run_id;
  SteadyTime t0;
  std::int64_t t0_unix_ns = 0;
};

/// Hands every image to the producer at t0 + its intended time; returns how many were handed over.
///
/// A full queue does not make the plan move: the image is offered again every millisecond, and it and those
/// after it are late, which is recorded. Ends early on stop, or when `log` can no longer write.
/// Errors: KafkaError, of the producer.
[[nodiscard]] std::uint64_t pace(const Sending& sending, kafka::Producer& producer, SendLog& log,
                                 Clock& clock, std::stop_token stop);

}  // namespace kexp::feeder
