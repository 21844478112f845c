#pragma once

#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

#include "kexp/core/clock.hpp"
#include "kexp/stats/histogram.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "answer_sender.hpp"
#include "exchange.hpp"
#include "image_processor.hpp"
#include "quota_pace.hpp"

namespace kexp::consumer {

/// One stream: takes messages from the exchange, processes them one by one and sends the answers.
///
/// Threads: `run` on one of the stream's own, `take_progress` on any. Everything referred to outlives it.
class Worker {
 public:
  /// Without a sender no answers are sent.
  struct Parts {
    Exchange& exchange;
    ImageProcessor& processor;
    const Clock& clock;
    telemetry::Metrics& metrics;
    QuotaPace& pace;
    std::stop_token ending;  ///< Of the stream: no pause goes beyond it.
    AnswerSender* sender = nullptr;
  };
  explicit Worker(Parts parts) : parts_(std::move(parts)) {}

  /// Works until the exchange has nothing more to do; what ends it earlier is told to the exchange.
  void run();

  struct Progress {
    std::uint64_t processed = 0;
    std::uint64_t errors = 0;
    stats::Histogram inference;  ///< Since the last call.
  };
  [[nodiscard]] Progress take_progress();

 private:
  void work_on(Task task);
  void answer(const Ticket& ticket, record::Result result);
  void count(const record::Result& result);

  const Parts parts_;
  SteadyTime idle_since_{};
  std::mutex mutex_;
  Progress progress_;  // Guarded by mutex_.
};

}  // namespace kexp::consumer
