#include "pacing_threads.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "kexp/core/cpu_time.hpp"

namespace kexp::feeder {
namespace {

class PacingThreads {
 public:
  PacingThreads(const Sending& sending, const Lanes& lanes, const PacingOptions& options, SendLog& log,
                Clock& clock)
      : sending_(sending), lanes_(lanes), options_(options), log_(log), clock_(clock) {}

  PacingEnd run(const std::vector<std::unique_ptr<kafka::Producer>>& producers, std::stop_token stop) {
    {
      const std::stop_callback pass_on(std::move(stop), [this] { stop_.request_stop(); });
      std::vector<std::jthread> threads;
      for (std::size_t lane = 0; lane < producers.size(); ++lane) {
        threads.emplace_back([this, lane, &producers] { work(lane, *producers[lane]); });
      }
    }
    return end_;
  }

 private:
  void work(std::size_t lane, kafka::Producer& producer) {
    try {
      play(lane, producer);
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      end_.error = end_.error ? end_.error : std::current_exception();
      stop_.request_stop();
    }
    {
      const std::scoped_lock lock(mutex_);
      end_.paced = std::max(end_.paced, clock_.now());
    }
    const std::size_t unanswered = producer.flush(options_.flush_timeout, stop_.get_token());
    const std::scoped_lock lock(mutex_);
    end_.unanswered += unanswered;
  }

  void play(std::size_t lane, kafka::Producer& producer) {
    const SteadyTime began = clock_.now();
    const Nanoseconds cpu_before = thread_cpu_time();
    const auto overloaded =
        pace(sending_, lanes_, lane, log_.lane(lane), Overload(options_.on_overload, options_.max_debt),
             producer, clock_, stop_.get_token());
    const double lasted_s = seconds(clock_.now() - began);
    const std::scoped_lock lock(mutex_);
    if (lasted_s > 0) {
      end_.cpu = std::max(end_.cpu, seconds(thread_cpu_time() - cpu_before) / lasted_s);
    }
    if (overloaded) {
      end_.overloaded = end_.overloaded ? end_.overloaded : overloaded;
      stop_.request_stop();
    }
  }

  const Sending& sending_;
  const Lanes& lanes_;
  const PacingOptions& options_;
  SendLog& log_;
  Clock& clock_;
  std::stop_source stop_;
  std::mutex mutex_;
  PacingEnd end_;  // Guarded by mutex_.
};

}  // namespace

PacingEnd run_pacing(const Sending& sending, const Lanes& lanes, const PacingOptions& options,
                     const std::vector<std::unique_ptr<kafka::Producer>>& producers, SendLog& log,
                     Clock& clock, std::stop_token stop) {
  return PacingThreads(sending, lanes, options, log, clock).run(producers, std::move(stop));
}

}  // namespace kexp::feeder
