#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace kexp::extractor {

/// Calls `work(i, stop)` for every i below `count`, on up to `threads` threads, in about that order.
///
/// The first exception stops the others and is thrown here after all have ended. Errors: InterruptedError
/// when `stop` was requested before everything was done.
void parallel_for(std::size_t count, int threads, const std::stop_token& stop,
                  const std::function<void(std::size_t, const std::stop_token&)>& work);

}  // namespace kexp::extractor
