#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "kexp/core/clock.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/stats/histogram.hpp"
#include "kexp/telemetry/metrics.hpp"

#include "exchange.hpp"
#include "image_processor.hpp"

namespace kexp::consumer {

/// Takes messages from the exchange, processes them one by one and sends the answers, on a thread of its own.
///
/// What ends the thread early is told to the exchange. Everything referred to outlives it; destroying it
/// closes the exchange and waits for the image in work.
class Worker {
 public:
  /// Without a producer no answers are sent.
  struct Parts {
    Exchange& exchange;
    ImageProcessor& processor;
    const Clock& clock;
    telemetry::Metrics& metrics;
    kafka::Producer* producer = nullptr;
    std::string output_topic;
  };
  explicit Worker(Parts parts) : parts_(std::move(parts)) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Only after the consumer's first bookkeeping: its idle time counts from here.
  void start();
  /// Lets the thread end after the work at hand, and joins it.
  void finish();

  struct Progress {
    std::uint64_t processed = 0;
    std::uint64_t errors = 0;
    stats::Histogram inference;  ///< Since the last call.
  };
  [[nodiscard]] Progress take_progress();

 private:
  void run();
  void work_on(Task task);
  void count(const record::Result& result);
  void send_again(const std::shared_ptr<Answer>& answer);
  void send(const std::shared_ptr<Answer>& answer);

  Parts parts_;
  SteadyTime idle_since_{};
  std::mutex mutex_;
  Progress progress_;    // Guarded by mutex_.
  std::jthread thread_;  // Last member.
};

}  // namespace kexp::consumer
