#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"
#include "render/reserved_cpus.hpp"
#include "scripts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "10-nodes";

std::string node_line(const Node& node, const char* role) {
  return fmt::format("{} {} {}\n", node.name, node.address, role);
}

std::string node_table(const Nodes& nodes) {
  std::string table = "\n" + node_line(nodes.master, "infra");
  for (const Node& worker : nodes.workers) {
    table += node_line(worker, "worker");
  }
  return table;
}

const char* on_off(bool on) { return on ? "on" : "off"; }

/// What containers on the master publish; empty when Kafka runs elsewhere.
std::string kafka_ports(const Kafka& kafka) {
  return kafka.servers.empty() ? fmt::format("{} {} {}", kafka.port, kafka.jmx_port, kafka.exporter_port)
                               : "";
}

RenderedFile settings(const ClusterFile& cluster) {
  const Nodes& nodes = cluster.nodes;
  const CpuControl& control = nodes.cpu_control;
  return env_file(
      fmt::format("{}/node.env", kFolder), "What the node scripts need to know of the cluster file.",
      {{"CLUSTER", cluster.name},
       {"NODES", node_table(nodes), "Every node: name, address, role."},
       {"POD_NETWORK", cluster.networks.pods, "Networks that must be free on every node."},
       {"SERVICE_NETWORK", cluster.networks.services},
       {"KUBERNETES_VERSION", cluster.versions.kubernetes, "Packages, held at these versions."},
       {"CONTAINERD_VERSION", cluster.versions.containerd},
       {"CPU_GOVERNOR", control.governor, "How the CPU runs while energy is measured."},
       {"CPU_TURBO", on_off(control.turbo)},
       {"CPU_SMT", on_off(control.smt)},
       {"WORKER_CPUS", std::to_string(nodes.cpus.milli),
        "What a worker has then, in thousandths of a CPU and in bytes."},
       {"WORKER_MEMORY", std::to_string(nodes.memory.bytes)},
       {"RESERVED_CPUS", reserved_cpus(nodes), "CPUs kept for the system: the first core."},
       {"KAFKA_PORTS", kafka_ports(cluster.kafka), "On the master alone: Kafka's ports, Prometheus' folder."},
       {"STORAGE_PATH", cluster.monitoring.prometheus.empty() ? cluster.monitoring.storage_path : ""}});
}

RenderedFile plain_file(const char* name) {
  return {fmt::format("{}/{}", kFolder, name), std::string(script(name))};
}

}  // namespace

Files render_nodes(const ClusterFile& cluster) {
  if (!cluster.existing.empty()) {
    return {};
  }
  Files files = {settings(cluster), plain_file("node-lib.sh"), plain_file("containerd-config.toml")};
  for (const char* name : {"prepare-node.sh", "preflight.sh", "cpu-control.sh", "undo-node.sh"}) {
    files.push_back(script_file(kFolder, name));
  }
  return files;
}

}  // namespace kexp::manifest
