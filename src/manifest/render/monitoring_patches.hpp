#pragma once

/// What 40-monitoring changes of kube-prometheus.

#include "render/parts.hpp"

namespace kexp::manifest {

[[nodiscard]] RenderedFile prometheus_patch(const ClusterFile& cluster);
[[nodiscard]] RenderedFile grafana_patch(const ClusterFile& cluster);
/// Intervals of the kubelet, the node exporter and kube-state-metrics.
[[nodiscard]] RenderedFile monitors_patch(const ClusterFile& cluster);
/// The operator and kube-state-metrics on the master. Requires knows_master.
[[nodiscard]] RenderedFile placement_patch(const ClusterFile& cluster);

}  // namespace kexp::manifest
