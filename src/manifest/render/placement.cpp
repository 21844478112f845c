#include "render/placement.hpp"

#include "names.hpp"

namespace kexp::manifest {

bool knows_master(const ClusterFile& cluster) { return cluster.existing.empty(); }

void place_on_master(Yaml& pod_spec) {
  pod_spec.set("nodeSelector", Yaml::map({{"kubernetes.io/os", "linux"}, {names::kRoleLabel, "infra"}}),
               "On the master: what watches the experiment is not to draw the workers' power.");
  pod_spec.set("tolerations", Yaml::list({Yaml::map({{"key", "node-role.kubernetes.io/control-plane"},
                                                     {"operator", "Exists"},
                                                     {"effect", "NoSchedule"}})}));
}

}  // namespace kexp::manifest
