#pragma once

/// The one table of names: labels, namespaces and objects that several manifests must agree on.

#include <string>

#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/yaml.hpp"

namespace kexp::manifest::names {

inline constexpr const char* kManagedBy = "kexp";
inline constexpr const char* kNameLabel = "app.kubernetes.io/name";
inline constexpr const char* kComponentLabel = "app.kubernetes.io/component";
inline constexpr const char* kPartOfLabel = "app.kubernetes.io/part-of";
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
/// The run that an object belongs to; set by `kexp run`, "none" as rendered.
inline constexpr const char* kRunLabel = "kexp.dev/run";
/// infra (the master) or worker. The kubelet may set labels of this domain on itself,
/// node-role.kubernetes.io/* it may not.
inline constexpr const char* kRoleLabel = "kexp.dev/role";

inline constexpr const char* kKeplerNamespace = "kepler";
inline constexpr const char* kKedaNamespace = "keda";
inline constexpr const char* kPrometheusRole = "kexp-prometheus";
inline constexpr const char* kMetricsPortName = "metrics";
inline constexpr int kConsumerMetricsPort = 9464;
inline constexpr const char* kKeplerPortName = "http";
inline constexpr int kKeplerPort = 28282;
inline constexpr const char* kGrafanaSecret = "kexp-grafana-admin";
inline constexpr const char* kStorageClass = "kexp-local";
/// Field manager of every server-side apply.
inline constexpr const char* kFieldManager = "kexp";

/// apiVersion, kind and metadata of an object of ours with the labels that all carry; `namespace_name` empty
/// for a cluster-wide one; `more_labels` follow those.
[[nodiscard]] Yaml object(const std::string& api_version, const std::string& kind, const std::string& name,
                          const std::string& namespace_name, const std::string& component,
                          const Yaml::Map& more_labels = {});

/// The same for a patch: an object of an upstream bundle of which only our fields are written, without
/// labels.
[[nodiscard]] Yaml patch(const std::string& api_version, const std::string& kind, const std::string& name,
                         const std::string& namespace_name);

/// Where consumers find Kafka: the cluster file's servers, or the master's address and port.
[[nodiscard]] std::string kafka_servers(const ClusterFile& cluster);
/// Where containers on the master publish ports.
[[nodiscard]] std::string master_address(const ClusterFile& cluster);
[[nodiscard]] std::string consumer_group(const ClusterFile& cluster);
/// File name of the JMX agent, in upstream/ once it is fetched.
[[nodiscard]] std::string jmx_agent(const ClusterFile& cluster);

}  // namespace kexp::manifest::names
