#include <fmt/format.h>

#include "kexp/core/sha256.hpp"

#include "names.hpp"
#include "render/parts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "60-kepler/";
constexpr const char* kName = "kepler";
constexpr const char* kComponent = "energy";
constexpr const char* kRbac = "rbac.authorization.k8s.io/v1";
constexpr const char* kRbacGroup = "rbac.authorization.k8s.io";
constexpr const char* kConfigFile = "config.yaml";

Yaml ours(const char* api_version, const char* kind) {
  return names::object(api_version, kind, kName, names::kKeplerNamespace, kComponent);
}

Yaml selected() { return Yaml::map({{names::kNameLabel, kName}}); }

// ---- Who it is and what it may

Yaml namespace_object() {
  return names::object(
      "v1", "Namespace", names::kKeplerNamespace, "", kComponent,
      {{"pod-security.kubernetes.io/enforce", "privileged",
        "For host directories and the host's processes, which is where a node's joules are; this "
        "namespace holds Kepler and nothing else."}});
}

Yaml cluster_role() {
  Yaml role = names::object(kRbac, "ClusterRole", "kexp-kepler", "", kComponent);
  role.set("rules",
           Yaml::list({Yaml::map({{"apiGroups", Yaml::list({""}).on_one_line()},
                                  {"resources", Yaml::list({"pods"}).on_one_line()},
                                  {"verbs", Yaml::list({"get", "list", "watch"}).on_one_line()}})}),
           "Names for the containers that it finds among the processes. No nodes/proxy: it does not ask "
           "kubelets.");
  return role;
}

Yaml cluster_role_binding() {
  Yaml binding = names::object(kRbac, "ClusterRoleBinding", "kexp-kepler", "", kComponent);
  binding.set("roleRef",
              Yaml::map({{"apiGroup", kRbacGroup}, {"kind", "ClusterRole"}, {"name", "kexp-kepler"}}));
  binding.set("subjects",
              Yaml::list({Yaml::map(
                  {{"kind", "ServiceAccount"}, {"name", kName}, {"namespace", names::kKeplerNamespace}})}));
  return binding;
}

RenderedFile access_file(const ClusterFile& cluster) {
  std::vector<YamlDocument> documents{
      {namespace_object()}, {ours("v1", "ServiceAccount")}, {cluster_role()}, {cluster_role_binding()}};
  for (YamlDocument& document : prometheus_role(cluster, names::kKeplerNamespace)) {
    documents.push_back(std::move(document));
  }
  return yaml_file(
      std::string(kFolder) + "access.yaml",
      "Kepler's namespace, what Kepler may ask the API server, and what Prometheus may see here.", documents);
}

// ---- What it measures

Yaml monitor_settings(const Kepler& kepler) {
  Yaml monitor = Yaml::map({{"interval", to_text(kepler.interval)}});
  monitor.set("staleness", "100ms", "A scrape gets fresh values unless another came just before.");
  monitor.set(
      "maxTerminated", -1,
      "However many pods end between two scrapes, and however little they used: it belongs to the run.");
  monitor.set("minTerminatedEnergyThreshold", 0);
  return monitor;
}

/// Kepler's own configuration, a YAML file inside the ConfigMap.
std::string settings(const ClusterFile& cluster) {
  Yaml root = Yaml::map();
  root.set("log", Yaml::map({{"level", "info"}, {"format", "text"}}).on_one_line());
  root.set("host", Yaml::map({{"sysfs", "/host/sys"}, {"procfs", "/host/proc"}}).on_one_line());
  root.set("monitor", monitor_settings(cluster.kepler));
  root.set(
      "cpu", Yaml::map({{"preferredMeters", Yaml::list({"rapl"})}}).on_one_line(),
      "RAPL or nothing: on a node without it Kepler exits and the node is not measured. By default it would "
      "go on with hwmon, which is another quantity under the same name.");
  root.set("rapl", Yaml::map({{"zones", Yaml::list()}}).on_one_line(), "All that the CPU has.");
  root.set(
      "exporter",
      Yaml::map({{"prometheus",
                  Yaml::map({{"enabled", true},
                             {"debugCollectors", Yaml::list().on_one_line()},
                             {"metricsLevel", Yaml::list({"node", "container", "pod"}).on_one_line()}})}}),
      "No series for each process: thousands, and no figure needs them.");
  root.set(
      "web",
      Yaml::map({{"listenAddresses", Yaml::list({fmt::format(":{}", names::kKeplerPort)})}}).on_one_line());
  root.set("kube",
           Yaml::map({{"enabled", true}, {"podInformer", Yaml::map({{"mode", "apiserver"}})}}).on_one_line(),
           "The kubelet is polled every 15 s only, and short pods would have no name.");
  return write_yaml({{std::move(root)}});
}

Yaml config_map(const std::string& text) {
  Yaml object = ours("v1", "ConfigMap");
  object.set("data", Yaml::map({{kConfigFile, text}}));
  return object;
}

// ---- How it runs

Yaml security(const Kepler& kepler) {
  Yaml context = Yaml::map();
  if (kepler.privileged) {
    context.set("privileged", true,
                "As the cluster file asks (kepler.privileged): everything that root may on the node.");
    return context;
  }
  context.set("runAsUser", 0, "energy_uj is readable by root alone since CVE-2020-8694.");
  context.set("allowPrivilegeEscalation", false);
  context.set("readOnlyRootFilesystem", true);
  Yaml capabilities = Yaml::map({{"drop", Yaml::list({"ALL"}).on_one_line()}});
  capabilities.set(
      "add", Yaml::list({"SYS_PTRACE"}).on_one_line(),
      "To read /proc/<pid> of other users' processes, whose CPU time shares the joules out. Not tested "
      "on hardware: where pods stay without joules, set kepler.privileged in the cluster file.");
  context.set("capabilities", std::move(capabilities));
  context.set("appArmorProfile", Yaml::map({{"type", "Unconfined"}}).on_one_line(),
              "The runtime's AppArmor profile lets it look at processes of the same profile only, capability "
              "or not.");
  context.set("seccompProfile", Yaml::map({{"type", "RuntimeDefault"}}).on_one_line());
  return context;
}

Yaml probe(const char* path, int delay, int period) {
  return Yaml::map({{"httpGet", Yaml::map({{"path", path}, {"port", names::kKeplerPortName}}).on_one_line()},
                    {"initialDelaySeconds", delay},
                    {"periodSeconds", period}});
}

Yaml read_only(const char* volume, const char* path) {
  return Yaml::map({{"name", volume}, {"mountPath", path}, {"readOnly", true}}).on_one_line();
}

Yaml container(const ClusterFile& cluster) {
  Yaml result = Yaml::map({{"name", kName},
                           {"image", "quay.io/sustainable_computing_io/kepler:v" + cluster.versions.kepler},
                           {"imagePullPolicy", "IfNotPresent"},
                           {"command", Yaml::list({"/usr/bin/kepler"}).on_one_line()},
                           {"args", Yaml::list({fmt::format("--config.file=/etc/kepler/{}", kConfigFile),
                                                "--kube.enable", "--kube.node-name=$(NODE_NAME)"})}});
  const Yaml node_name = Yaml::map({{"fieldRef", Yaml::map({{"fieldPath", "spec.nodeName"}})}});
  result.set("env", Yaml::list({Yaml::map({{"name", "NODE_NAME"}, {"valueFrom", node_name}})}));
  result.set(
      "ports",
      Yaml::list({Yaml::map({{"name", names::kKeplerPortName}, {"containerPort", names::kKeplerPort}})}));
  result.set("resources",
             Yaml::map({{"requests", Yaml::map({{"cpu", "100m"}, {"memory", "128Mi"}}).on_one_line()},
                        {"limits", Yaml::map({{"memory", "512Mi"}}).on_one_line()}}));
  result.set("securityContext", security(cluster.kepler));
  result.set("livenessProbe", probe("/probe/livez", 10, 60));
  result.set("readinessProbe", probe("/probe/readyz", 5, 10));
  result.set("volumeMounts", Yaml::list({read_only("sysfs", "/host/sys"), read_only("procfs", "/host/proc"),
                                         read_only("config", "/etc/kepler")}));
  return result;
}

Yaml host_directory(const char* name, const char* path) {
  return Yaml::map(
      {{"name", name}, {"hostPath", Yaml::map({{"path", path}, {"type", "Directory"}}).on_one_line()}});
}

Yaml pod_spec(const ClusterFile& cluster) {
  Yaml spec = Yaml::map({{"serviceAccountName", kName}});
  spec.set("hostPID", true, "Joules are shared out by the CPU time of all processes of the node.");
  spec.set("priorityClassName", "system-node-critical",
           "Consumers fill the workers: without it a restarted Kepler finds no CPU left, and a node goes "
           "unmeasured.");
  spec.set("tolerations",
           Yaml::list({Yaml::map({{"operator", "Exists"}, {"effect", "NoSchedule"}}).on_one_line()}),
           "On the master too; its joules are reported apart from the workers'.");
  spec.set("containers", Yaml::list({container(cluster)}));
  Yaml config = Yaml::map({{"name", "config"}, {"configMap", Yaml::map({{"name", kName}}).on_one_line()}});
  spec.set(
      "volumes",
      Yaml::list({host_directory("sysfs", "/sys"), host_directory("procfs", "/proc"), std::move(config)}),
      "/sys has the RAPL counters (class/powercap), which runtimes hide from ordinary containers; /proc the "
      "processes. Both are mounted read-only.");
  return spec;
}

Yaml daemon_set(const ClusterFile& cluster, const std::string& configuration) {
  Yaml object = ours("apps/v1", "DaemonSet");
  Yaml pod_metadata = Yaml::map({{"labels", selected()}});
  pod_metadata.set("annotations",
                   Yaml::map({{"kexp.dev/configuration", sha256_hex(configuration).substr(0, 16)}}),
                   "Changes with the configuration, which Kepler reads at its start only.");
  object.set("spec", Yaml::map({{"selector", Yaml::map({{"matchLabels", selected()}})},
                                {"template", Yaml::map({{"metadata", std::move(pod_metadata)},
                                                        {"spec", pod_spec(cluster)}})}}));
  return object;
}

RenderedFile daemon_set_file(const ClusterFile& cluster) {
  const std::string configuration = settings(cluster);
  return yaml_file(
      std::string(kFolder) + kName + ".yaml",
      "Kepler: one pod a node that reads RAPL and shares the joules out among containers and pods.\n"
      "check-meters.sh says afterwards which meter each node has; run it before every experiment.",
      {{config_map(configuration)}, {daemon_set(cluster, configuration)}});
}

// ---- How it is scraped

Yaml service() {
  Yaml object = ours("v1", "Service");
  object.set("spec",
             Yaml::map({{"clusterIP", "None"},
                        {"selector", selected()},
                        {"ports", Yaml::list({Yaml::map({{"name", names::kKeplerPortName},
                                                         {"port", names::kKeplerPort},
                                                         {"targetPort", names::kKeplerPortName}})})}}));
  return object;
}

Yaml service_monitor(const ClusterFile& cluster) {
  const Seconds interval = cluster.monitoring.scrape_interval;
  Yaml endpoint = Yaml::map({{"port", names::kKeplerPortName},
                             {"interval", to_text(interval)},
                             {"scrapeTimeout", scrape_timeout(interval)}});
  endpoint.set(
      "relabelings",
      Yaml::list({Yaml::map({{"action", "replace"},
                             {"sourceLabels", Yaml::list({"__meta_kubernetes_pod_node_name"}).on_one_line()},
                             {"targetLabel", "instance"}}),
                  Yaml::map({{"action", "labeldrop"}, {"regex", "(pod|container)"}})}),
      "`instance` is the node. Kepler's own pod is no label: after a restart the same series go on, and "
      "increase() with them.");
  Yaml object = ours("monitoring.coreos.com/v1", "ServiceMonitor");
  object.set("spec", Yaml::map({{"selector", Yaml::map({{"matchLabels", selected()}})},
                                {"endpoints", Yaml::list({std::move(endpoint)})}}));
  return object;
}

RenderedFile scrape_file(const ClusterFile& cluster) {
  return yaml_file(std::string(kFolder) + "scrape.yaml", "How Prometheus finds every Kepler.",
                   {{service()}, {service_monitor(cluster)}});
}

}  // namespace

Files render_kepler(const ClusterFile& cluster) {
  if (!cluster.kepler.enabled) {
    return {};
  }
  return {access_file(cluster), daemon_set_file(cluster), scrape_file(cluster),
          script_file("60-kepler", "check-meters.sh")};
}

}  // namespace kexp::manifest
