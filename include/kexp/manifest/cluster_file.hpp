#pragma once

/// The cluster file (cluster.yaml): what a whole cluster is made from. docs/cluster-file.md explains every
/// key; the defaults below are the ones that apply. Plain values.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kexp/manifest/quantity.hpp"

namespace kexp::manifest {

using Seconds = std::chrono::seconds;

struct Node {
  std::string name;     ///< Host name, as Kubernetes will call it.
  std::string address;  ///< IPv4 in the LAN.
  std::map<std::string, std::string> labels;
};

/// How every node's CPU runs while energy is measured; undone by undo-node.sh.
struct CpuControl {
  std::string governor = "performance";  ///< performance, powersave, or keep.
  bool turbo = false;
  bool smt = false;  ///< Hyper-threading; millicores mean more without it.
};

struct Nodes {
  std::string ssh_user = "kexp";
  Node master;
  std::vector<Node> workers;
  /// What one worker has, after CpuControl; requests are checked against it.
  CpuQuantity cpus{4000};
  MemoryQuantity memory{std::int64_t{16} << 30};
  CpuControl cpu_control;
};

/// Pinned versions. Upstream bundles of these are named in upstream.lock.
struct Versions {
  std::string kubernetes = "1.36.4";
  std::string containerd = "2.3";
  std::string calico = "3.33.1";
  std::string kube_prometheus = "0.18.0";
  std::string metrics_server = "0.9.0";
  std::string kepler = "0.13.0";
  std::string keda = "2.21.1";
  std::string kafka = "4.3.1";
  std::string kafka_exporter = "1.9.0";
  std::string jmx_exporter = "1.0.1";
};

struct Networks {
  std::string lan;  ///< CIDR; required unless `existing`. Published ports are open to it alone.
  std::string pods = "10.244.0.0/16";
  std::string services = "10.96.0.0/12";
  std::string dns_domain = "cluster.local";
};

struct Monitoring {
  /// URL of a Prometheus that is there: nothing of monitoring is installed then. Only with `existing`.
  std::string prometheus;
  /// Where the Prometheus that scrapes runs and as whom, for its roles.
  std::string namespace_name = "monitoring";
  std::string service_account = "prometheus-k8s";
  Seconds scrape_interval{5};    ///< Of Kepler, kubelet, node-exporter, kube-state-metrics and Kafka.
  Seconds consumer_interval{1};  ///< Of the consumers, 1 s to 5 s.
  std::string retention = "30d";
  MemoryQuantity storage{std::int64_t{50} << 30};
  std::string storage_path = "/var/lib/kexp/prometheus";  ///< On the master.
  bool grafana = true;
};

struct Kepler {
  bool enabled = true;
  Seconds interval{1};
  bool privileged = false;
};

struct Topic {
  std::string name;
  int partitions = 1;
};

/// One broker in a container on the master (Docker Compose), or one that is there.
struct Kafka {
  /// bootstrap.servers of a Kafka that is there: none is rendered then.
  std::string servers;
  int port = 10001;
  int jmx_port = 11001;
  int exporter_port = 9308;
  MemoryQuantity heap{std::int64_t{1} << 30};
  /// Bytes a partition keeps; 34 of them hold a run of 2 h at 15 MB/s.
  MemoryQuantity retention{std::int64_t{4} << 30};
  Topic input{"yolo_input", 34};
  Topic output{"yolo_output", 1};
};

struct Resources {
  CpuQuantity cpu{1000};
  MemoryQuantity memory{std::int64_t{1} << 30};
};

struct Consumers {
  std::string name = "yolo-consumer";
  std::string namespace_name = "workload";
  std::string image = "localhost/kexp-consumer:0.1.0";
  std::string model = "yolov3-tiny";
  bool validate_results = true;
  std::string engine = "auto";      ///< auto, opencv, openvino.
  std::string resolution = "auto";  ///< auto, square, N or WxH.
  std::string group;                ///< Default `<input topic>.consumers`.
  Resources requests;
  /// Default: as requests, which makes the pod Guaranteed.
  std::optional<Resources> limits;
  std::string placement = "spread";  ///< spread or pack.
  Seconds grace{30};
};

/// One rule of `scaler.up.policies`: exactly one of pods and percent.
struct ScalingPolicy {
  int pods = 0;
  int percent = 0;
  Seconds every{15};
};

struct ScalingDirection {
  Seconds window{0};
  std::vector<ScalingPolicy> policies;
  std::string select = "max";  ///< max, min, disabled.
};

/// Exactly one of hpa and keda, or neither: then `pods` are started and nothing scales them.
struct Scaler {
  enum class Kind { none, hpa, keda };
  Kind kind = Kind::hpa;
  int min_pods = 1;
  int max_pods = 10;            ///< Two on each of five workers of 4 CPUs, one of which is the system's.
  int pods = 1;                 ///< Kind::none only.
  int cpu_percent = 80;         ///< Kind::hpa: target, of the request.
  std::int64_t lag = 50;        ///< Kind::keda: records a pod.
  Seconds polling_interval{5};  ///< Kind::keda.
  ScalingDirection up{Seconds{0}, {{4, 0, Seconds{15}}, {0, 100, Seconds{15}}}, "max"};
  ScalingDirection down{Seconds{60}, {{0, 100, Seconds{15}}}, "max"};
};

/// Ports of the master's LAN address; 0: only by port-forward.
struct Access {
  int grafana_port = 0;
  int prometheus_port = 0;
};

struct ClusterFile {
  std::string name = "kexp";
  std::string existing;  ///< Context of a cluster that is there: nodes, kubeadm and network are left alone.
  Nodes nodes;
  Versions versions;
  Networks networks;
  Monitoring monitoring;
  Kepler kepler;
  Kafka kafka;
  Consumers consumers;
  Scaler scaler;
  Access access;
};

/// Something that a cluster file gets wrong, or a warning that it may not do what was meant.
struct Problem {
  enum class Severity { warning, error };
  Severity severity = Severity::error;
  std::string field;    ///< Dotted: `scaler.up.window`, `nodes.workers[2].address`.
  std::string message;  ///< The value, the reason, the cure.
  int line = 0;         ///< Of the file, from 1; 0: the file as a whole.

  bool operator==(const Problem&) const = default;
};

struct LoadedClusterFile {
  ClusterFile cluster;
  std::vector<Problem> warnings;
};

/// Reads and checks a cluster file.
///
/// Errors: UsageError with every error found, a line each: `file:line: field: what, why, the cure`; the
/// reason alone where the file cannot be read.
[[nodiscard]] LoadedClusterFile load_cluster_file(const std::filesystem::path& file);
/// The same of a text; `name` stands for the file in messages.
[[nodiscard]] LoadedClusterFile parse_cluster_file(const std::string& text, const std::string& name);

/// What is wrong across fields (overlapping networks, more pods than partitions, requests above a node);
/// lines are 0.
[[nodiscard]] std::vector<Problem> check(const ClusterFile& cluster);

/// `file:line: field: message`; how severe it is says whoever shows it.
[[nodiscard]] std::string to_text(const Problem& problem, const std::string& file);

/// JSON Schema (draft 2020-12) of a cluster file, for editors.
[[nodiscard]] std::string cluster_file_schema();

/// A commented cluster file to start from: the reference cluster of six NUCs, or one on a cluster that is
/// there.
[[nodiscard]] std::string initial_cluster_file(const std::string& existing_context);

}  // namespace kexp::manifest
