/// Pods: what they ask for, where they fit, and how their number changes.

#include <algorithm>

#include <fmt/format.h>

#include "cluster_file_check.hpp"

namespace kexp::manifest {
namespace {

/// What the DaemonSets of a worker request: Calico 250m, node-exporter 112m, Kepler.
constexpr CpuQuantity kDaemonSetCpu{500};
/// What the kubelet keeps for the system and against eviction, and the DaemonSets.
constexpr MemoryQuantity kReservedMemory{std::int64_t{1} << 30};

/// The HPA controller looks every 15 s (--horizontal-pod-autoscaler-sync-period).
constexpr Seconds kSyncPeriod{15};
/// It leaves a use within 10 percent of the target alone (--horizontal-pod-autoscaler-tolerance).
constexpr double kTolerance = 0.1;

Resources limits_of(const Consumers& consumers) { return consumers.limits.value_or(consumers.requests); }

/// The CPU that the kubelet keeps for the system, so that the static CPU manager can give the others to pods:
/// the first core with its threads; nothing where there is one core alone.
CpuQuantity reserved_cpu(const Nodes& nodes) {
  const std::int64_t threads = nodes.cpu_control.smt ? 2000 : 1000;
  return CpuQuantity{nodes.cpus.milli < 2 * threads ? 0 : threads};
}

/// What consumers may request of a worker.
Resources room_of(const Nodes& nodes) {
  const CpuQuantity cpu{nodes.cpus.milli - reserved_cpu(nodes).milli - kDaemonSetCpu.milli};
  const MemoryQuantity memory{nodes.memory.bytes - kReservedMemory.bytes};
  return {std::max(cpu, CpuQuantity{0}), std::max(memory, MemoryQuantity{0})};
}

/// How many consumers fit on all workers together.
std::int64_t fitting_pods(const ClusterFile& cluster) {
  const Resources room = room_of(cluster.nodes);
  const Resources& pod = cluster.consumers.requests;
  const std::int64_t on_one = std::min(room.cpu.milli / std::max<std::int64_t>(pod.cpu.milli, 1),
                                       room.memory.bytes / std::max<std::int64_t>(pod.memory.bytes, 1));
  return on_one * static_cast<std::int64_t>(cluster.nodes.workers.size());
}

void check_requests_fit(const ClusterFile& cluster, Findings& findings) {
  const Nodes& nodes = cluster.nodes;
  const Resources room = room_of(nodes);
  const Resources& pod = cluster.consumers.requests;
  if (nodes.cpus.milli % 1000 != 0) {
    findings.error("nodes.cpus", {},
                   fmt::format("{} is no whole number, and a machine has whole CPUs", to_text(nodes.cpus)));
  }
  if (pod.cpu > room.cpu) {
    findings.error(
        "consumers.requests.cpu", {"nodes.cpus", "nodes.cpu_control"},
        fmt::format("{} fits on no worker: of {} CPUs, {} is kept for the system and {} for Calico, "
                    "node-exporter and Kepler; request {} or less",
                    to_text(pod.cpu), to_text(nodes.cpus), to_text(reserved_cpu(nodes)),
                    to_text(kDaemonSetCpu), to_text(room.cpu)));
  }
  if (pod.memory > room.memory) {
    findings.error("consumers.requests.memory", {"nodes.memory"},
                   fmt::format("{} fits on no worker: of {}, {} is kept for the system; request {} or less",
                               to_text(pod.memory), to_text(nodes.memory), to_text(kReservedMemory),
                               to_text(room.memory)));
  }
}

void check_limits(const Consumers& consumers, Findings& findings) {
  const Resources limits = limits_of(consumers);
  if (limits.cpu < consumers.requests.cpu) {
    findings.error("consumers.limits.cpu", {"consumers.requests.cpu"},
                   fmt::format("{} is below consumers.requests.cpu {}, which Kubernetes refuses: raise it",
                               to_text(limits.cpu), to_text(consumers.requests.cpu)));
  }
  if (limits.memory < consumers.requests.memory) {
    findings.error("consumers.limits.memory", {"consumers.requests.memory"},
                   fmt::format("{} is below consumers.requests.memory {}, which Kubernetes refuses: raise it",
                               to_text(limits.memory), to_text(consumers.requests.memory)));
  }
}

void check_pinning(const Consumers& consumers, Findings& findings) {
  const Resources limits = limits_of(consumers);
  const bool guaranteed = limits.cpu == consumers.requests.cpu && limits.memory == consumers.requests.memory;
  if (guaranteed && consumers.requests.cpu.milli % 1000 != 0) {
    findings.warning(
        "consumers.requests.cpu", {"consumers.limits"},
        fmt::format("{} is no whole number of CPUs: the static CPU manager gives cores of their own to "
                    "whole numbers alone, so these pods share; take {}",
                    to_text(consumers.requests.cpu), consumers.requests.cpu.milli / 1000 + 1));
  }
}

void check_against_partitions(const std::string& field, int pods, const Topic& input, Findings& findings) {
  if (pods > input.partitions) {
    findings.error(
        field, {"kafka.input.partitions"},
        fmt::format("{} pods are more than the {} partitions of {}: {} of them would get no image; lower it "
                    "or raise kafka.input.partitions",
                    pods, input.partitions, input.name, pods - input.partitions));
  }
}

void check_against_room(const std::string& field, int pods, const ClusterFile& cluster, Findings& findings) {
  const std::int64_t fit = fitting_pods(cluster);
  if (!cluster.existing.empty() || pods <= fit || fit == 0) {
    // On a cluster that is there kexp knows no nodes; a pod that fits nowhere has an error of its own.
    return;
  }
  const Resources room = room_of(cluster.nodes);
  findings.warning(
      field, {"consumers.requests", "nodes.workers", "nodes.cpus", "nodes.memory"},
      fmt::format("{} pods of {} CPU and {} do not fit: {} workers with {} CPUs and {} left for them take "
                  "{}, the others stay Pending: lower it, request less, or add workers",
                  pods, to_text(cluster.consumers.requests.cpu), to_text(cluster.consumers.requests.memory),
                  cluster.nodes.workers.size(), to_text(room.cpu), to_text(room.memory), fit));
}

void check_limits_of_scaling(const ClusterFile& cluster, Findings& findings) {
  const Scaler& scaler = cluster.scaler;
  if (scaler.min_pods > scaler.max_pods) {
    findings.error(
        "scaler.min_pods", {"scaler.max_pods"},
        fmt::format("{} is more than scaler.max_pods {}: exchange them", scaler.min_pods, scaler.max_pods));
  }
  if (scaler.kind == Scaler::Kind::hpa && scaler.min_pods == 0) {
    findings.error(
        "scaler.min_pods", {},
        "0 is not for the HPA, which sees no CPU without a pod: take 1, or keda, which starts from 0");
  }
}

void check_target(const ClusterFile& cluster, Findings& findings) {
  const Consumers& consumers = cluster.consumers;
  const std::int64_t most =
      limits_of(consumers).cpu.milli * 100 / std::max<std::int64_t>(consumers.requests.cpu.milli, 1);
  const double wanted = cluster.scaler.cpu_percent * (1 + kTolerance);
  if (static_cast<double>(most) <= wanted && cluster.scaler.min_pods < cluster.scaler.max_pods) {
    findings.warning(
        "scaler.hpa.cpu_percent", {"consumers.requests", "consumers.limits"},
        fmt::format("{} never adds a pod: the HPA does so above {:g} percent (its tolerance is a tenth), "
                    "and at their limit pods use {} percent of their request; take {} or less",
                    cluster.scaler.cpu_percent, wanted, most, (most * 10 - 1) / 11));
  }
}

void check_direction(const std::string& field, const ScalingDirection& direction, Findings& findings) {
  if (direction.window > Seconds{0} && direction.window < kSyncPeriod) {
    findings.warning(
        field + ".window", {},
        fmt::format("{} does nothing: the HPA looks every 15s, so a shorter window holds the newest "
                    "recommendation alone; take 0s, or 15s and more",
                    to_text(direction.window)));
  }
  for (std::size_t i = 0; i < direction.policies.size(); ++i) {
    const ScalingPolicy& policy = direction.policies[i];
    if (policy.every < kSyncPeriod) {
      findings.warning(
          fmt::format("{}.policies[{}].every", field, i), {},
          fmt::format("{} acts like 15s, because the HPA looks every 15s: take that", to_text(policy.every)));
    }
  }
}

void check_disabled_up(const Scaler& scaler, Findings& findings) {
  if (scaler.up.select == "disabled" && scaler.min_pods < scaler.max_pods) {
    findings.warning(
        "scaler.up.select", {"scaler.min_pods", "scaler.max_pods"},
        fmt::format("disabled keeps the number of pods from ever rising: {} stay {}; take max or min",
                    scaler.min_pods, scaler.min_pods));
  }
}

}  // namespace

void check_resources(const ClusterFile& cluster, Findings& findings) {
  check_limits(cluster.consumers, findings);
  if (cluster.existing.empty()) {
    check_requests_fit(cluster, findings);
    check_pinning(cluster.consumers, findings);
  }
}

void check_scaler(const ClusterFile& cluster, Findings& findings) {
  const Scaler& scaler = cluster.scaler;
  const bool fixed = scaler.kind == Scaler::Kind::none;
  const std::string field = fixed ? "scaler.pods" : "scaler.max_pods";
  const int most = fixed ? scaler.pods : scaler.max_pods;
  check_against_partitions(field, most, cluster.kafka.input, findings);
  check_against_room(field, most, cluster, findings);
  if (fixed) {
    return;
  }
  check_limits_of_scaling(cluster, findings);
  if (scaler.kind == Scaler::Kind::hpa) {
    check_target(cluster, findings);
  }
  check_direction("scaler.up", scaler.up, findings);
  check_direction("scaler.down", scaler.down, findings);
  check_disabled_up(scaler, findings);
}

}  // namespace kexp::manifest
