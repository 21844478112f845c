#include "render/monitoring_patches.hpp"

#include <fmt/format.h>

#include "names.hpp"
#include "render/monitoring_objects.hpp"
#include "render/placement.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "40-monitoring/";
constexpr const char* kOperatorApi = "monitoring.coreos.com/v1";
constexpr int kPrometheusPort = 9090;
constexpr int kGrafanaPort = 3000;
/// Of what is scraped for kube-prometheus' dashboards and read by no experiment.
constexpr const char* kSlowInterval = "30s";
constexpr const char* kSlowTimeout = "10s";
constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

constexpr const char* kPublished =
    "A host port, not a NodePort: those listen on every address of every node and begin at 30000. Not "
    "externalIPs: deprecated since 1.36. The pod is on the master, so its LAN address can stand here, and "
    "the client's own address reaches the NetworkPolicy that lets the LAN in.";

Yaml published_port(const ClusterFile& cluster, const char* name, int container_port, int port) {
  return Yaml::map({{"name", name},
                    {"containerPort", container_port},
                    {"protocol", "TCP"},
                    {"hostPort", port},
                    {"hostIP", names::master_address(cluster)}});
}

// ---- Prometheus

/// Four fifths of the volume: Prometheus deletes after it has written, and a full disk stops it.
std::string retention_size(MemoryQuantity storage) {
  return fmt::format("{}MiB", storage.bytes / kMebibyte * 4 / 5);
}

Yaml claim(const ClusterFile& cluster) {
  Yaml spec = Yaml::map();
  if (knows_master(cluster)) {
    spec.set("storageClassName", names::kStorageClass);
  }
  spec.set("accessModes", Yaml::list({"ReadWriteOnce"}).on_one_line());
  spec.set("resources",
           Yaml::map({{"requests", Yaml::map({{"storage", to_text(cluster.monitoring.storage)}})}}));
  return Yaml::map({{"volumeClaimTemplate", Yaml::map({{"spec", std::move(spec)}})}});
}

Yaml prometheus_spec(const ClusterFile& cluster) {
  const Monitoring& monitoring = cluster.monitoring;
  Yaml spec = Yaml::map();
  spec.set("replicas", 1, "A second copy would draw power and answer nothing new.");
  spec.set("scrapeInterval", to_text(monitoring.scrape_interval));
  spec.set("scrapeTimeout", scrape_timeout(monitoring.scrape_interval));
  spec.set("evaluationInterval", kSlowInterval,
           "Of kube-prometheus' some two hundred rules; kexp-energy has its own interval.");
  spec.set("retention", monitoring.retention, "The operator's default is 24h.");
  spec.set("retentionSize", retention_size(monitoring.storage));
  spec.set("enableAdminAPI", false, "It deletes series, without asking who calls.");
  spec.set("alerting", Yaml::map({{"alertmanagers", Yaml::list().on_one_line()}}),
           "Alertmanager is left out: nobody is called at night. Alerts show in Prometheus.");
  if (knows_master(cluster)) {
    place_on_master(spec);
  }
  spec.set("resources",
           Yaml::map({{"requests", Yaml::map({{"cpu", "200m"}, {"memory", "1Gi"}}).on_one_line()},
                      {"limits", Yaml::map({{"memory", "4Gi"}}).on_one_line()}}));
  spec.set("storage", claim(cluster));
  if (publishes(cluster, cluster.access.prometheus_port)) {
    const Yaml port = published_port(cluster, "web", kPrometheusPort, cluster.access.prometheus_port);
    spec.set("containers", Yaml::list({Yaml::map({{"name", "prometheus"}, {"ports", Yaml::list({port})}})}),
             kPublished);
  }
  return spec;
}

// ---- Deployments

/// The spec of a Deployment of kube-prometheus: what the schema asks for besides our fields in `pod_spec`.
Yaml deployment_spec(const char* name, const char* component, Yaml pod_spec) {
  const Yaml labels = Yaml::map({{names::kComponentLabel, component},
                                 {names::kNameLabel, name},
                                 {names::kPartOfLabel, "kube-prometheus"}});
  return Yaml::map({{"selector", Yaml::map({{"matchLabels", labels}})},
                    {"template", Yaml::map({{"metadata", Yaml::map({{"labels", labels}})},
                                            {"spec", std::move(pod_spec)}})}});
}

Yaml deployment(const ClusterFile& cluster, const char* name, Yaml spec) {
  Yaml object = names::patch("apps/v1", "Deployment", name, cluster.monitoring.namespace_name);
  object.set("spec", std::move(spec));
  return object;
}

Yaml placed(const ClusterFile& cluster, const char* name, const char* component) {
  Yaml pod_spec = Yaml::map({{"containers", Yaml::list({Yaml::map({{"name", name}})})}});
  place_on_master(pod_spec);
  return deployment(cluster, name, deployment_spec(name, component, std::move(pod_spec)));
}

Yaml password_variables() {
  const Yaml from_secret =
      Yaml::map({{"secretKeyRef", Yaml::map({{"name", names::kGrafanaSecret}, {"key", "password"}})}});
  return Yaml::list({Yaml::map({{"name", "GF_SECURITY_ADMIN_USER"}, {"value", "admin"}}),
                     Yaml::map({{"name", "GF_SECURITY_ADMIN_PASSWORD"}, {"valueFrom", from_secret}})});
}

// ---- What is scraped

Yaml relabeled(const char* source, const char* target) {
  return Yaml::list({Yaml::map({{"action", "replace"},
                                {"sourceLabels", Yaml::list({source}).on_one_line()},
                                {"targetLabel", target}})});
}

Yaml dropped(std::vector<Yaml> labels, const char* pattern) {
  return Yaml::map({{"action", "drop"},
                    {"sourceLabels", Yaml::list(std::move(labels)).on_one_line()},
                    {"regex", pattern}});
}

Yaml endpoint(const char* port, const std::string& interval, const std::string& timeout) {
  return Yaml::map({{"port", port},
                    {"scheme", "https"},
                    {"interval", interval},
                    {"scrapeTimeout", timeout},
                    {"bearerTokenFile", "/var/run/secrets/kubernetes.io/serviceaccount/token"},
                    {"tlsConfig", Yaml::map({{"insecureSkipVerify", true}}).on_one_line()}});
}

Yaml fast_endpoint(const ClusterFile& cluster, const char* port) {
  const Seconds interval = cluster.monitoring.scrape_interval;
  return endpoint(port, to_text(interval), scrape_timeout(interval));
}

Yaml kubelet_endpoint(Yaml endpoint, const char* path) {
  endpoint.set("path", path);
  endpoint.set("honorLabels", true);
  endpoint.set("relabelings", relabeled("__metrics_path__", "metrics_path"));
  return endpoint;
}

Yaml containers_endpoint(const ClusterFile& cluster) {
  Yaml result = kubelet_endpoint(fast_endpoint(cluster, "https-metrics"), "/metrics/cadvisor");
  result.set("honorTimestamps", false,
             "cAdvisor looks about every 10 s: at a shorter interval some samples repeat their predecessor.");
  result.set("metricRelabelings",
             Yaml::list({dropped({"__name__"},
                                 "container_(blkio_device_usage_total|cpu_load_.*|memory_failures_total|"
                                 "network_(tcp|udp)6?_usage_total|tasks_state|ulimits_soft)"),
                         dropped({"__name__", "pod", "id"}, "container_[^c].*;;/system\\.slice/.+")}),
             "Many series that no figure needs: details by device and state, and of the host's own services "
             "everything but CPU time.");
  return result;
}

Yaml monitor(const ClusterFile& cluster, const char* name, Yaml endpoints, Yaml selected) {
  Yaml object = names::patch(kOperatorApi, "ServiceMonitor", name, cluster.monitoring.namespace_name);
  object.set("spec", Yaml::map({{"endpoints", std::move(endpoints)},
                                {"selector", Yaml::map({{"matchLabels", std::move(selected)}})}}));
  return object;
}

Yaml exporter_labels(const char* name) {
  return Yaml::map({{names::kComponentLabel, "exporter"},
                    {names::kNameLabel, name},
                    {names::kPartOfLabel, "kube-prometheus"}});
}

Yaml kubelet_monitor(const ClusterFile& cluster) {
  return monitor(
      cluster, "kubelet",
      Yaml::list(
          {containers_endpoint(cluster),
           kubelet_endpoint(endpoint("https-metrics", kSlowInterval, kSlowTimeout), "/metrics"),
           kubelet_endpoint(endpoint("https-metrics", kSlowInterval, kSlowTimeout), "/metrics/probes")}),
      Yaml::map({{names::kNameLabel, "kubelet"}}));
}

Yaml node_exporter_monitor(const ClusterFile& cluster) {
  Yaml nodes = fast_endpoint(cluster, "https");
  nodes.set("relabelings", relabeled("__meta_kubernetes_pod_node_name", "instance"));
  return monitor(cluster, "node-exporter", Yaml::list({std::move(nodes)}), exporter_labels("node-exporter"));
}

Yaml state_metrics_monitor(const ClusterFile& cluster) {
  Yaml objects = fast_endpoint(cluster, "https-main");
  objects.set("honorLabels", true);
  objects.set(
      "relabelings",
      Yaml::list({Yaml::map({{"action", "labeldrop"}, {"regex", "(pod|service|endpoint|namespace)"}})}),
      "Those of kube-state-metrics itself, so that `pod` is the pod that a series speaks of.");
  return monitor(cluster, "kube-state-metrics",
                 Yaml::list({std::move(objects), endpoint("https-self", kSlowInterval, kSlowTimeout)}),
                 exporter_labels("kube-state-metrics"));
}

}  // namespace

RenderedFile prometheus_patch(const ClusterFile& cluster) {
  const std::string& space = cluster.monitoring.namespace_name;
  Yaml prometheus = names::patch(kOperatorApi, "Prometheus", "k8s", space);
  prometheus.set("spec", prometheus_spec(cluster));
  Yaml budget = names::patch("policy/v1", "PodDisruptionBudget", "prometheus-k8s", space);
  budget.set("spec", Yaml::map({{"minAvailable", 0}}));
  return yaml_file(std::string(kFolder) + "patch-prometheus.yaml",
                   "Prometheus: one, on the master, that keeps what it measured.",
                   {{std::move(prometheus)},
                    {std::move(budget),
                     "kube-prometheus has two copies and wants one to stay; with one copy `kubectl drain` "
                     "would wait for ever."}});
}

RenderedFile grafana_patch(const ClusterFile& cluster) {
  Yaml container = Yaml::map({{"name", "grafana"}});
  container.set("env", password_variables(),
                "admin/admin is open to whoever comes first; the Secret is in secrets/grafana-admin.yaml.");
  const bool published = publishes(cluster, cluster.access.grafana_port);
  if (published) {
    container.set("ports",
                  Yaml::list({published_port(cluster, "http", kGrafanaPort, cluster.access.grafana_port)}),
                  kPublished);
  }
  Yaml pod_spec = Yaml::map({{"containers", Yaml::list({std::move(container)})}});
  if (knows_master(cluster)) {
    place_on_master(pod_spec);
  }
  Yaml spec = deployment_spec("grafana", "grafana", std::move(pod_spec));
  if (published) {
    spec.set(
        "strategy",
        Yaml::map({{"rollingUpdate", Yaml::map({{"maxSurge", 0}, {"maxUnavailable", 1}}).on_one_line()}}),
        "The old pod goes first: both cannot have the port.");
  }
  return yaml_file(std::string(kFolder) + "patch-grafana.yaml",
                   "Grafana: a password of its own, on the master.",
                   {{deployment(cluster, "grafana", std::move(spec))}});
}

RenderedFile monitors_patch(const ClusterFile& cluster) {
  return yaml_file(
      std::string(kFolder) + "patch-monitors.yaml",
      fmt::format("What an experiment reads is scraped every {}, the rest every {}. The API server takes a\n"
                  "ServiceMonitor's list of endpoints as one value: a patch replaces it, so the whole list "
                  "stands here.",
                  to_text(cluster.monitoring.scrape_interval), kSlowInterval),
      {{kubelet_monitor(cluster), "Containers' CPU, memory and network; then the kubelet itself."},
       {node_exporter_monitor(cluster)},
       {state_metrics_monitor(cluster)}});
}

RenderedFile placement_patch(const ClusterFile& cluster) {
  return yaml_file(
      std::string(kFolder) + "patch-placement.yaml",
      "The rest of kube-prometheus off the workers, but for the node exporter, which measures them.",
      {{placed(cluster, "prometheus-operator", "controller")},
       {placed(cluster, "kube-state-metrics", "exporter")}});
}

}  // namespace kexp::manifest
