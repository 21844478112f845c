#pragma once

/// Where the pods go that watch an experiment and do no work of it.

#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/yaml.hpp"

namespace kexp::manifest {

/// Whether kexp set the nodes up, so that the master bears its role as a label.
[[nodiscard]] bool knows_master(const ClusterFile& cluster);

/// Keeps the pods of `pod_spec` on the master, whose joules are not the workload's. Requires knows_master.
void place_on_master(Yaml& pod_spec);

}  // namespace kexp::manifest
