#pragma once

#include "kexp/core/clock.hpp"

namespace kexp::feeder {

/// How much of the CPUs that it may use (quota and affinity) this process takes, from now on.
class CpuShare {
 public:
  explicit CpuShare(const Clock& clock);
  /// CPU time over time and CPUs, so far; 0 when no time has passed.
  [[nodiscard]] double share() const;

 private:
  const Clock& clock_;
  SteadyTime began_;
  Nanoseconds cpu_before_;
};

}  // namespace kexp::feeder
