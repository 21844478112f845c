#include "cpu_share.hpp"

#include "kexp/core/cpu_quota.hpp"
#include "kexp/core/cpu_time.hpp"

namespace kexp::feeder {

CpuShare::CpuShare(const Clock& clock)
    : clock_(clock), began_(clock.now()), cpu_before_(process_cpu_time()) {}

double CpuShare::share() const {
  const double cpus = read_cpu_limits().cpus();
  const double lasted_s = seconds(clock_.now() - began_);
  return lasted_s > 0 ? seconds(process_cpu_time() - cpu_before_) / lasted_s / cpus : 0;
}

}  // namespace kexp::feeder
