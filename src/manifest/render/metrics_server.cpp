#include "names.hpp"
#include "render/parts.hpp"
#include "render/placement.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kName = "metrics-server";
constexpr const char* kNamespace = "kube-system";

Yaml arguments() {
  return Yaml::list({"--cert-dir=/tmp", "--secure-port=10250", "--kubelet-preferred-address-types=InternalIP",
                     "--kubelet-use-node-status-port", "--metric-resolution=15s", "--kubelet-insecure-tls"});
}

Yaml pod_spec() {
  Yaml container = Yaml::map({{"name", kName}});
  container.set(
      "args", arguments(),
      "The whole list: a patch replaces it.\n"
      "15s is the shortest resolution that works: the kubelet computes usage about as often, and with 10s "
      "metrics-server exits at once unless its request timeout is below 9s.\n"
      "insecure-tls: kubeadm's kubelets sign their own certificates. The requests stay in the LAN and "
      "authenticate by token; for more, set serverTLSBootstrap in the kubelets' configuration.");
  Yaml spec = Yaml::map({{"containers", Yaml::list({std::move(container)})}});
  place_on_master(spec);
  return spec;
}

}  // namespace

Files render_metrics_server(const ClusterFile& cluster) {
  if (!cluster.existing.empty()) {
    return {};
  }
  const Yaml labels = Yaml::map({{"k8s-app", kName}});
  Yaml deployment = names::patch("apps/v1", "Deployment", kName, kNamespace);
  deployment.set("spec", Yaml::map({{"selector", Yaml::map({{"matchLabels", labels}})},
                                    {"template", Yaml::map({{"metadata", Yaml::map({{"labels", labels}})},
                                                            {"spec", pod_spec()}})}}));
  return {yaml_file(
      "50-metrics-server/patch-metrics-server.yaml",
      "metrics-server: where the HorizontalPodAutoscaler reads CPU usage. The API v1beta1.metrics.k8s.io\n"
      "belongs to it alone: kube-prometheus' prometheus-adapter would take the same one, whoever is\n"
      "applied last has it, and the two measure differently. That is why the adapter is left out.",
      {{std::move(deployment)}})};
}

}  // namespace kexp::manifest
