#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "30-network";
constexpr const char* kDaemonSet = "calico-node";

Yaml variable(const std::string& name, const std::string& value) {
  return Yaml::map({{"name", name}, {"value", value}});
}

/// Only our variables, and what the API asks of every DaemonSet; server-side apply leaves the rest to Calico.
Yaml calico_patch(const ClusterFile& cluster) {
  const Yaml labels = Yaml::map({{"k8s-app", kDaemonSet}});
  Yaml variables = Yaml::list();
  variables.push(variable("CALICO_IPV4POOL_CIDR", cluster.networks.pods));
  variables.push(variable("CALICO_IPV4POOL_IPIP", "CrossSubnet"));
  variables.push(variable("IP_AUTODETECTION_METHOD", "kubernetes-internal-ip"));
  Yaml container = Yaml::map({{"name", kDaemonSet}});
  container.set("env", std::move(variables),
                "Between nodes of one subnet packets go as they are; a tunnel would cost CPU time,\n"
                "thus energy. A node's address is the one that kubeadm was given, whatever other\n"
                "interfaces it has.");
  Yaml patch = names::patch("apps/v1", "DaemonSet", kDaemonSet, "kube-system");
  patch.set(
      "spec",
      Yaml::map({{"selector", Yaml::map({{"matchLabels", labels}})},
                 {"template", Yaml::map({{"metadata", Yaml::map({{"labels", labels}})},
                                         {"spec", Yaml::map({{"containers", Yaml::list({container})}})}})}}));
  return patch;
}

}  // namespace

Files render_network(const ClusterFile& cluster) {
  if (!cluster.existing.empty()) {
    return {};
  }
  return {yaml_file(
              fmt::format("{}/patch-calico-node.yaml", kFolder),
              "What we change of Calico, applied at once after it:\n"
              "kubectl apply --server-side --force-conflicts --field-manager=kexp -f patch-calico-node.yaml",
              {{calico_patch(cluster)}}),
          env_file(fmt::format("{}/network.env", kFolder), "What check-network.sh looks for.",
                   {{"POD_NETWORK", cluster.networks.pods}, {"IPIP_MODE", "CrossSubnet"}}),
          script_file(kFolder, "check-network.sh")};
}

}  // namespace kexp::manifest
