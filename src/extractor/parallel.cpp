#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "kexp/core/error.hpp"

namespace kexp::extractor {

void parallel_for(std::size_t count, int threads, const std::stop_token& stop,
                  const std::function<void(std::size_t, const std::stop_token&)>& work) {
  std::stop_source stop_all;
  const std::stop_callback pass_on(stop, [&] { stop_all.request_stop(); });
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr first_failure;  // Guarded by mutex.
  const auto loop = [&] {
    try {
      for (std::size_t i = next++; i < count && !stop_all.stop_requested(); i = next++) {
        work(i, stop_all.get_token());
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first_failure) {
        first_failure = std::current_exception();
      }
      stop_all.request_stop();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(count, static_cast<std::size_t>(threads)); ++i) {
      workers.emplace_back(loop);
    }
  }
  if (first_failure) {
    std::rethrow_exception(first_failure);
  }
  if (stop.stop_requested()) {
    throw InterruptedError("stopped");
  }
}

}  // namespace kexp::extractor
