#pragma once

#include "kexp/core/clock.hpp"

namespace kexp {

/// CPU time that this process with all its threads, or the calling thread, has used so far.
[[nodiscard]] Nanoseconds process_cpu_time();
[[nodiscard]] Nanoseconds thread_cpu_time();

}  // namespace kexp
