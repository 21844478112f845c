#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/kafka/client.hpp"

#include "lane.hpp"
#include "pacer.hpp"
#include "send_log.hpp"

namespace kexp::feeder {

struct PacingOptions {
  OnOverload on_overload = OnOverload::bounded;
  Nanoseconds max_debt{};
  std::chrono::milliseconds flush_timeout{};
};

/// How the pacing threads ended.
struct PacingEnd {
  std::optional<Overloaded> overloaded;  ///< The first image at which `OnOverload::fail` ended them all.
  std::size_t unanswered = 0;            ///< Records without a report.
  double cpu = 0;                        ///< Of the busiest one: its CPU time over its time.
  /// When the last one had paced its images, or was made to leave the rest; before it waited for reports.
  SteadyTime paced{};
  std::exception_ptr error;  ///< The first of a thread.
};

/// Plays every lane on a thread of its own with the producer of its number, waits for the reports, and
/// returns when all threads are at their end. One that fails ends the others; they and a stop wait for
/// reports only shortly.
[[nodiscard]] PacingEnd run_pacing(const Sending& sending, const Lanes& lanes, const PacingOptions& options,
                                   const std::vector<std::unique_ptr<kafka::Producer>>& producers,
                                   SendLog& log, Clock& clock, std::stop_token stop);

}  // namespace kexp::feeder
