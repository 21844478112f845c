#pragma once

/// Our own objects of 40-monitoring.

#include <optional>

#include "render/parts.hpp"

namespace kexp::manifest {

/// Whether `port` of the cluster file is opened on the master's LAN address; never in a cluster that is
/// there.
[[nodiscard]] bool publishes(const ClusterFile& cluster, int port);

[[nodiscard]] RenderedFile storage_file(const ClusterFile& cluster);
[[nodiscard]] RenderedFile control_plane_file();  // of a kubeadm cluster
[[nodiscard]] RenderedFile kafka_scrape_file(const ClusterFile& cluster);
/// nullopt where nobody is to be let in.
[[nodiscard]] std::optional<RenderedFile> network_policies_file(const ClusterFile& cluster);
[[nodiscard]] RenderedFile energy_rules_file(const ClusterFile& cluster);

}  // namespace kexp::manifest
