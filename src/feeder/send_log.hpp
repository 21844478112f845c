#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::feeder {

enum class SendStatus : std::uint8_t { planned, sent, acknowledged, failed };

/// What became of one planned image; times in ns after t0.
struct SendState {
  std::int64_t sent_ns = 0;
  std::int64_t acked_ns = 0;
  std::int64_t offset = -1;
  SendStatus status = SendStatus::planned;
};

struct SendCounts {
  std::int64_t planned = 0, sent = 0, acknowledged = 0, failed = 0, unknown = 0, queue_full = 0;
  std::int64_t sent_bytes = 0, acknowledged_bytes = 0;
};

/// Keeps what became of every planned image and writes a row of sends.csv for each whose outcome is known.
///
/// Threads: `sending`, `accepted` and `gave_up` from the pacing thread, `reported` from the producer's, a
/// thread of its own writes. The pacing thread hands over nothing but its own entries: it never waits for a
/// file or for the producer.
class SendLog {
 public:
  /// `plan` and the ports outlive the log.
  SendLog(const cycle::Plan& plan, const std::filesystem::path& sends_csv, std::string topic,
          const Clock& clock, Progress& progress, telemetry::Metrics& metrics);
  ~SendLog();
  SendLog(const SendLog&) = delete;
  SendLog& operator=(const SendLog&) = delete;

  /// `t0` and `t0_wall` are the same instant on both clocks.
  void start(SteadyTime t0, WallTime t0_wall);
  /// Just before image `id` is handed to the producer, whose report may come at once.
  void sending(std::uint64_t id, SteadyTime now);
  /// The producer took it.
  void accepted(std::uint64_t id, SteadyTime now);
  /// The producer did not take it.
  void gave_up(std::uint64_t id) { states_[id] = {}; }
  void queue_was_full() { queue_full_.fetch_add(1, std::memory_order_relaxed); }
  void reported(const kafka::DeliveryReport& report);

  /// Ends the writing thread and writes the rows without an outcome as "unknown". Rethrows what stopped the
  /// thread. No call may follow but `states` and `counts`.
  void finish();
  /// True when rows can no longer be written; `finish` tells why.
  [[nodiscard]] bool broken() const { return broken_.load(std::memory_order_relaxed); }

  [[nodiscard]] const std::vector<SendState>& states() const { return states_; }
  [[nodiscard]] SendCounts counts() const;
  /// "image 17: MSG_TIMED_OUT", or empty.
  [[nodiscard]] std::string first_failure() const;

 private:
  void write_reports(std::vector<kafka::DeliveryReport>& reports);
  void write_row(std::uint64_t id, std::string_view status);
  void publish();
  void loop(std::stop_token stop);

  const cycle::Plan& plan_;
  const std::string topic_;
  const Clock& clock_;
  Progress& progress_;
  telemetry::Metrics& metrics_;
  AppendFile file_;
  SteadyTime t0_;
  std::int64_t t0_unix_ns_ = 0;

  std::vector<SendState> states_;  // An entry belongs to the pacing thread, then to the producer's report.
  std::atomic<std::int64_t> sent_{0}, sent_bytes_{0}, queue_full_{0};
  std::atomic<std::int64_t> worst_lateness_ns_{0};  // Since the last progress event.
  std::atomic<bool> broken_{false};

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<kafka::DeliveryReport> reports_;  // Guarded by mutex_, as are the next two.
  std::exception_ptr failure_;
  std::string first_failure_;

  SendCounts written_;  // Of the writing thread, as are the next two.
  SendCounts published_;
  SteadyTime next_progress_;
  std::jthread writer_;  // Last member.
};

}  // namespace kexp::feeder
