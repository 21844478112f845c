#include <algorithm>

#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"
#include "render/upstream.hpp"

namespace kexp::manifest {
namespace {

/// Our fields win over a bundle's, and stay ours when somebody applies the bundle again.
constexpr const char* kApply = "kubectl apply --server-side --force-conflicts --field-manager=kexp -f";
/// Bundles are too large for the annotation in which a client-side apply keeps what it has applied.
constexpr const char* kApplyBundle = "kubectl apply --server-side -f";

/// A part of the folder, as far as this cluster has it.
struct Part {
  std::string folder;
  std::string what;
  std::string where;
  std::string step;  ///< Markdown: what it needs, the commands, how to see that it worked.
};

bool has(const Files& files, const std::string& path) {
  return std::any_of(files.begin(), files.end(), [&](const auto& file) { return file.path == path; });
}

/// Whether `kubectl apply -f 40-monitoring` finds a file: without the operator there may be none.
bool has_monitoring_objects(const ClusterFile& cluster) {
  const Files files = render_monitoring(cluster);
  return std::any_of(files.begin(), files.end(), [](const auto& file) {
    return file.path.find('/') == file.path.rfind('/') && file.path.ends_with(".yaml");
  });
}

std::string shell(const std::string& commands) { return fmt::format("```sh\n{}```\n", commands); }

std::string login(const ClusterFile& cluster, const Node& node) {
  return fmt::format("{}@{}", cluster.nodes.ssh_user, node.address);
}

std::string worker_addresses(const ClusterFile& cluster) {
  std::string text;
  for (const Node& worker : cluster.nodes.workers) {
    text += (text.empty() ? "" : " ") + worker.address;
  }
  return text;
}

std::string all_addresses(const ClusterFile& cluster) {
  return cluster.nodes.master.address + " " + worker_addresses(cluster);
}

/// `worker1=192.168.1.161 …`, for a loop that needs both.
std::string worker_pairs(const ClusterFile& cluster) {
  std::string text;
  for (const Node& worker : cluster.nodes.workers) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", worker.name, worker.address);
  }
  return text;
}

// ---- the steps

Part upstream_part(const ClusterFile& cluster) {
  std::string names;
  for (const Bundle& bundle : bundles(cluster)) {
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", bundle.name, bundle.version);
  }
  return {"00-upstream", "fetches what others made: " + names, "your machine",
          "On a machine with internet, in this folder. A SHA-256 that stands as `unresolved` in "
          "`upstream.lock` has\n"
          "not been read yet and is refused; `--resolve` reads it, once, and writes it there: compare it "
          "with another\n"
          "source, then keep the lock.\n\n" +
              shell("00-upstream/fetch.sh            # or: 00-upstream/fetch.sh --resolve\n") +
              "\nIt worked when `upstream/` is there and a second run fetches nothing.\n"};
}

std::string copy_commands(const ClusterFile& cluster) {
  const std::string& user = cluster.nodes.ssh_user;
  return shell(fmt::format(R"(tar -c . | ssh {0} 'mkdir -p cluster && tar -x -C cluster'
for node in {1}; do
  tar -c 10-nodes 20-kubeadm | ssh {2}@$node 'mkdir -p cluster && tar -x -C cluster'
done
)",
                           login(cluster, cluster.nodes.master), worker_addresses(cluster), user));
}

Part nodes_part(const ClusterFile& cluster) {
  return {"10-nodes", "makes a machine a node, checks it, and undoes that", "every node, as root",
          fmt::format("Needs: Debian or Ubuntu on each node, its host name as in the table, `{}` with ssh "
                      "and sudo. The master\n"
                      "gets this whole folder, a worker the two that it needs.\n\n"
                      "{}\n"
                      "Then every node is prepared; what that changes stands in the first lines of "
                      "`prepare-node.sh`, and\n"
                      "`--dry-run` says it without doing it. A preflight that fails names the cure; go on "
                      "when all pass.\n\n",
                      cluster.nodes.ssh_user, copy_commands(cluster)) +
              shell(fmt::format(R"(for node in {}; do
  ssh -t {}@$node 'cd cluster/10-nodes && sudo ./prepare-node.sh && sudo ./preflight.sh'
done
)",
                                all_addresses(cluster), cluster.nodes.ssh_user)) +
              "\nGovernor, turbo and hyper-threading are set again at each boot, before the kubelet starts\n"
              "(`cpu-control.sh`).\n"};
}

Part kubeadm_part(const ClusterFile& cluster) {
  return {
      "20-kubeadm", "makes the control plane, joins the workers, takes the cluster apart",
      "the master, then each worker",
      "Needs: a preflight that passes everywhere. From here on, everything is done on the master, in "
      "`~/cluster`,\n"
      "unless it says otherwise; `-A` lends it your ssh keys for the workers.\n\n" +
          shell(fmt::format("ssh -A -t {}\ncd cluster\nsudo 20-kubeadm/init.sh\n",
                            login(cluster, cluster.nodes.master))) +
          "\nIt worked when `kubectl get nodes` shows the master; it is NotReady until it has a network.\n"};
}

std::string join_commands(const ClusterFile& cluster) {
  return shell(fmt::format(R"(sudo 20-kubeadm/make-join.sh
for worker in {0}; do
  name=${{worker%=*}} login={1}@${{worker#*=}}
  ssh $login mkdir -p cluster/20-kubeadm/join
  scp -p 20-kubeadm/join/join-$name.yaml $login:cluster/20-kubeadm/join/
  ssh -t $login sudo cluster/20-kubeadm/join.sh cluster/20-kubeadm/join/join-$name.yaml
done
20-kubeadm/label-nodes.sh
kubectl get nodes -o wide
)",
                           worker_pairs(cluster), cluster.nodes.ssh_user));
}

Part network_part(const ClusterFile& cluster) {
  return {"30-network", "Calico, without tunnels inside the LAN", "the master",
          "Needs: the control plane. The patch comes right after Calico: Calico reads it when it makes its "
          "address pool.\n"
          "`check-network.sh` waits, and corrects a pool that was faster.\n\n" +
              shell(fmt::format("{} upstream/calico.yaml\n{} 30-network/patch-calico-node.yaml\n"
                                "30-network/check-network.sh\n",
                                kApplyBundle, kApply)) +
              "\nNow the workers join. `make-join.sh` makes a token that lives two hours.\n\n" +
              join_commands(cluster) + "\nIt worked when all nodes are Ready.\n"};
}

std::string operator_commands(const ClusterFile& cluster) {
  const std::string& space = cluster.monitoring.namespace_name;
  std::string text = fmt::format(
      "{0} upstream/kube-prometheus/setup\n"
      "kubectl wait --for condition=Established --timeout 120s --all customresourcedefinitions\n"
      "{0} upstream/kube-prometheus\n",
      kApplyBundle);
  if (cluster.monitoring.grafana) {
    text += fmt::format("{} secrets/grafana-admin.yaml\n", kApply);
  }
  text += fmt::format("{} 40-monitoring\n", kApply);
  return text +
         fmt::format("kubectl rollout status -n {} --timeout 600s statefulset/prometheus-k8s\n", space);
}

std::string monitoring_beside_step(const ClusterFile& cluster) {
  const std::string needs = fmt::format("Needs: the Prometheus at {}", cluster.monitoring.prometheus);
  const char* files =
      "takes the files of `40-monitoring/without-operator`; each says where it is\n"
      "named in its configuration.\n";
  if (!has_monitoring_objects(cluster)) {
    return fmt::format("{}.\n\nWith the operator nothing is to be done here; a Prometheus without it {}",
                       needs, files);
  }
  return fmt::format("{}, best with its operator.\n\n", needs) +
         shell(fmt::format("{} 40-monitoring\n", kApply)) +
         "\nWithout the operator kubectl knows no monitors and no rules (`no matches for kind`, here and "
         "below) and\n" +
         fmt::format("applies the rest; that Prometheus {}", files) +
         "\nIt worked when its page of rules shows ours.\n";
}

Part monitoring_part(const ClusterFile& cluster) {
  if (!cluster.monitoring.prometheus.empty()) {
    return {"40-monitoring", "what the Prometheus that is there scrapes and records", "the master",
            monitoring_beside_step(cluster)};
  }
  return {"40-monitoring",
          "Prometheus and Grafana: scraping often enough for energy, keeping what was measured", "the master",
          "Needs: nodes that are Ready. kube-prometheus comes without its adapter (metrics-server has that "
          "API) and\n"
          "without what would only draw power; our patches follow it, and have to follow again whenever it "
          "is applied\n"
          "again.\n\n" +
              shell(operator_commands(cluster)) +
              fmt::format("\nIt worked when every target is up at http://localhost:9090/targets during\n"
                          "`kubectl port-forward -n {} service/prometheus-k8s 9090`.\n",
                          cluster.monitoring.namespace_name)};
}

Part metrics_server_part(const ClusterFile& /*cluster*/) {
  return {"50-metrics-server", "the CPU usage that the autoscaler reads", "the master",
          "Needs: nodes that are Ready.\n\n" +
              shell(fmt::format("{} upstream/metrics-server.yaml\n{} 50-metrics-server\n"
                                "kubectl wait --for condition=Available --timeout 180s "
                                "apiservice/v1beta1.metrics.k8s.io\n",
                                kApplyBundle, kApply)) +
              "\nIt worked when `kubectl top nodes` has figures, about half a minute later.\n"};
}

Part kepler_part(const ClusterFile& cluster) {
  const char* meters = cluster.existing.empty()
                           ? "RAPL on every node (the preflight's `rapl`)"
                           : "RAPL on the nodes that are to be measured, no virtual machines";
  return {"60-kepler", "joules per node and pod", "the master",
          fmt::format("Needs: monitoring, for its monitors' kinds; {}.\n\n", meters) +
              shell(fmt::format("{} 60-kepler\nkubectl rollout status -n {} --timeout 300s daemonset/kepler\n"
                                "60-kepler/check-meters.sh\n",
                                kApply, names::kKeplerNamespace)) +
              "\nIt worked when every node says `rapl` and a power that moves.\n"};
}

Part kafka_part(const ClusterFile& cluster) {
  std::string commands;
  std::string needs =
      fmt::format("Needs: the Kafka at {}, and `kexp` on PATH.\n\n", names::kafka_servers(cluster));
  if (cluster.kafka.servers.empty()) {
    needs = "Needs: the master prepared (Docker), `kexp` on PATH.\n\n";
    commands = "sudo docker compose -f 70-kafka/compose.yaml up -d --wait\n";
  }
  return {"70-kafka", cluster.kafka.servers.empty() ? "one broker in a container, its topics" : "its topics",
          "the master",
          needs + shell(commands + "70-kafka/topics.sh\n") +
              fmt::format("\nIt worked when `kexp topics describe --servers {}` shows both topics.\n",
                          names::kafka_servers(cluster))};
}

/// A local image is in no registry: it has to be on a node before a pod can start there.
std::string image_commands(const ClusterFile& cluster) {
  const std::string& image = cluster.consumers.image;
  if (!image.starts_with("localhost/")) {
    return "";
  }
  if (!cluster.existing.empty()) {
    return fmt::format(
        "No registry has `{}`: it has to be on each node that is to run it\n"
        "(`docker save`, there `ctr -n k8s.io images import`).\n\n",
        image);
  }
  return fmt::format("No registry has `{}`: it goes to each worker, from where it was built.\n\n", image) +
         shell(fmt::format(R"(docker save -o consumer.tar {0}
for node in {1}; do
  scp consumer.tar {2}@$node:
  ssh -t {2}@$node sudo ctr -n k8s.io images import consumer.tar
done
)",
                           image, worker_addresses(cluster), cluster.nodes.ssh_user)) +
         "\n";
}

Part consumers_part(const ClusterFile& cluster) {
  const Consumers& consumers = cluster.consumers;
  return {
      "80-consumers", "the pods that find objects in images", "the master",
      "Needs: the topics, and monitoring for its monitors' kinds.\n\n" + image_commands(cluster) +
          shell(fmt::format("{} 80-consumers\nkubectl rollout status -n {} --timeout 300s deployment/{}\n",
                            kApply, consumers.namespace_name, consumers.name)) +
          "\nIt worked when the pods are Ready: a consumer is when it has partitions.\n"};
}

Part scaling_part(const ClusterFile& cluster) {
  const bool keda = cluster.scaler.kind == Scaler::Kind::keda;
  const std::string bundle =
      keda ? fmt::format(
                 "{} upstream/keda.yaml\n"
                 "kubectl rollout status -n {} --timeout 300s deployment/keda-operator\n",
                 kApplyBundle, names::kKedaNamespace)
           : "";
  return {"90-scaling",
          keda ? "more consumers where records wait (KEDA)" : "more consumers where CPUs are busy (HPA)",
          "the master",
          (keda ? "Needs: the consumers and their topics.\n\n"
                : "Needs: the consumers, and metrics-server.\n\n") +
              shell(bundle + fmt::format("{} 90-scaling\n", kApply)) +
              fmt::format("\nIt worked when `kubectl get hpa -n {}` shows a value, not `<unknown>`.\n",
                          cluster.consumers.namespace_name)};
}

// ---- the page

using MakePart = Part (*)(const ClusterFile&);
using RenderPart = Files (*)(const ClusterFile&);

std::vector<Part> parts(const ClusterFile& cluster) {
  const std::pair<RenderPart, MakePart> all[] = {{render_nodes, nodes_part},
                                                 {render_kubeadm, kubeadm_part},
                                                 {render_network, network_part},
                                                 {render_monitoring, monitoring_part},
                                                 {render_metrics_server, metrics_server_part},
                                                 {render_kepler, kepler_part},
                                                 {render_kafka, kafka_part},
                                                 {render_consumers, consumers_part},
                                                 {render_scaling, scaling_part}};
  std::vector<Part> result;
  if (has(render_upstream(cluster), "00-upstream/fetch.sh")) {
    result.push_back(upstream_part(cluster));
  }
  for (const auto& [render, make] : all) {
    if (!render(cluster).empty()) {
      result.push_back(make(cluster));
    }
  }
  return result;
}

std::string head(const ClusterFile& cluster) {
  return fmt::format(
      "# Cluster {}\n\n"
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

std::string contents(const std::vector<Part>& parts, const ClusterFile& cluster) {
  std::string text = "| folder | what it is | where it is used |\n|---|---|---|\n";
  for (const Part& part : parts) {
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

std::string steps(const std::vector<Part>& parts) {
  std::string text = "## By hand, in this order\n\nEvery step may be done again.\n";
  for (const Part& part : parts) {
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
std::string undo_existing(const std::vector<Part>& parts, const ClusterFile& cluster) {
  std::string commands;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->folder == "90-scaling") {
      commands += undo_scaling(cluster);
    } else if (part->folder == "80-consumers" || part->folder == "60-kepler" ||
               (part->folder == "40-monitoring" && has_monitoring_objects(cluster))) {
      commands += undo_command(part->folder);
    }
  }
  if (cluster.monitoring.prometheus.empty()) {
    commands += undo_command("upstream/kube-prometheus -f upstream/kube-prometheus/setup");
  }
  return shell(commands + undo_kafka(cluster));
}

std::string undo_own(const ClusterFile& cluster) {
  const std::string& user = cluster.nodes.ssh_user;
  return "On the master. Both resets list what goes, and ask.\n\n" +
         shell("20-kubeadm/reset.sh cluster\n" + undo_kafka(cluster)) +
         "\nThen, from your machine, the workers and at last the master: `reset.sh node` takes a node out of "
         "the cluster,\n"
         "`undo-node.sh` gives back the machine as it was. Prometheus' samples stay on the master, in\n" +
         fmt::format("`{}`.\n\n", cluster.monitoring.storage_path) +
         shell(fmt::format(R"(for node in {} {}; do
  ssh -t {}@$node 'cd cluster && sudo 20-kubeadm/reset.sh node && sudo 10-nodes/undo-node.sh'
done
)",
                           worker_addresses(cluster), cluster.nodes.master.address, user));
}

std::string undo(const std::vector<Part>& parts, const ClusterFile& cluster) {
  return "## Undoing all of it\n\n" +
         (cluster.existing.empty() ? undo_own(cluster) : undo_existing(parts, cluster));
}

}  // namespace

Files render_readme(const ClusterFile& cluster) {
  const std::vector<Part> all = parts(cluster);
  return {{"README.md", head(cluster) + node_table(cluster) + contents(all, cluster) + steps(all) +
                            access(cluster) + undo(all, cluster)},
          {".gitignore", "/secrets/\n/upstream/\n/20-kubeadm/join/\n"}};
}

}  // namespace kexp::manifest
