#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/feeder/feeder.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::feeder {

/// How a feed stands at one moment.
struct LiveFigures {
  SendCounts counts;
  std::int64_t in_flight = 0;
  std::int64_t due_bytes = 0;  ///< That the plan wants sent by now.
  Nanoseconds debt{};          ///< Of the next image.
  Nanoseconds latest{};        ///< The largest lateness since the figures before.
};

/// Shows how a feed goes, as metrics and, every five seconds, as progress.
class LiveReport {
 public:
  /// All outlive it.
  LiveReport(const cycle::Plan& plan, std::string topic, Progress& progress, telemetry::Metrics& metrics);

  void start(SteadyTime t0, std::int64_t planned);
  void publish(const LiveFigures& figures, SteadyTime now);

 private:
  void add(const char* counter, double now, double before, bool of_topic);
  void report_progress(const LiveFigures& figures, SteadyTime now);

  const cycle::Plan& plan_;
  const std::vector<std::string> topic_;
  Progress& progress_;
  telemetry::Metrics& metrics_;
  SteadyTime t0_;
  SendCounts published_;
  SteadyTime last_progress_;
  std::int64_t last_sent_bytes_ = 0, last_due_bytes_ = 0;  // At the last progress.
  Nanoseconds latest_{};                                   // Since the last progress.
};

}  // namespace kexp::feeder
