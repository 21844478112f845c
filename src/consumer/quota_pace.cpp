#include "quota_pace.hpp"

#include <algorithm>
#include <utility>

namespace kexp::consumer {

namespace {

/// Of the quota: the kernel counts by the period, and what one has left is not the next one's.
constexpr double kAimedAt = 0.99;
/// Shorter pauses cost as much as they are worth; what is owed is kept.
constexpr Nanoseconds kShortest = std::chrono::microseconds(500);
/// What was not used counts for so much only, as much as a pause may be too long: the kernel keeps nothing.
constexpr Nanoseconds kMostCredit = std::chrono::milliseconds(1);
/// A period of the kernel's: after it, it has taken back itself what was used before.
constexpr Nanoseconds kLongest = std::chrono::milliseconds(100);

Nanoseconds times(Nanoseconds duration, double factor) {
  return Nanoseconds(static_cast<std::int64_t>(static_cast<double>(duration.count()) * factor));
}

}  // namespace

QuotaPace::QuotaPace(const Setting& setting, Clock& clock, std::function<Nanoseconds()> cpu_time)
    : quota_(kAimedAt * setting.quota_cpus),
      repaid_(quota_ - (setting.threads - setting.threads_per_stream)),
      clock_(clock),
      cpu_time_(std::move(cpu_time)),
      counted_at_(clock.now()),
      counted_cpu_(cpu_time_()) {}

Nanoseconds QuotaPace::pause(std::stop_token stop) {
  if (quota_ <= 0 || repaid_ <= 0) {
    return Nanoseconds(0);
  }
  const Nanoseconds pause = begin_pause();
  if (pause == Nanoseconds(0)) {
    return pause;
  }
  const SteadyTime begun = clock_.now();
  return clock_.sleep_until(begun + pause, std::move(stop)) ? pause : clock_.now() - begun;
}

Nanoseconds QuotaPace::begin_pause() {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.now();
  if (now < paused_until_) {
    return Nanoseconds(0);  // What is owed now is being repaid.
  }
  const Nanoseconds cpu = cpu_time_();
  owed_ += cpu - counted_cpu_ - times(now - counted_at_, quota_);
  owed_ = std::clamp(owed_, -kMostCredit, kLongest);
  counted_at_ = now;
  counted_cpu_ = cpu;
  const Nanoseconds pause = std::min(times(owed_, 1 / repaid_), kLongest);
  if (pause < kShortest) {
    return Nanoseconds(0);
  }
  paused_until_ = now + pause;
  return pause;
}

}  // namespace kexp::consumer
