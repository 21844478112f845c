#include "render/readme_parts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "names.hpp"
#include "render/upstream.hpp"

namespace kexp::manifest {
namespace {

/// Our fields win over a bundle's, and stay ours when somebody applies the bundle again.
constexpr const char* kApply = "kubectl apply --server-side --force-conflicts --field-manager=kexp -f";
/// Bundles are too large for the annotation in which a client-side apply keeps what it has applied. Applied
/// again, they take back the fields that our patches have set, until those follow.
constexpr const char* kApplyBundle = "kubectl apply --server-side --force-conflicts -f";

bool has_folder(const Files& files, const std::string& folder) {
  return std::any_of(files.begin(), files.end(),
                     [&](const auto& file) { return file.path.starts_with(folder + '/'); });
}

std::string login(const ClusterFile& cluster, const Node& node) {
  return fmt::format("{}@{}", cluster.nodes.ssh_user, node.address);
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

ReadmePart upstream_part(const ClusterFile& cluster) {
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
              shell_block("00-upstream/fetch.sh            # or: 00-upstream/fetch.sh --resolve\n") +
              "\nIt worked when `upstream/` is there and a second run fetches nothing.\n"};
}

std::string copy_commands(const ClusterFile& cluster) {
  const std::string& user = cluster.nodes.ssh_user;
  return shell_block(fmt::format(R"(tar -c . | ssh {0} 'mkdir -p cluster && tar -x -C cluster'
for node in {1}; do
  tar -c 10-nodes 20-kubeadm | ssh {2}@$node 'mkdir -p cluster && tar -x -C cluster'
done
)",
                                 login(cluster, cluster.nodes.master), worker_addresses(cluster), user));
}

ReadmePart nodes_part(const ClusterFile& cluster) {
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
              shell_block(fmt::format(R"(for node in {}; do
  ssh -t {}@$node 'cd cluster/10-nodes && sudo ./prepare-node.sh && sudo ./preflight.sh'
done
)",
                                      all_addresses(cluster), cluster.nodes.ssh_user)) +
              "\nGovernor, turbo and hyper-threading are set again at each boot, before the kubelet starts\n"
              "(`cpu-control.sh`).\n"};
}

ReadmePart kubeadm_part(const ClusterFile& cluster) {
  return {
      "20-kubeadm", "makes the control plane, joins the workers, takes the cluster apart",
      "the master, then each worker",
      "Needs: a preflight that passes everywhere. From here on, everything is done on the master, in "
      "`~/cluster`,\n"
      "unless it says otherwise; `-A` lends it your ssh keys for the workers.\n\n" +
          shell_block(fmt::format("ssh -A -t {}\ncd cluster\nsudo 20-kubeadm/init.sh\n",
                                  login(cluster, cluster.nodes.master))) +
          "\nIt worked when `kubectl get nodes` shows the master; it is NotReady until it has a network.\n"};
}

std::string join_commands(const ClusterFile& cluster) {
  return shell_block(fmt::format(R"(sudo 20-kubeadm/make-join.sh
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

ReadmePart network_part(const ClusterFile& cluster) {
  return {"30-network", "Calico, without tunnels inside the LAN", "the master",
          "Needs: the control plane. The patch comes right after Calico: Calico reads it when it makes its "
          "address pool.\n"
          "`check-network.sh` waits, and corrects a pool that was faster.\n\n" +
              shell_block(fmt::format("{} upstream/calico.yaml\n{} 30-network/patch-calico-node.yaml\n"
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
  // The operator makes the StatefulSet once it runs itself; of one that is not there `rollout status` is an
  // error.
  return text + fmt::format(
                    "kubectl wait -n {0} --for create --timeout 300s statefulset/prometheus-k8s\n"
                    "kubectl rollout status -n {0} --timeout 600s statefulset/prometheus-k8s\n",
                    space);
}

std::string monitoring_beside_step(const ClusterFile& cluster, const Files& files) {
  const std::string needs = fmt::format("Needs: the Prometheus at {}", cluster.monitoring.prometheus);
  const char* plain =
      "takes the files of `40-monitoring/without-operator`; each says where it is\n"
      "named in its configuration.\n";
  if (!has_monitoring_objects(files)) {
    return fmt::format("{}.\n\nWith the operator nothing is to be done here; a Prometheus without it {}",
                       needs, plain);
  }
  return fmt::format("{}, best with its operator.\n\n", needs) +
         shell_block(fmt::format("{} 40-monitoring\n", kApply)) +
         "\nWithout the operator kubectl knows no monitors and no rules (`no matches for kind`, here and "
         "below) and\n" +
         fmt::format("applies the rest; that Prometheus {}", plain) +
         "\nIt worked when its page of rules shows ours.\n";
}

ReadmePart monitoring_part(const ClusterFile& cluster, const Files& files) {
  if (!cluster.monitoring.prometheus.empty()) {
    return {"40-monitoring", "what the Prometheus that is there scrapes and records", "the master",
            monitoring_beside_step(cluster, files)};
  }
  return {"40-monitoring",
          "Prometheus and Grafana: scraping often enough for energy, keeping what was measured", "the master",
          "Needs: nodes that are Ready. kube-prometheus comes without its adapter (metrics-server has that "
          "API) and\n"
          "without what would only draw power; our patches follow it, and have to follow again whenever it "
          "is applied\n"
          "again.\n\n" +
              shell_block(operator_commands(cluster)) +
              fmt::format("\nIt worked when every target is up at http://localhost:9090/targets during\n"
                          "`kubectl port-forward -n {} service/prometheus-k8s 9090`.\n",
                          cluster.monitoring.namespace_name)};
}

ReadmePart metrics_server_part() {
  return {"50-metrics-server", "the CPU usage that the autoscaler reads", "the master",
          "Needs: nodes that are Ready.\n\n" +
              shell_block(fmt::format("{} upstream/metrics-server.yaml\n{} 50-metrics-server\n"
                                      "kubectl wait --for condition=Available --timeout 180s "
                                      "apiservice/v1beta1.metrics.k8s.io\n",
                                      kApplyBundle, kApply)) +
              "\nIt worked when `kubectl top nodes` has figures, about half a minute later.\n"};
}

ReadmePart kepler_part(const ClusterFile& cluster) {
  const char* meters = cluster.existing.empty()
                           ? "RAPL on every node (the preflight's `rapl`)"
                           : "RAPL on the nodes that are to be measured, no virtual machines";
  return {"60-kepler", "joules per node and pod", "the master",
          fmt::format("Needs: monitoring, for its monitors' kinds; {}.\n\n", meters) +
              shell_block(
                  fmt::format("{} 60-kepler\nkubectl rollout status -n {} --timeout 300s daemonset/kepler\n"
                              "60-kepler/check-meters.sh\n",
                              kApply, names::kKeplerNamespace)) +
              "\nIt worked when every node says `rapl` and a power that moves.\n"};
}

ReadmePart kafka_part(const ClusterFile& cluster) {
  std::string commands;
  std::string needs =
      fmt::format("Needs: the Kafka at {}, and `kexp` on PATH.\n\n", names::kafka_servers(cluster));
  if (cluster.kafka.servers.empty()) {
    needs = "Needs: the master prepared (Docker), `kexp` on PATH.\n\n";
    commands = "sudo docker compose -f 70-kafka/compose.yaml up -d --wait\n";
  }
  return {"70-kafka", cluster.kafka.servers.empty() ? "one broker in a container, its topics" : "its topics",
          "the master",
          needs + shell_block(commands + "70-kafka/topics.sh\n") +
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
        "(`scripts/build-consumer-image.sh --save consumer.tar`, there `ctr -n k8s.io images import "
        "consumer.tar`).\n\n",
        image);
  }
  return fmt::format(
             "No registry has `{}`: it goes to each worker, from where it is built: kexp's source tree.\n\n",
             image) +
         shell_block(fmt::format(R"(scripts/build-consumer-image.sh --name {0} --save consumer.tar
for node in {1}; do
  scp consumer.tar {2}@$node:
  ssh -t {2}@$node sudo ctr -n k8s.io images import consumer.tar
done
)",
                                 image, worker_addresses(cluster), cluster.nodes.ssh_user)) +
         "\n";
}

ReadmePart consumers_part(const ClusterFile& cluster) {
  const Consumers& consumers = cluster.consumers;
  return {"80-consumers", "the pods that find objects in images", "the master",
          "Needs: the topics, and monitoring for its monitors' kinds.\n\n" + image_commands(cluster) +
              shell_block(
                  fmt::format("{} 80-consumers\nkubectl rollout status -n {} --timeout 300s deployment/{}\n",
                              kApply, consumers.namespace_name, consumers.name)) +
              "\nIt worked when the pods are Ready: a consumer is when it has partitions.\n"};
}

ReadmePart scaling_part(const ClusterFile& cluster) {
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
              shell_block(bundle + fmt::format("{} 90-scaling\n", kApply)) +
              fmt::format("\nIt worked when `kubectl get hpa -n {}` shows a value, not `<unknown>`.\n",
                          cluster.consumers.namespace_name)};
}

}  // namespace

std::string shell_block(const std::string& commands) { return fmt::format("```sh\n{}```\n", commands); }

std::string worker_addresses(const ClusterFile& cluster) {
  std::string text;
  for (const Node& worker : cluster.nodes.workers) {
    text += (text.empty() ? "" : " ") + worker.address;
  }
  return text;
}

bool has_monitoring_objects(const Files& files) {
  return std::any_of(files.begin(), files.end(), [](const auto& file) {
    return file.path.starts_with("40-monitoring/") && file.path.find('/') == file.path.rfind('/') &&
           file.path.ends_with(".yaml");
  });
}

std::vector<ReadmePart> readme_parts(const ClusterFile& cluster, const Files& files) {
  std::vector<ReadmePart> parts = {
      upstream_part(cluster),          nodes_part(cluster),   kubeadm_part(cluster), network_part(cluster),
      monitoring_part(cluster, files), metrics_server_part(), kepler_part(cluster),  kafka_part(cluster),
      consumers_part(cluster),         scaling_part(cluster)};
  std::erase_if(parts, [&](const ReadmePart& part) { return !has_folder(files, part.folder); });
  return parts;
}

}  // namespace kexp::manifest
