#pragma once

/// What Prometheus computes of Kepler's joules, once for everybody who asks.

#include <string>

#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/yaml.hpp"

namespace kexp::manifest {

/// The groups of rules, as `groups` of a PrometheusRule and of Prometheus' own rule files have them.
[[nodiscard]] Yaml energy_rule_groups(const ClusterFile& cluster);

}  // namespace kexp::manifest
