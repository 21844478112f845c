#include "render/upstream.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"

namespace kexp::manifest {
namespace {

constexpr std::string_view kUnresolved = "unresolved";
constexpr std::string_view kUrlKey = "    url: ";
constexpr std::string_view kHashKey = "    sha256: ";

/// Hashes that were read and checked, by what they belong to.
struct KnownHash {
  std::string_view name;
  std::string_view version;
  std::string_view sha256;
};
constexpr std::array kKnownHashes = {
    KnownHash{"jmx-exporter", "1.0.1", "7d61f737fd661610ccc14aea79764faa1ea94a340cbc8f0029b3d2edea3d80c1"}};

std::string known_hash(const std::string& name, const std::string& version) {
  const auto known = std::find_if(kKnownHashes.begin(), kKnownHashes.end(), [&](const KnownHash& hash) {
    return hash.name == name && hash.version == version;
  });
  return known == kKnownHashes.end() ? "" : std::string(known->sha256);
}

Bundle bundle(const std::string& name, const std::string& version, const std::string& url,
              const std::string& file, const std::string& used_by) {
  return {name, version, url, known_hash(name, version), file, "", used_by};
}

Bundle kube_prometheus(const ClusterFile& cluster) {
  const std::string& version = cluster.versions.kube_prometheus;
  Bundle result = bundle(
      "kube-prometheus", version,
      fmt::format("https://github.com/prometheus-operator/kube-prometheus/archive/refs/tags/v{}.tar.gz",
                  version),
      "kube-prometheus/", "40-monitoring");
  result.without = "prometheusAdapter-* alertmanager-* blackboxExporter-*";
  if (!cluster.monitoring.grafana) {
    result.without += " grafana-*";
  }
  return result;
}

std::string github_release(const std::string& project, const std::string& tag, const std::string& file) {
  return fmt::format("https://github.com/{}/releases/download/{}/{}", project, tag, file);
}

struct Image {
  std::string name;
  std::string used_by;
};

std::vector<Image> images(const ClusterFile& cluster) {
  std::vector<Image> result;
  if (cluster.kepler.enabled) {
    result.push_back({"quay.io/sustainable_computing_io/kepler:v" + cluster.versions.kepler, "60-kepler"});
  }
  if (cluster.kafka.servers.empty()) {
    result.push_back({"docker.io/apache/kafka:" + cluster.versions.kafka, "70-kafka"});
    result.push_back({"docker.io/danielqsj/kafka-exporter:v" + cluster.versions.kafka_exporter, "70-kafka"});
  }
  result.push_back({cluster.consumers.image, "80-consumers"});
  return result;
}

Yaml to_yaml(const Bundle& bundle) {
  Yaml entry = Yaml::map({{"name", bundle.name},
                          {"version", bundle.version},
                          {"url", bundle.url},
                          {"sha256", bundle.sha256.empty() ? std::string(kUnresolved) : bundle.sha256},
                          {"file", bundle.file}});
  if (!bundle.without.empty()) {
    entry.set("without", bundle.without,
              "The adapter would take metrics-server's API; the others would only draw power.");
  }
  entry.set("used_by", bundle.used_by);
  return entry;
}

RenderedFile lock_file(const ClusterFile& cluster) {
  Yaml bundle_list = Yaml::list();
  for (const Bundle& bundle : bundles(cluster)) {
    bundle_list.push(to_yaml(bundle));
  }
  Yaml image_list = Yaml::list();
  for (const Image& image : images(cluster)) {
    image_list.push(Yaml::map({{"image", image.name}, {"used_by", image.used_by}}));
  }
  Yaml root = Yaml::map({});
  root.set("bundles", std::move(bundle_list), "What 00-upstream/fetch.sh brings to upstream/.");
  root.set("images", std::move(image_list), "What the nodes pull besides the images that the bundles name.");
  return yaml_file(
      kUpstreamLock,
      "What this cluster takes from others, and how to know that it is the same as last time.\n"
      "A SHA-256 that is `unresolved` has not been read yet: fetch.sh --resolve reads it and writes\n"
      "it here. Rendering again keeps it.",
      {{std::move(root)}});
}

/// Calls `line(text, url)` for each line, with the URL of the entry it is in as far as it was read.
template <typename Line>
void for_each_line(std::string_view text, Line line) {
  std::string_view url;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view current = text.substr(0, end);
    if (current.starts_with(kUrlKey)) {
      url = current.substr(kUrlKey.size());
    }
    line(current, url);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::vector<Bundle> bundles(const ClusterFile& cluster) {
  const Versions& versions = cluster.versions;
  std::vector<Bundle> result;
  if (cluster.existing.empty()) {
    result.push_back(
        bundle("calico", versions.calico,
               fmt::format("https://raw.githubusercontent.com/projectcalico/calico/v{}/manifests/calico.yaml",
                           versions.calico),
               "calico.yaml", "30-network"));
  }
  if (cluster.monitoring.prometheus.empty()) {
    result.push_back(kube_prometheus(cluster));
  }
  if (cluster.existing.empty()) {
    result.push_back(bundle(
        "metrics-server", versions.metrics_server,
        github_release("kubernetes-sigs/metrics-server", "v" + versions.metrics_server, "components.yaml"),
        "metrics-server.yaml", "50-metrics-server"));
  }
  if (cluster.kafka.servers.empty()) {
    const std::string& file = names::jmx_agent(cluster);
    // From Maven Central, where the hash was read.
    const std::string url =
        fmt::format("https://repo1.maven.org/maven2/io/prometheus/jmx/jmx_prometheus_javaagent/{}/{}",
                    versions.jmx_exporter, file);
    result.push_back(bundle("jmx-exporter", versions.jmx_exporter, url, file, "70-kafka"));
  }
  if (cluster.scaler.kind == Scaler::Kind::keda) {
    result.push_back(bundle(
        "keda", versions.keda,
        github_release("kedacore/keda", "v" + versions.keda, fmt::format("keda-{}.yaml", versions.keda)),
        "keda.yaml", "90-scaling"));
  }
  return result;
}

std::string keep_resolved(std::string_view rendered, std::string_view present) {
  std::map<std::string_view, std::string_view> hashes;
  for_each_line(present, [&](std::string_view line, std::string_view url) {
    if (line.starts_with(kHashKey) && is_hash(line.substr(kHashKey.size()))) {
      hashes.emplace(url, line.substr(kHashKey.size()));
    }
  });
  std::string result;
  for_each_line(rendered, [&](std::string_view line, std::string_view url) {
    const bool open = line.starts_with(kHashKey) && line.substr(kHashKey.size()) == kUnresolved;
    const auto known = open ? hashes.find(url) : hashes.end();
    result += known == hashes.end() ? line : std::string(kHashKey).append(known->second);
    result += '\n';
  });
  return result;
}

Files render_upstream(const ClusterFile& cluster) {
  Files files = {lock_file(cluster)};
  if (!bundles(cluster).empty()) {
    files.push_back(script_file("00-upstream", "fetch.sh"));
  }
  return files;
}

}  // namespace kexp::manifest
