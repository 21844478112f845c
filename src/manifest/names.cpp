#include "names.hpp"

#include <fmt/format.h>

namespace kexp::manifest::names {
namespace {

Yaml head(const std::string& api_version, const std::string& kind, Yaml metadata) {
  return Yaml::map({{"apiVersion", api_version}, {"kind", kind}, {"metadata", std::move(metadata)}});
}

Yaml metadata(const std::string& name, const std::string& namespace_name) {
  Yaml result = Yaml::map({{"name", name}});
  if (!namespace_name.empty()) {
    result.set("namespace", namespace_name);
  }
  return result;
}

}  // namespace

Yaml object(const std::string& api_version, const std::string& kind, const std::string& name,
            const std::string& namespace_name, const std::string& component, const Yaml::Map& more_labels) {
  Yaml labels = Yaml::map({{kNameLabel, name},
                           {kComponentLabel, component},
                           {kPartOfLabel, "kexp"},
                           {kManagedByLabel, kManagedBy},
                           {kRunLabel, "none"}});
  for (const YamlEntry& label : more_labels) {
    labels.set(label.key, label.value, label.comment);
  }
  Yaml meta = metadata(name, namespace_name);
  meta.set("labels", std::move(labels));
  return head(api_version, kind, std::move(meta));
}

Yaml patch(const std::string& api_version, const std::string& kind, const std::string& name,
           const std::string& namespace_name) {
  return head(api_version, kind, metadata(name, namespace_name));
}

std::string kafka_servers(const ClusterFile& cluster) {
  return cluster.kafka.servers.empty() ? fmt::format("{}:{}", master_address(cluster), cluster.kafka.port)
                                       : cluster.kafka.servers;
}

std::string master_address(const ClusterFile& cluster) { return cluster.nodes.master.address; }

std::string consumer_group(const ClusterFile& cluster) {
  return cluster.consumers.group.empty() ? cluster.kafka.input.name + ".consumers" : cluster.consumers.group;
}

std::string jmx_agent(const ClusterFile& cluster) {
  return fmt::format("jmx_prometheus_javaagent-{}.jar", cluster.versions.jmx_exporter);
}

}  // namespace kexp::manifest::names
