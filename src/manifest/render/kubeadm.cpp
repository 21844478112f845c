#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"
#include "render/reserved_cpus.hpp"
#include "scripts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "20-kubeadm";
constexpr const char* kKubeadm = "kubeadm.k8s.io/v1beta4";
constexpr const char* kContainerd = "unix:///run/containerd/containerd.sock";
constexpr int kApiPort = 6443;

/// A join file needs a token and the hash of the cluster's CA, which exist after init only: these stand there
/// until make-join.sh fills them in. Both are well-formed, so the file can be validated as it is.
constexpr const char* kPlaceholderToken = "placeh.olderplaceholder";
const std::string kPlaceholderHash = "sha256:" + std::string(64, '0');

std::string path(const std::string& name) { return fmt::format("{}/{}", kFolder, name); }

std::string endpoint(const ClusterFile& cluster) {
  return fmt::format("{}:{}", names::master_address(cluster), kApiPort);
}

Yaml document(const std::string& api_version, const std::string& kind) {
  return Yaml::map({{"apiVersion", api_version}, {"kind", kind}});
}

/// kubeadm's arguments are a list since v1beta4.
Yaml argument(const std::string& name, const std::string& value) {
  return Yaml::map({{"name", name}, {"value", value}}).on_one_line();
}

Yaml registration(const Node& node, const std::string& role) {
  Yaml arguments = Yaml::list({argument("node-ip", node.address),
                               argument("node-labels", fmt::format("{}={}", names::kRoleLabel, role))});
  Yaml result = Yaml::map({{"name", node.name}, {"criSocket", kContainerd}});
  result.set("kubeletExtraArgs", std::move(arguments),
             "A kubelet may not give itself node-role.kubernetes.io labels; label-nodes.sh adds those.");
  return result;
}

YamlDocument init_configuration(const ClusterFile& cluster) {
  const Node& master = cluster.nodes.master;
  Yaml root = document(kKubeadm, "InitConfiguration");
  root.set("bootstrapTokens", Yaml::list({Yaml::map({{"ttl", "2h0m0s"}}).on_one_line()}),
           "kubeadm makes the token up; make-join.sh makes others.");
  root.set("localAPIEndpoint", Yaml::map({{"advertiseAddress", master.address}, {"bindPort", kApiPort}}));
  root.set("nodeRegistration", registration(master, "infra"),
           "Without `taints` the master keeps control-plane:NoSchedule, so consumers run on workers alone.");
  return {std::move(root), "The master."};
}

/// Its default address is 127.0.0.1, where Prometheus cannot come; the port asks for a token.
Yaml reachable() { return Yaml::map({{"extraArgs", Yaml::list({argument("bind-address", "0.0.0.0")})}}); }

YamlDocument cluster_configuration(const ClusterFile& cluster) {
  const Node& master = cluster.nodes.master;
  const Networks& networks = cluster.networks;
  Yaml root = document(kKubeadm, "ClusterConfiguration");
  root.set("kubernetesVersion", "v" + cluster.versions.kubernetes);
  root.set("clusterName", cluster.name);
  root.set("controlPlaneEndpoint", endpoint(cluster),
           "Cannot be set later, and a second master would need it.");
  root.set("networking", Yaml::map({{"podSubnet", networks.pods},
                                    {"serviceSubnet", networks.services},
                                    {"dnsDomain", networks.dns_domain}}));
  root.set("apiServer", Yaml::map({{"certSANs", Yaml::list({master.address, master.name}).on_one_line()}}));
  root.set("controllerManager", reachable(), "Prometheus scrapes both; they ask it for a token.");
  root.set("scheduler", reachable());
  return {std::move(root), "The cluster."};
}

YamlDocument kubelet_configuration(const ClusterFile& cluster) {
  Yaml root = document("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration");
  root.set("cgroupDriver", "systemd", "As in containerd-config.toml.");
  if (const std::string reserved = reserved_cpus(cluster.nodes); !reserved.empty()) {
    root.set("cpuManagerPolicy", "static",
             "A Guaranteed pod with whole CPUs has them to itself; what is left runs on the others.");
    if (cluster.nodes.cpu_control.smt) {
      root.set("cpuManagerPolicyOptions", Yaml::map({{"full-pcpus-only", "true"}}),
               "No two pods on one core.");
    }
    root.set("reservedSystemCPUs", reserved, "The first core, for the system; pods cannot ask for it.");
  }
  root.set("systemReserved", Yaml::map({{"memory", "512Mi"}}));
  root.set("serializeImagePulls", false);
  root.set("maxParallelImagePulls", 3);
  return {std::move(root), "The kubelet of every node."};
}

YamlDocument proxy_configuration() {
  Yaml root = document("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration");
  root.set("mode", "iptables");
  return {std::move(root), "kube-proxy of every node."};
}

RenderedFile init_file(const ClusterFile& cluster) {
  return yaml_file(path("init.yaml"),
                   "kubeadm's configuration of the control plane; init.sh uses it.\n"
                   "kubeadm config validate --config init.yaml",
                   {init_configuration(cluster), cluster_configuration(cluster),
                    kubelet_configuration(cluster), proxy_configuration()});
}

RenderedFile join_file(const ClusterFile& cluster, const Node& worker) {
  Yaml token = Yaml::map({{"token", kPlaceholderToken},
                          {"apiServerEndpoint", endpoint(cluster)},
                          {"caCertHashes", Yaml::list({kPlaceholderHash})}});
  Yaml root = document(kKubeadm, "JoinConfiguration");
  root.set("discovery", Yaml::map({{"bootstrapToken", std::move(token)}}));
  root.set("nodeRegistration", registration(worker, "worker"));
  return yaml_file(path(fmt::format("join-{}.yaml", worker.name)),
                   fmt::format("How {} joins the cluster. Token and hash are placeholders:\n"
                               "make-join.sh fills them in on the master.",
                               worker.name),
                   {{std::move(root)}});
}

RenderedFile reset_file() {
  Yaml root = document(kKubeadm, "ResetConfiguration");
  root.set("force", true, "reset.sh has asked.");
  root.set("criSocket", kContainerd);
  root.set("cleanupTmpDir", true);
  return yaml_file(path("reset.yaml"), "How a node leaves the cluster; reset.sh uses it.",
                   {{std::move(root)}});
}

std::string worker_names(const Nodes& nodes) {
  std::string text;
  for (const Node& worker : nodes.workers) {
    text += (text.empty() ? "" : " ") + worker.name;
  }
  return text;
}

std::string label_lines(const Nodes& nodes) {
  std::string text;
  const auto append = [&](const Node& node) {
    for (const auto& [key, value] : node.labels) {
      text += fmt::format("{} {}={}\n", node.name, key, value);
    }
  };
  append(nodes.master);
  for (const Node& worker : nodes.workers) {
    append(worker);
  }
  return text.empty() ? text : "\n" + text;
}

/// Namespaces in the order in which they can go: those that use operators before the operators.
std::string namespaces(const ClusterFile& cluster) {
  std::string text = cluster.consumers.namespace_name;
  if (cluster.scaler.kind == Scaler::Kind::keda) {
    text += fmt::format(" {}", names::kKedaNamespace);
  }
  if (cluster.kepler.enabled) {
    text += fmt::format(" {}", names::kKeplerNamespace);
  }
  return text + " " + cluster.monitoring.namespace_name;
}

RenderedFile settings(const ClusterFile& cluster) {
  return env_file(
      path("kubeadm.env"), "What the scripts here need to know of the cluster file.",
      {{"CLUSTER", cluster.name},
       {"MASTER", cluster.nodes.master.name},
       {"WORKERS", worker_names(cluster.nodes)},
       {"NODE_LABELS", label_lines(cluster.nodes), "Labels of cluster.yaml: node, label, a line each."},
       {"NAMESPACES", namespaces(cluster), "What `reset.sh cluster` removes, in this order."},
       {"PLACEHOLDER_TOKEN", kPlaceholderToken, "What make-join.sh replaces in join-*.yaml."},
       {"PLACEHOLDER_HASH", kPlaceholderHash}});
}

}  // namespace

Files render_kubeadm(const ClusterFile& cluster) {
  if (!cluster.existing.empty()) {
    return {};
  }
  Files files = {settings(cluster), init_file(cluster), reset_file()};
  for (const Node& worker : cluster.nodes.workers) {
    files.push_back(join_file(cluster, worker));
  }
  for (const char* name : {"init.sh", "make-join.sh", "join.sh", "label-nodes.sh", "reset.sh"}) {
    files.push_back(script_file(kFolder, name));
  }
  return files;
}

}  // namespace kexp::manifest
