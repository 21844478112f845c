#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"
#include "render/readme_parts.hpp"
#include "render/upstream.hpp"

namespace kexp::manifest {
namespace {

std::string head(const ClusterFile& cluster) {
  return fmt::format(
      "# Cluster {}\n\n"
      "What experiments run on, as files to read and to apply by hand: images wait in Kafka, pods find the "
      "objects in\n"
      "them, Kubernetes runs the pods, Prometheus measures it all.\n\n"
      "Made by `kexp deploy render` from a cluster file: the same file gives the same folder. To change "
      "something,\n"
      "change the cluster file and render again; what was edited here is reported and not replaced.\n\n",
      cluster.name);
}

std::string node_table(const ClusterFile& cluster) {
  if (!cluster.existing.empty()) {
    return fmt::format(
        "The cluster is there already: its nodes and its network are left alone. All commands go to it "
        "after\n"
        "`kubectl config use-context {}`.\n\n",
        shell_quote(cluster.existing));
  }
  const Node& master = cluster.nodes.master;
  std::string text = "| node | address | does |\n|---|---|---|\n";
  text += fmt::format("| {} | {} | control plane, Prometheus{} |\n", master.name, master.address,
                      cluster.kafka.servers.empty() ? ", Kafka" : "");
  for (const Node& worker : cluster.nodes.workers) {
    text += fmt::format("| {} | {} | consumers; its energy is measured |\n", worker.name, worker.address);
  }
  return text + "\n";
}

std::string contents(const std::vector<ReadmePart>& parts, const ClusterFile& cluster) {
  std::string text = "| folder | what it is | where it is used |\n|---|---|---|\n";
  for (const ReadmePart& part : parts) {
    text += fmt::format("| `{}` | {} | {} |\n", part.folder, part.what,
                        cluster.existing.empty() ? part.where : "where kubectl is");
  }
  if (!bundles(cluster).empty()) {
    text +=
        "\nFiles called `patch-…` hold only the fields that we set in an object of a bundle; all others are "
        "whole.\n";
  }
  if (cluster.monitoring.prometheus.empty() && cluster.monitoring.grafana) {
    text += "\n`secrets/` has Grafana's password: readable by you alone, and git ignores it.\n";
  }
  return text + "\n";
}

std::string steps(const std::vector<ReadmePart>& parts) {
  std::string text = "## By hand, in this order\n\nEvery step may be done again.\n";
  for (const ReadmePart& part : parts) {
    text += fmt::format("\n### {}\n\n{}", part.folder, part.step);
  }
  return text + "\n";
}

std::string port_line(const ClusterFile& cluster, const char* service, int port, int inside) {
  if (port != 0 && cluster.existing.empty()) {
    return fmt::format("- {}: http://{}:{}, from {} alone\n", service, names::master_address(cluster), port,
                       cluster.networks.lan);
  }
  return fmt::format("- {0}: http://localhost:{1} during `kubectl port-forward -n {2} service/{0} {1}`\n",
                     service, inside, cluster.monitoring.namespace_name);
}

std::string access(const ClusterFile& cluster) {
  if (!cluster.monitoring.prometheus.empty()) {
    return "";
  }
  std::string text =
      "## Looking at it\n\n" + port_line(cluster, "prometheus-k8s", cluster.access.prometheus_port, 9090);
  if (cluster.monitoring.grafana) {
    text += port_line(cluster, "grafana", cluster.access.grafana_port, 3000) +
            "  as `admin`, with the password in `secrets/grafana-password`\n";
  }
  return text + "\n";
}

std::string undo_kafka(const ClusterFile& cluster) {
  return cluster.kafka.servers.empty()
             ? "sudo docker compose -f 70-kafka/compose.yaml down     # with -v its data goes, too\n"
             : "";
}

std::string undo_command(const std::string& what) {
  return "kubectl delete --ignore-not-found -f " + what + '\n';
}

/// KEDA takes its finalizer off a ScaledObject only while it runs.
std::string undo_scaling(const ClusterFile& cluster) {
  return cluster.scaler.kind == Scaler::Kind::keda
             ? undo_command("90-scaling/10-scaled-object.yaml") + undo_command("upstream/keda.yaml")
             : undo_command("90-scaling");
}

/// On a cluster that is there only what is ours goes, in the reverse order.
std::string undo_existing(const std::vector<ReadmePart>& parts, const ClusterFile& cluster,
                          const Files& files) {
  std::string commands;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->folder == "90-scaling") {
      commands += undo_scaling(cluster);
    } else if (part->folder == "80-consumers" || part->folder == "60-kepler" ||
               (part->folder == "40-monitoring" && has_monitoring_objects(files))) {
      commands += undo_command(part->folder);
    }
  }
  if (cluster.monitoring.prometheus.empty()) {
    commands += undo_command("upstream/kube-prometheus -f upstream/kube-prometheus/setup");
  }
  return shell_block(commands + undo_kafka(cluster));
}

std::string undo_own(const ClusterFile& cluster) {
  const std::string& user = cluster.nodes.ssh_user;
  return "On the master. Both resets list what goes, and ask.\n\n" +
         shell_block("20-kubeadm/reset.sh cluster\n" + undo_kafka(cluster)) +
         "\nThen, from your machine, the workers and at last the master: `reset.sh node` takes a node out of "
         "the cluster,\n"
         "`undo-node.sh` gives back the machine as it was. Prometheus' samples stay on the master, in\n" +
         fmt::format("`{}`.\n\n", cluster.monitoring.storage_path) +
         shell_block(fmt::format(R"(for node in {} {}; do
  ssh -t {}@$node 'cd cluster && sudo 20-kubeadm/reset.sh node && sudo 10-nodes/undo-node.sh'
done
)",
                                 worker_addresses(cluster), cluster.nodes.master.address, user));
}

std::string undo(const std::vector<ReadmePart>& parts, const ClusterFile& cluster, const Files& files) {
  return "## Undoing all of it\n\n" +
         (cluster.existing.empty() ? undo_own(cluster) : undo_existing(parts, cluster, files));
}

}  // namespace

Files render_readme(const ClusterFile& cluster, const Files& files) {
  const std::vector<ReadmePart> all = readme_parts(cluster, files);
  return {{"README.md", head(cluster) + node_table(cluster) + contents(all, cluster) + steps(all) +
                            access(cluster) + undo(all, cluster, files)},
          {".gitignore", "/secrets/\n/upstream/\n/20-kubeadm/join/\n"}};
}

}  // namespace kexp::manifest
