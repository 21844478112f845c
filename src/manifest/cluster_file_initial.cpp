#include <fmt/format.h>

#include "kexp/manifest/cluster_file.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kReference = R"(# Six NUCs for load and energy experiments: one master, five workers.
# What does not stand here has its default; docs/cluster-file.md lists every key.
#
#   kexp deploy render cluster.yaml -o cluster     then read cluster/README.md
name: kexp

nodes:
  ssh_user: kexp                          # may use sudo on every node
  master: {name: master, address: 192.168.1.152}  # control plane, Kafka, Prometheus
  workers:                                # consumers run here; their energy is measured
    - {name: worker1, address: 192.168.1.161}
    - {name: worker2, address: 192.168.1.162}
    - {name: worker3, address: 192.168.1.163}
    - {name: worker4, address: 192.168.1.164}
    - {name: worker5, address: 192.168.1.165}
  cpus: 4                                 # of one worker, hyper-threading off
  memory: 16Gi
  cpu_control:                            # undo-node.sh restores what was there
    governor: performance
    turbo: false                          # the same clock in each run
    smt: false                            # a CPU is a core, not half of one

versions:                                 # pinned; these support each other
  kubernetes: 1.36.4
  calico: 3.33.1
  kube_prometheus: 0.18.0
  kepler: 0.13.0

networks:                                 # none may overlap another
  lan: 192.168.1.0/24                     # ports are open to it alone
  pods: 10.244.0.0/16
  services: 10.96.0.0/12

monitoring:
  scrape_interval: 5s                     # energy, nodes, Kafka
  consumer_interval: 1s
  retention: 30d

kafka:
  port: 10001
  input: {name: yolo_input, partitions: 34}  # no more consumers than this get images
  output: {name: yolo_output, partitions: 1}

consumers:
  image: localhost/kexp-consumer:0.1.0    # always a tag or a digest
  model: yolov3-tiny
  validate_results: true                  # detections are sent back
  requests: {cpu: 1, memory: 1Gi}         # whole CPUs and no other limits: a core for each pod

scaler:
  min_pods: 1
  max_pods: 10                            # two on each worker; the system has a core
  hpa: {cpu_percent: 80}                  # or keda: {lag: 50}, or pods: 5 alone
  up: {window: 0s}
  down: {window: 60s}                     # 60 s of less load before a pod goes
)";

constexpr const char* kExisting =
    R"(# Experiments on a cluster that is there: kexp leaves its nodes and networks alone.
# What does not stand here has its default; docs/cluster-file.md lists every key.
#
#   kexp deploy render cluster.yaml -o cluster     then read cluster/README.md
existing: {}  # a context of `kubectl config get-contexts`

monitoring:
  prometheus: http://prometheus-k8s.monitoring:9090  # remove it, and kube-prometheus is installed
  namespace: monitoring                   # where that Prometheus runs,
  service_account: prometheus-k8s         # and as whom: it gets the roles that scraping needs
  consumer_interval: 1s

kepler:
  enabled: true                           # false where Kepler runs already

kafka:
  servers: kafka.example:9092             # yours
  input: {{name: yolo_input, partitions: 34}}  # no more consumers than this get images
  output: {{name: yolo_output, partitions: 1}}

consumers:
  image: localhost/kexp-consumer:0.1.0    # always a tag or a digest
  model: yolov3-tiny
  validate_results: true                  # detections are sent back
  requests: {{cpu: 1, memory: 1Gi}}         # the limits, too: the pods are Guaranteed

scaler:
  min_pods: 1
  max_pods: 10
  hpa: {{cpu_percent: 80}}                  # or keda: {{lag: 50}}, or pods: 5 alone
  up: {{window: 0s}}
  down: {{window: 60s}}                     # 60 s of less load before a pod goes
)";

/// A context's name may hold '@', ':' and '/'.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
    }
    result += c;
  }
  return result + '"';
}

}  // namespace

std::string initial_cluster_file(const std::string& existing_context) {
  return existing_context.empty() ? kReference : fmt::format(kExisting, quoted(existing_context));
}

}  // namespace kexp::manifest
