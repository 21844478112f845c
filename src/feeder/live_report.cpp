#include "live_report.hpp"

#include <algorithm>
#include <utility>

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kProgressInterval = 5s;

double as_seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

}  // namespace

LiveReport::LiveReport(const cycle::Plan& plan, std::string topic, Progress& progress,
                       telemetry::Metrics& metrics)
    : plan_(plan), topic_{std::move(topic)}, progress_(progress), metrics_(metrics) {}

void LiveReport::start(SteadyTime t0, std::int64_t planned) {
  t0_ = t0;
  last_progress_ = t0;
  metrics_.set("planned_records", static_cast<double>(planned));
}

void LiveReport::publish(const LiveFigures& figures, SteadyTime now) {
  const SendCounts& counts = figures.counts;
  const SendCounts before = std::exchange(published_, counts);
  const auto add_topic = [&](const char* counter, std::int64_t SendCounts::*field) {
    add(counter, static_cast<double>(counts.*field), static_cast<double>(before.*field), true);
  };
  add_topic("records_sent_total", &SendCounts::sent);
  add_topic("bytes_sent_total", &SendCounts::sent_bytes);
  add_topic("records_acknowledged_total", &SendCounts::acknowledged);
  add_topic("bytes_acknowledged_total", &SendCounts::acknowledged_bytes);
  add_topic("records_failed_total", &SendCounts::failed);
  add_topic("records_dropped_total", &SendCounts::dropped);
  add("queue_full_total", static_cast<double>(counts.queue_full), static_cast<double>(before.queue_full),
      false);
  add("queue_full_seconds_total", as_seconds(counts.queue_full_ns), as_seconds(before.queue_full_ns), false);
  add("source_starved_total", static_cast<double>(counts.starved), static_cast<double>(before.starved),
      false);
  metrics_.set("in_flight_records", static_cast<double>(figures.in_flight));
  const double elapsed_s = seconds(now - t0_);
  const bool in_plan = elapsed_s >= 0 && elapsed_s < plan_.duration_s();
  metrics_.set("offered_bytes_per_second",
               in_plan ? plan_.segments()[plan_.segment_at(elapsed_s)].target_bytes_per_s : 0);
  metrics_.set("schedule_debt_seconds", seconds(figures.debt));
  latest_ = std::max(latest_, figures.latest);
  if (now - last_progress_ >= kProgressInterval) {
    report_progress(figures, now);
  }
}

// Counters appear with their first look, not with their first event: 0 is a figure, too.
void LiveReport::add(const char* counter, double now, double before, bool of_topic) {
  metrics_.add(counter, std::max(0.0, now - before), of_topic ? topic_ : std::vector<std::string>{});
}

void LiveReport::report_progress(const LiveFigures& figures, SteadyTime now) {
  const SendCounts& counts = figures.counts;
  const double interval_s = seconds(now - last_progress_);
  const double left_s = std::max(0.0, plan_.duration_s() - seconds(now - t0_));
  const auto megabytes_per_s = [&](std::int64_t bytes) {
    return static_cast<double>(bytes) / interval_s / 1e6;
  };
  progress_.report({"feed",
                    "progress",
                    {{"sent", counts.sent},
                     {"planned", counts.planned},
                     {"acknowledged", counts.acknowledged},
                     {"rate_mbps", megabytes_per_s(counts.sent_bytes - last_sent_bytes_)},
                     {"target_mbps", megabytes_per_s(figures.due_bytes - last_due_bytes_)},
                     {"debt_ms", milliseconds(figures.debt)},
                     {"late_max_ms", milliseconds(latest_)},
                     {"eta_s", left_s + seconds(figures.debt)}}});
  last_progress_ = now;
  last_sent_bytes_ = counts.sent_bytes;
  last_due_bytes_ = figures.due_bytes;
  latest_ = {};
}

}  // namespace kexp::feeder
