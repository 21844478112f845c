#include "render/monitoring_objects.hpp"

#include <fmt/format.h>

#include "names.hpp"
#include "render/energy_rules.hpp"
#include "render/parts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "40-monitoring/";
constexpr const char* kOperatorGroup = "monitoring.coreos.com";
/// As the operator names the claim of its one replica.
constexpr const char* kClaim = "prometheus-k8s-db-prometheus-k8s-0";
constexpr int kPrometheusPort = 9090;
constexpr int kGrafanaPort = 3000;

Yaml operator_object(const char* version, const char* kind, const std::string& name,
                     const ClusterFile& cluster) {
  return names::object(fmt::format("{}/{}", kOperatorGroup, version), kind, name,
                       cluster.monitoring.namespace_name, "monitoring");
}

Yaml storage_class() {
  Yaml object = names::object("storage.k8s.io/v1", "StorageClass", names::kStorageClass, "", "monitoring");
  object.set("provisioner", "kubernetes.io/no-provisioner");
  object.set("volumeBindingMode", "WaitForFirstConsumer");
  object.set("reclaimPolicy", "Retain");
  return object;
}

Yaml on_node(const std::string& name) {
  const Yaml term = Yaml::map(
      {{"key", "kubernetes.io/hostname"}, {"operator", "In"}, {"values", Yaml::list({name}).on_one_line()}});
  const Yaml terms = Yaml::list({Yaml::map({{"matchExpressions", Yaml::list({term})}})});
  return Yaml::map({{"required", Yaml::map({{"nodeSelectorTerms", terms}})}});
}

Yaml volume(const ClusterFile& cluster) {
  const Monitoring& monitoring = cluster.monitoring;
  Yaml object = names::object("v1", "PersistentVolume", "kexp-prometheus", "", "monitoring");
  Yaml spec = Yaml::map({{"capacity", Yaml::map({{"storage", to_text(monitoring.storage)}})}});
  spec.set("accessModes", Yaml::list({"ReadWriteOnce"}).on_one_line());
  spec.set("persistentVolumeReclaimPolicy", "Retain", "The measurements outlive the claim, and the cluster.");
  spec.set("storageClassName", names::kStorageClass);
  spec.set("claimRef", Yaml::map({{"namespace", monitoring.namespace_name}, {"name", kClaim}}),
           "Prometheus' and nobody else's.");
  spec.set("local", Yaml::map({{"path", monitoring.storage_path}}),
           "prepare-node.sh makes it on the master; the kubelet makes no local volume's directory.");
  spec.set("nodeAffinity", on_node(cluster.nodes.master.name));
  object.set("spec", std::move(spec));
  return object;
}

/// As kube-prometheus' ServiceMonitors look for a part of the control plane: by this label and this port.
Yaml control_plane_service(const char* name, int port) {
  Yaml object = names::object("v1", "Service", name, "kube-system", "monitoring");
  const Yaml metrics = Yaml::map({{"name", "https-metrics"}, {"port", port}, {"targetPort", port}});
  object.set("spec", Yaml::map({{"clusterIP", "None"},
                                {"selector", Yaml::map({{"component", name}})},
                                {"ports", Yaml::list({metrics.on_one_line()})}}));
  return object;
}

Yaml targets(const ClusterFile& cluster, const char* job, int port) {
  return Yaml::map(
      {{"targets", Yaml::list({fmt::format("{}:{}", names::master_address(cluster), port)}).on_one_line()},
       {"labels", Yaml::map({{"job", job}}).on_one_line()}});
}

/// Pods as kube-prometheus labels them.
Yaml pods_of(const char* name) {
  return Yaml::map(
      {{"matchLabels", Yaml::map({{names::kNameLabel, name}, {names::kPartOfLabel, "kube-prometheus"}})}});
}

Yaml lan(const ClusterFile& cluster) {
  return Yaml::map({{"ipBlock", Yaml::map({{"cidr", cluster.networks.lan}})}});
}

Yaml opened(const ClusterFile& cluster, const char* pods, int port) {
  Yaml object = names::object("networking.k8s.io/v1", "NetworkPolicy", fmt::format("kexp-{}", pods),
                              cluster.monitoring.namespace_name, "monitoring");
  const Yaml ports = Yaml::list({Yaml::map({{"port", port}, {"protocol", "TCP"}}).on_one_line()});
  object.set("spec", Yaml::map({{"podSelector", pods_of(pods)},
                                {"policyTypes", Yaml::list({"Ingress"}).on_one_line()},
                                {"ingress", Yaml::list({Yaml::map({{"from", Yaml::list({lan(cluster)})},
                                                                   {"ports", ports}})})}}));
  return object;
}

}  // namespace

bool publishes(const ClusterFile& cluster, int port) { return port != 0 && cluster.existing.empty(); }

RenderedFile storage_file(const ClusterFile& cluster) {
  return yaml_file(
      std::string(kFolder) + "storage.yaml",
      "Where Prometheus keeps its samples: a directory of the master. Without it they are in the pod\n"
      "and gone when it restarts; a cluster made by kubeadm has no storage of its own.",
      {{storage_class()}, {volume(cluster)}});
}

RenderedFile control_plane_file() {
  return yaml_file(
      std::string(kFolder) + "control-plane.yaml",
      "How Prometheus finds scheduler and controller manager: kube-prometheus looks for a Service of\n"
      "each, and kubeadm makes none. Without them KubeSchedulerDown would fire for ever.",
      {{control_plane_service("kube-controller-manager", 10257)},
       {control_plane_service("kube-scheduler", 10259)}});
}

RenderedFile kafka_scrape_file(const ClusterFile& cluster) {
  Yaml object = operator_object("v1alpha1", "ScrapeConfig", "kexp-kafka", cluster);
  object.set("spec",
             Yaml::map({{"scrapeInterval", to_text(cluster.monitoring.scrape_interval)},
                        {"scrapeTimeout", scrape_timeout(cluster.monitoring.scrape_interval)},
                        {"staticConfigs",
                         Yaml::list({targets(cluster, "kafka", cluster.kafka.jmx_port),
                                     targets(cluster, "kafka-exporter", cluster.kafka.exporter_port)})}}));
  return yaml_file(
      std::string(kFolder) + "kafka-scrape.yaml",
      "Kafka runs beside the cluster, in containers on the master (70-kafka): it has no pod to find, so\n"
      "its addresses stand here. `kafka` is the broker by JMX, `kafka-exporter` the groups' lag.",
      {{std::move(object)}});
}

std::optional<RenderedFile> network_policies_file(const ClusterFile& cluster) {
  std::vector<YamlDocument> documents;
  if (publishes(cluster, cluster.access.prometheus_port)) {
    documents.push_back({opened(cluster, "prometheus", kPrometheusPort)});
  }
  if (cluster.monitoring.grafana && publishes(cluster, cluster.access.grafana_port)) {
    documents.push_back({opened(cluster, "grafana", kGrafanaPort)});
  }
  if (documents.empty()) {
    return std::nullopt;
  }
  return yaml_file(
      std::string(kFolder) + "network-policies.yaml",
      "kube-prometheus' own policies let nobody in from outside `monitoring`, and Calico enforces them.\n"
      "Policies add up: these open the ports of `access` to the LAN alone.",
      documents);
}

RenderedFile energy_rules_file(const ClusterFile& cluster) {
  Yaml object = operator_object("v1", "PrometheusRule", "kexp-energy", cluster);
  object.set("spec", Yaml::map({{"groups", energy_rule_groups(cluster)}}));
  std::string head = "Kepler's joules, in series that increase() is right on. Kepler >= 0.12.";
  if (!cluster.monitoring.prometheus.empty()) {
    head +=
        "\nWhere your Prometheus selects rules and monitors by a label (ruleSelector, "
        "serviceMonitorSelector,\n"
        "podMonitorSelector; often `release`), give these, Kepler's and the consumers' that label.";
  }
  return yaml_file(std::string(kFolder) + "energy-rules.yaml", head, {{std::move(object)}});
}

}  // namespace kexp::manifest
