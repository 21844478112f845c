#pragma once

#include "kexp/core/cpu_quota.hpp"

namespace kexp::consumer {

/// How a consumer uses its CPUs.
struct CpuPlan {
  int streams = 1;             ///< Images in inference at the same time.
  int threads_per_stream = 1;  ///< Of one inference.
  double quota_cpus = 0;       ///< 0 when there is none.
  bool decode_ahead = false;   ///< The next images are decoded on a thread of their own meanwhile.

  [[nodiscard]] int threads() const { return streams * threads_per_stream; }
};

/// CPUs beside those of inference that decoding ahead needs: less, and it would only take them from inference
/// or run into the quota. Decoding takes a tenth of the time of detecting, or less.
inline constexpr double kDecodeAheadCpus = 0.25;

/// Splits `threads` (0: what the limits allow) into `streams` (0: as many as there are threads, one each;
/// what measures best, docs/benchmarks.md). What does not divide is left unused. Errors: UsageError naming
/// --streams when there are fewer threads.
[[nodiscard]] CpuPlan plan_cpus(int threads, int streams, const CpuLimits& limits);

}  // namespace kexp::consumer
