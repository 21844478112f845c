#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "kexp/core/cpu_quota.hpp"
#include "kexp/inference/detector.hpp"

#include "cpu_plan.hpp"
#include "quota_pace.hpp"
#include "worker.hpp"

namespace kexp::consumer {

/// The detectors of one process, all of the same model.
using Detectors = std::vector<std::unique_ptr<inference::Detector>>;

/// Every stream on a thread of its own with a detector of its own; where the plan has room for it, one thread
/// more decodes ahead of them.
///
/// Everything referred to outlives it. Destroying it waits for the images in work, without a bound: `finish`
/// has one.
class Streams {
 public:
  struct Parts {
    Exchange& exchange;
    const Detectors& detectors;
    Clock& clock;
    const ThrottleMeter& throttling;
    telemetry::Metrics& metrics;
    Log& log;
    AnswerSender* sender = nullptr;  ///< Without one no answers are sent.
    Identity identity;
    CpuPlan plan;
    image::DecodeLimits picture_limits;
  };
  explicit Streams(Parts parts);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams();

  /// Only after the consumer's first bookkeeping: idle time counts from here.
  void start();
  /// Lets the threads end after the work at hand; false when one still works at the bound.
  [[nodiscard]] bool finish(std::chrono::milliseconds bound);

  /// The sum over the streams.
  [[nodiscard]] Worker::Progress take_progress();

 private:
  struct Stream {
    Stream(const Parts& parts, QuotaPace& pace, std::stop_token ending, inference::Detector& detector);
    ImageProcessor processor;
    Worker worker;
  };
  void run(const std::function<void()>& work);
  void decode_ahead();

  const Parts parts_;
  QuotaPace pace_;
  std::stop_source ending_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;            // Guarded by mutex_.
  std::vector<std::jthread> threads_;  // Last member.
};

}  // namespace kexp::consumer
