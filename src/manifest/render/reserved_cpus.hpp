#pragma once

#include <string>

#include "kexp/manifest/cluster_file.hpp"

namespace kexp::manifest {

/// The CPUs that the kubelet keeps for the system, so that those of the consumers are theirs alone: the first
/// core with all its threads, "0" or "0,4". Empty where a node has one core only: then nothing can be set
/// apart.
///
/// With hyper-threading the second thread of core 0 is taken to be the first number of the upper half, as
/// Linux counts; preflight.sh compares that with the machine.
[[nodiscard]] std::string reserved_cpus(const Nodes& nodes);

}  // namespace kexp::manifest
