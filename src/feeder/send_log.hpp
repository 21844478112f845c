#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "clock_watch.hpp"
#include "in_flight.hpp"
#include "lane.hpp"
#include "live_report.hpp"
#include "live_tables.hpp"
#include "outage_watch.hpp"
#include "sends_file.hpp"

namespace kexp::feeder {

/// What a SendLog writes to and asks; all outlive it.
struct SendLogPorts {
  const Clock& clock;
  Log& log;
  Progress& progress;
  telemetry::Metrics& metrics;
  /// What the producers say of their connections (kafka::Producer::last_fault).
  std::function<std::string()> last_fault;
  /// Notes an event in the run's feed.json.
  std::function<void(std::string_view event, const Json& fields)> note;
  /// Called when rows can no longer be written; `finish` tells why.
  std::function<void()> broken;
};

struct SendLogFiles {
  std::filesystem::path sends;
  LiveTables::Files tables;
};

/// Events that the ring of each lane has room for: of a plan of `images`, and of all lanes within one bound.
[[nodiscard]] std::size_t ring_events(const Lanes& lanes, std::uint64_t images);

/// The account of a feed while it is at work: joins what the pacing threads did with what the producers
/// report, by id, and keeps only what is in flight. Twice a second a thread of its own writes the rows of
/// sends.csv, feed.csv and seconds.csv, shows metrics and progress, and notes outages, stalls and clock
/// steps.
///
/// Threads: each pacing thread has its `lane`, producers call `reported`; the others are the feed's. Nobody
/// waits for a file.
class SendLog {
 public:
  /// `plan` outlives the log. Errors: FailedError when a file is there or cannot be written.
  SendLog(const cycle::Plan& plan, const Lanes& lanes, std::string topic, const SendLogFiles& files,
          SendLogPorts ports);
  ~SendLog();
  SendLog(const SendLog&) = delete;
  SendLog& operator=(const SendLog&) = delete;

  /// `t0` and `t0_wall` are the same instant on both clocks.
  void set_t0(SteadyTime t0, WallTime t0_wall);
  /// Starts the writing thread, which calls `look` from now on.
  void start();

  [[nodiscard]] LaneState& lane(std::size_t index) { return *lane_states_[index]; }
  void reported(const kafka::DeliveryReport& report);

  /// Takes and writes everything that has happened. For tests; otherwise the writing thread's.
  void look();
  /// Notes that this process stood still for `duration` until now.
  void stalled(Nanoseconds duration);

  /// Ends the writing thread: nothing is written or noted after it. As often as wanted.
  void end_writing();
  /// Ends the writing thread and writes the rows without an outcome as "unknown". Rethrows what stopped the
  /// thread. Requires: the pacing threads have ended. No call may follow but those below.
  void finish();
  [[nodiscard]] const SendCounts& counts() const { return counts_; }
  /// The furthest that the sending was behind the plan.
  [[nodiscard]] Nanoseconds worst_debt() const { return worst_debt_; }
  /// Images that were sent but not waited for until their fate was known.
  [[nodiscard]] std::int64_t given_up() const { return given_up_; }
  /// "image 17: MSG_TIMED_OUT", or empty.
  [[nodiscard]] const std::string& first_failure() const { return first_failure_; }

 private:
  void loop(std::stop_token stop);
  void collect();
  void join();
  void take(const SendEvent& event);
  [[nodiscard]] bool take(const kafka::DeliveryReport& report, std::int64_t time_ns);
  void watch(std::int64_t now_ns);
  void note_outage(const ObservedOutage& outage);
  void publish(SteadyTime now);
  void write_unknown();
  void flush();
  [[nodiscard]] std::int64_t after_t0(SteadyTime time) const { return (time - t0_).count(); }
  [[nodiscard]] std::optional<std::int64_t> oldest_in_flight() const;
  [[nodiscard]] Nanoseconds debt(std::int64_t now_ns) const;

  const cycle::Plan& plan_;
  const Lanes lanes_;
  const SendLogPorts ports_;
  std::vector<std::unique_ptr<LaneState>> lane_states_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<kafka::DeliveryReport> incoming_;  // Guarded by mutex_.
  std::exception_ptr failure_;                   // Of the writing thread, for after its end.

  // Of whoever looks.
  SendsFile sends_;
  LiveTables tables_;
  LiveReport live_;
  OutageWatch outages_;
  ClockWatch wall_clock_;
  SteadyTime t0_;
  std::int64_t t0_unix_ns_ = 0;
  std::vector<InFlight> in_flight_;  // By lane.
  std::vector<SendEvent> events_;
  std::vector<kafka::DeliveryReport> reports_;
  std::vector<kafka::DeliveryReport> early_;  // Reports of sends that are not known yet.
  std::vector<double> lateness_s_, delivery_s_;
  SendCounts counts_;
  Nanoseconds latest_{};  // Since the last look.
  Nanoseconds worst_debt_{};
  std::string first_failure_;
  std::int64_t given_up_ = 0;
  bool told_silence_ = false;

  std::jthread writer_;  // Last member.
};

}  // namespace kexp::feeder
