#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/kafka/client.hpp"

#include "image_source.hpp"
#include "lane.hpp"
#include "overload.hpp"

namespace kexp::feeder {

/// What the images of a run have in common.
struct Sending {
  const cycle::Plan& plan;
  ImageSource& source;  ///< Its bytes are sent without a copy.
  std::string topic;
  std::string run_id;
  SteadyTime t0;
  std::int64_t t0_unix_ns = 0;
};

/// Why `OnOverload::fail` ended a feed.
struct Overloaded {
  std::uint64_t id = 0;
  Nanoseconds debt{};  ///< How late that image was.
};

/// Hands the images of one lane to its producer, each at t0 + its intended time or when `overload` lets it,
/// until all are sent or `stop` is requested. Images that are due shortly after each other go out together,
/// at most WakeUps::kApart late.
///
/// A full queue, or an image that is not in memory yet, does not make the plan move: the image is offered
/// again every millisecond, and it and those after it are late. What happens goes to `state` without a file,
/// and without a lock or an allocation but when the log's writer is far behind (see EventRing) or a dropped
/// image is given back (see ImageSource). Errors: KafkaError, of the producer.
[[nodiscard]] std::optional<Overloaded> pace(const Sending& sending, const Lanes& lanes, std::size_t lane,
                                             LaneState& state, Overload overload, kafka::Producer& producer,
                                             Clock& clock, std::stop_token stop);

}  // namespace kexp::feeder
