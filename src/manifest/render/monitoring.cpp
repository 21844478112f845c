#include "names.hpp"
#include "render/monitoring_objects.hpp"
#include "render/monitoring_patches.hpp"
#include "render/parts.hpp"
#include "render/placement.hpp"
#include "render/plain_prometheus.hpp"

namespace kexp::manifest {
namespace {

/// kube-prometheus as this cluster has it, and where it keeps its samples.
Files own_prometheus(const ClusterFile& cluster) {
  Files files{prometheus_patch(cluster), monitors_patch(cluster)};
  if (knows_master(cluster)) {
    files.push_back(storage_file(cluster));
    files.push_back(control_plane_file());
    files.push_back(placement_patch(cluster));
  }
  if (cluster.monitoring.grafana) {
    files.push_back(grafana_patch(cluster));
  }
  if (auto policies = network_policies_file(cluster)) {
    files.push_back(std::move(*policies));
  }
  return files;
}

}  // namespace

Files render_monitoring(const ClusterFile& cluster) {
  Files files = cluster.monitoring.prometheus.empty() ? own_prometheus(cluster) : Files{};
  if (cluster.kafka.servers.empty()) {
    files.push_back(kafka_scrape_file(cluster));
  }
  if (cluster.kepler.enabled) {
    files.push_back(energy_rules_file(cluster));
  }
  if (!cluster.monitoring.prometheus.empty()) {
    files.push_back(plain_scrape_file(cluster));
    if (cluster.kepler.enabled) {
      files.push_back(plain_rules_file(cluster));
    }
  }
  return files;
}

std::vector<RenderedFile> render_secrets(const ClusterFile& cluster, const Secrets& secrets) {
  if (!cluster.monitoring.prometheus.empty() || !cluster.monitoring.grafana) {
    return {};
  }
  Yaml secret =
      names::object("v1", "Secret", names::kGrafanaSecret, cluster.monitoring.namespace_name, "monitoring");
  secret.set("type", "Opaque");
  secret.set("stringData", Yaml::map({{"user", "admin"}, {"password", secrets.grafana_password}}));
  RenderedFile file = yaml_file(
      "secrets/grafana-admin.yaml",
      "Who may change Grafana. Made once for this folder; git ignores it, and nobody else reads it.",
      {{std::move(secret)}});
  file.mode = RenderedFile::Mode::secret;
  return {std::move(file)};
}

}  // namespace kexp::manifest
