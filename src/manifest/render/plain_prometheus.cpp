#include "render/plain_prometheus.hpp"

#include <fmt/format.h>

#include "names.hpp"
#include "render/energy_rules.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "40-monitoring/without-operator/";
constexpr const char* kNodeOfPod = "__meta_kubernetes_pod_node_name";

Yaml one_of(std::string name) { return Yaml::list({std::move(name)}).on_one_line(); }

Yaml job(std::string name, Seconds interval) {
  return Yaml::map({{"job_name", std::move(name)},
                    {"scrape_interval", to_text(interval)},
                    {"scrape_timeout", scrape_timeout(interval)}});
}

Yaml kept(const char* label, std::string value) {
  return Yaml::map({{"action", "keep"}, {"source_labels", one_of(label)}, {"regex", std::move(value)}});
}

Yaml copied(const char* from, const char* to) {
  return Yaml::map({{"source_labels", one_of(from)}, {"target_label", to}});
}

/// The pods called `name` by their label, on the port of that name.
Yaml pods_job(Yaml result, const std::string& space, const std::string& name, const char* port,
              const std::vector<Yaml>& labels) {
  result.set(
      "kubernetes_sd_configs",
      Yaml::list({Yaml::map({{"role", "pod"}, {"namespaces", Yaml::map({{"names", one_of(space)}})}})}));
  std::vector<Yaml> relabelings{kept("__meta_kubernetes_pod_label_app_kubernetes_io_name", name),
                                kept("__meta_kubernetes_pod_container_port_name", port)};
  relabelings.insert(relabelings.end(), labels.begin(), labels.end());
  result.set("relabel_configs", Yaml::list(std::move(relabelings)));
  return result;
}

Yaml kepler_job(const ClusterFile& cluster) {
  return pods_job(job("kepler", cluster.monitoring.scrape_interval), names::kKeplerNamespace, "kepler",
                  names::kKeplerPortName, {copied(kNodeOfPod, "instance")});
}

Yaml consumers_job(const ClusterFile& cluster) {
  const Consumers& consumers = cluster.consumers;
  return pods_job(job(consumers.name, cluster.monitoring.consumer_interval), consumers.namespace_name,
                  consumers.name, names::kMetricsPortName,
                  {copied("__meta_kubernetes_namespace", "namespace"),
                   copied("__meta_kubernetes_pod_name", "pod"), copied(kNodeOfPod, "node")});
}

Yaml kafka_job(const ClusterFile& cluster, const char* name, int port) {
  Yaml result = job(name, cluster.monitoring.scrape_interval);
  const Yaml target = one_of(fmt::format("{}:{}", names::master_address(cluster), port));
  result.set("static_configs", Yaml::list({Yaml::map({{"targets", target}})}));
  return result;
}

}  // namespace

RenderedFile plain_rules_file(const ClusterFile& cluster) {
  return yaml_file(
      std::string(kFolder) + "kexp-energy.rules.yml",
      "../energy-rules.yaml for a Prometheus without the operator: name this file in its rule_files.",
      {{Yaml::map({{"groups", energy_rule_groups(cluster)}})}});
}

RenderedFile plain_scrape_file(const ClusterFile& cluster) {
  std::vector<Yaml> jobs{consumers_job(cluster)};
  if (cluster.kepler.enabled) {
    jobs.push_back(kepler_job(cluster));
  }
  if (cluster.kafka.servers.empty()) {
    jobs.push_back(kafka_job(cluster, "kafka", cluster.kafka.jmx_port));
    jobs.push_back(kafka_job(cluster, "kafka-exporter", cluster.kafka.exporter_port));
  }
  return yaml_file(
      std::string(kFolder) + "kexp.scrape.yml",
      "What to scrape, for a Prometheus in the cluster but without the operator: name this file in its\n"
      "scrape_config_files (since 2.43), or copy the jobs. With the operator, leave this folder alone.",
      {{Yaml::map({{"scrape_configs", Yaml::list(std::move(jobs))}})}});
}

}  // namespace kexp::manifest
