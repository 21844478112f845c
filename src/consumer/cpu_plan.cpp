#include "cpu_plan.hpp"

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::consumer {

CpuPlan plan_cpus(int threads, int streams, const CpuLimits& limits) {
  const int all = threads > 0 ? threads : limits.threads();
  if (streams > all) {
    throw UsageError(
        fmt::format("--streams must be at most the number of inference threads, {} ({}), got {}", all,
                    threads > 0 ? "--threads" : "what CPUs and quota allow; --threads changes it", streams));
  }
  CpuPlan plan;
  plan.streams = streams > 0 ? streams : all;
  plan.threads_per_stream = all / plan.streams;
  plan.quota_cpus = limits.quota_cpus;
  plan.decode_ahead = limits.cpus() - plan.threads() >= kDecodeAheadCpus;
  return plan;
}

}  // namespace kexp::consumer
