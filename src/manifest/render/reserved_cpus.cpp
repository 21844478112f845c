#include "render/reserved_cpus.hpp"

#include <fmt/format.h>

namespace kexp::manifest {

std::string reserved_cpus(const Nodes& nodes) {
  const std::int64_t threads = nodes.cpus.milli / 1000;
  const std::int64_t cores = nodes.cpu_control.smt ? threads / 2 : threads;
  if (cores < 2) {
    return "";
  }
  return nodes.cpu_control.smt ? fmt::format("0,{}", cores) : "0";
}

}  // namespace kexp::manifest
