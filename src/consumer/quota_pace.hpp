#pragma once

#include <functional>
#include <mutex>
#include <stop_token>

#include "kexp/core/clock.hpp"
#include "kexp/core/cpu_time.hpp"

namespace kexp::consumer {

/// Keeps a consumer within its CPU quota by short pauses between images.
///
/// With as many inference threads as the quota has CPUs, what the other threads use (Kafka's client, metrics)
/// comes on top, on other cores. The kernel takes it back by stopping every thread until the quota's next
/// period, in the middle of an inference, which then takes longer than others. A pause of a stream between
/// two images costs the same and stretches none. Threads: any; one stream pauses at a time.
class QuotaPace {
 public:
  struct Setting {
    double quota_cpus = 0;       ///< 0: no quota, never a pause.
    int threads = 1;             ///< Of inference, of all streams together.
    int threads_per_stream = 1;  ///< Those that a pause stops.
  };
  /// `clock` outlives it.
  QuotaPace(const Setting& setting, Clock& clock, std::function<Nanoseconds()> cpu_time = process_cpu_time);

  /// Between two images: waits as long as it takes until the process has used no more than its quota, at most
  /// 100 ms and not beyond a stop. How long it waited.
  Nanoseconds pause(std::stop_token stop);

 private:
  [[nodiscard]] Nanoseconds begin_pause();

  const double quota_;
  const double repaid_;  // In a second of a pause, in seconds of CPU.
  Clock& clock_;
  const std::function<Nanoseconds()> cpu_time_;
  std::mutex mutex_;
  // All below is guarded by mutex_.
  SteadyTime counted_at_;
  Nanoseconds counted_cpu_;
  Nanoseconds owed_{};
  SteadyTime paused_until_{};
};

}  // namespace kexp::consumer
