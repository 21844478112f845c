#include "kexp/core/cpu_time.hpp"

#include <time.h>

namespace kexp {
namespace {

Nanoseconds read(clockid_t clock) {
  timespec time{};
  (void)clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace

Nanoseconds process_cpu_time() { return read(CLOCK_PROCESS_CPUTIME_ID); }

Nanoseconds thread_cpu_time() { return read(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace kexp
