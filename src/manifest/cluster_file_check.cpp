#include "cluster_file_check.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cluster_file_rules.hpp"
#include "names.hpp"

namespace kexp::manifest {
namespace {

/// The nodes with the names of their fields.
struct NamedNode {
  std::string field;
  const Node* node;
};

std::vector<NamedNode> all_nodes(const Nodes& nodes) {
  std::vector<NamedNode> all = {{"nodes.master", &nodes.master}};
  for (std::size_t i = 0; i < nodes.workers.size(); ++i) {
    all.push_back({fmt::format("nodes.workers[{}]", i), &nodes.workers[i]});
  }
  return all;
}

void check_overlap(const std::string& field, const std::string& value, const std::string& other_field,
                   const std::string& other, Findings& findings) {
  const std::optional<Cidr> one = parse_cidr(value);
  const std::optional<Cidr> two = parse_cidr(other);
  if (one && two && one->overlaps(*two)) {
    findings.error(
        field, {other_field},
        fmt::format("{} overlaps {} {}, and what is sent to one would arrive in the other: take a network of "
                    "its own, such as {}",
                    value, other_field, other,
                    field == "networks.services" ? "10.96.0.0/12" : "10.244.0.0/16"));
  }
}

void check_address(const NamedNode& at, const std::string& lan_text, Findings& findings) {
  const std::optional<Cidr> lan = parse_cidr(lan_text);
  const std::optional<std::uint32_t> address = parse_ipv4(at.node->address);
  const std::string field = at.field + ".address";
  if (!lan || !address) {
    return;
  }
  if (!lan->contains(*address)) {
    findings.error(field, {"networks.lan"},
                   fmt::format("{} is outside networks.lan {}, where every node must be: correct one of them",
                               at.node->address, lan_text));
    return;
  }
  const std::uint32_t hosts =
      lan->prefix == 0 ? ~std::uint32_t{0} : (std::uint32_t{1} << (32 - lan->prefix)) - 1;
  if (lan->prefix <= 30 && ((*address & hosts) == 0 || (*address & hosts) == hosts)) {
    findings.error(
        field, {"networks.lan"},
        fmt::format("{} is the first or last address of networks.lan {}, which no machine can have",
                    at.node->address, lan_text));
  }
}

/// Reports each value that an earlier node has, too.
void check_distinct(const std::vector<NamedNode>& nodes, std::string Node::*member, const std::string& suffix,
                    const std::string& noun, Findings& findings) {
  for (auto at = nodes.begin(); at != nodes.end(); ++at) {
    const std::string& value = at->node->*member;
    const auto first =
        std::find_if(nodes.begin(), at, [&](const NamedNode& n) { return n.node->*member == value; });
    if (first != at && !value.empty()) {
      findings.error(
          at->field + suffix, {first->field + suffix},
          fmt::format("{} is the {} of {}, too: each node needs its own", value, noun, first->field));
    }
  }
}

void check_pod_network(const ClusterFile& cluster, Findings& findings) {
  constexpr int kNodePrefix = 24;  // kube-controller-manager's --node-cidr-mask-size
  const std::optional<Cidr> pods = parse_cidr(cluster.networks.pods);
  const std::size_t nodes = cluster.nodes.workers.size() + 1;
  if (pods && (pods->prefix > kNodePrefix || (std::size_t{1} << (kNodePrefix - pods->prefix)) < nodes)) {
    findings.error(
        "networks.pods", {"nodes.workers"},
        fmt::format("{} is too small: each of {} nodes takes a /24 of it; take a /16 such as 10.244.0.0/16",
                    cluster.networks.pods, nodes));
  }
  const std::optional<Cidr> services = parse_cidr(cluster.networks.services);
  if (services && (services->prefix < 12 || services->prefix > 28)) {
    findings.error(
        "networks.services", {},
        fmt::format("{} must have a prefix from /12, the API server's largest, to /28: take 10.96.0.0/12",
                    cluster.networks.services));
  }
}

void check_node_labels(const std::vector<NamedNode>& nodes, Findings& findings) {
  for (const NamedNode& at : nodes) {
    if (at.node->labels.contains(names::kRoleLabel)) {
      findings.error(at.field + ".labels", {},
                     fmt::format("{} is set by kexp, to tell the master from the workers: leave it out",
                                 names::kRoleLabel));
    }
  }
}

bool is_reserved_namespace(const std::string& name) {
  static const std::array kReserved = {
      "default",       "kube-system",     "kube-public",           "kube-node-lease",
      "calico-system", "tigera-operator", names::kKeplerNamespace, names::kKedaNamespace};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

/// kube-prometheus is where its bundle puts it, whatever the cluster file says.
void check_own_prometheus(const Monitoring& monitoring, Findings& findings) {
  const auto check = [&](const char* field, const std::string& value, const std::string& own) {
    if (monitoring.prometheus.empty() && value != own) {
      findings.error(
          field, {},
          fmt::format("{} is not what kube-prometheus has, which is always {}: leave it out, or name "
                      "the Prometheus that is there in monitoring.prometheus",
                      value, own));
    }
  };
  const Monitoring own;
  check("monitoring.namespace", monitoring.namespace_name, own.namespace_name);
  check("monitoring.service_account", monitoring.service_account, own.service_account);
}

}  // namespace

void check_networks(const ClusterFile& cluster, Findings& findings) {
  if (!cluster.existing.empty()) {
    return;
  }
  const Networks& networks = cluster.networks;
  if (networks.lan.empty()) {
    findings.error("networks.lan", {}, "is missing: give the network of the nodes, such as 192.168.1.0/24");
  }
  if (cluster.nodes.workers.empty()) {
    findings.error("nodes.workers", {}, "is empty: consumers run on workers alone, give one or more");
  }
  check_overlap("networks.pods", networks.pods, "networks.lan", networks.lan, findings);
  check_overlap("networks.services", networks.services, "networks.lan", networks.lan, findings);
  check_overlap("networks.pods", networks.pods, "networks.services", networks.services, findings);
  check_pod_network(cluster, findings);
  const std::vector<NamedNode> nodes = all_nodes(cluster.nodes);
  for (const NamedNode& at : nodes) {
    check_address(at, networks.lan, findings);
  }
  check_distinct(nodes, &Node::address, ".address", "address", findings);
  check_distinct(nodes, &Node::name, ".name", "name", findings);
  check_node_labels(nodes, findings);
}

void check_existing(const ClusterFile& cluster, Findings& findings) {
  if (cluster.existing.empty()) {
    if (!cluster.monitoring.prometheus.empty()) {
      findings.error(
          "monitoring.prometheus", {"existing"},
          fmt::format("{} is of no use without `existing`: a Prometheus elsewhere cannot find the pods of a "
                      "cluster that kexp makes; leave it out",
                      cluster.monitoring.prometheus));
    }
    return;
  }
  if (!cluster.nodes.master.address.empty() || !cluster.nodes.workers.empty()) {
    findings.error(
        "nodes", {"existing"},
        fmt::format("stands beside `existing: {}`, and kexp leaves the nodes of a cluster that is there "
                    "alone: remove one of them",
                    cluster.existing));
  }
  if (cluster.kafka.servers.empty()) {
    findings.error(
        "kafka.servers", {"existing"},
        "is missing: with `existing` there is no master to run a broker on; name the bootstrap servers of a "
        "Kafka that is there");
  }
}

void check_monitoring(const ClusterFile& cluster, Findings& findings) {
  const Monitoring& monitoring = cluster.monitoring;
  check_own_prometheus(monitoring, findings);
  if (cluster.kepler.enabled && cluster.kepler.interval > monitoring.scrape_interval) {
    findings.warning(
        "kepler.interval", {"monitoring.scrape_interval"},
        fmt::format("{} is longer than monitoring.scrape_interval {}: some scrapes would see no new energy; "
                    "take {} or less",
                    to_text(cluster.kepler.interval), to_text(monitoring.scrape_interval),
                    to_text(monitoring.scrape_interval)));
  }
}

void check_kafka(const ClusterFile& cluster, Findings& findings) {
  const Kafka& kafka = cluster.kafka;
  const auto metric_name = [](std::string topic) {
    std::replace(topic.begin(), topic.end(), '.', '_');
    return topic;
  };
  if (kafka.input.name == kafka.output.name) {
    findings.error("kafka.output.name", {"kafka.input.name"},
                   fmt::format("{} is kafka.input.name, too: consumers would read their own results",
                               kafka.output.name));
  } else if (metric_name(kafka.input.name) == metric_name(kafka.output.name)) {
    findings.error("kafka.output.name", {"kafka.input.name"},
                   fmt::format("{} and {} are one name in Kafka's metrics, where '.' is '_': rename one",
                               kafka.output.name, kafka.input.name));
  }
  if (kafka.output.partitions != 1) {
    findings.warning(
        "kafka.output.partitions", {},
        fmt::format("{} keep no common order of the results, and one takes them all with ease: take 1",
                    kafka.output.partitions));
  }
  if (kafka.heap.bytes % (std::int64_t{1} << 20) != 0) {
    findings.error("kafka.heap", {},
                   fmt::format("{} is no whole number of Mi, as Java wants it: take {}Mi",
                               to_text(kafka.heap), kafka.heap.bytes >> 20));
  }
}

void check_ports(const ClusterFile& cluster, Findings& findings) {
  struct Use {
    std::string field;
    int port;
    std::string noun;
  };
  // Who listens on the master already.
  std::vector<Use> uses = {{"", 22, "ssh"},
                           {"", 179, "Calico"},
                           {"", 2379, "etcd"},
                           {"", 2380, "etcd"},
                           {"", 2381, "etcd"},
                           {"", 6443, "the API server"},
                           {"", 9099, "Calico"},
                           {"", 9100, "node-exporter"},
                           {"", 10248, "the kubelet"},
                           {"", 10249, "kube-proxy"},
                           {"", 10250, "the kubelet"},
                           {"", 10256, "kube-proxy"},
                           {"", 10257, "kube-controller-manager"},
                           {"", 10259, "kube-scheduler"}};
  const auto take = [&](const std::string& field, int port) {
    const auto other =
        std::find_if(uses.begin(), uses.end(), [&](const Use& use) { return use.port == port; });
    if (other != uses.end()) {
      findings.error(field, other->field.empty() ? std::vector<std::string>{} : std::vector{other->field},
                     fmt::format("{} is taken on the master by {}: choose another port", port, other->noun));
    }
    uses.push_back({field, port, field});
  };
  if (!cluster.existing.empty()) {
    return;
  }
  if (cluster.kafka.servers.empty()) {
    take("kafka.port", cluster.kafka.port);
    take("kafka.jmx_port", cluster.kafka.jmx_port);
    take("kafka.exporter_port", cluster.kafka.exporter_port);
  }
  if (cluster.access.grafana_port != 0) {
    take("access.grafana_port", cluster.access.grafana_port);
  }
  if (cluster.access.prometheus_port != 0) {
    take("access.prometheus_port", cluster.access.prometheus_port);
  }
}

void check_consumers(const ClusterFile& cluster, Findings& findings) {
  const Consumers& consumers = cluster.consumers;
  const ImageVersion version = image_version(consumers.image);
  if (version.digest.empty() && (version.tag.empty() || version.tag == "latest")) {
    findings.error(
        "consumers.image", {},
        fmt::format("{} {}, so two runs may use two images: give a tag such as :0.1.0, or @sha256:…",
                    consumers.image, version.tag.empty() ? "has no tag" : "moves with each push"));
  }
  const std::string& space = consumers.namespace_name;
  if (is_reserved_namespace(space) || space == cluster.monitoring.namespace_name) {
    findings.error(
        "consumers.namespace", {"monitoring.namespace"},
        fmt::format(
            "{} belongs to somebody else, whose pods the restricted pod standard would stop: take one "
            "of its own, such as workload",
            space));
  }
}

std::vector<Finding> find_problems(const ClusterFile& cluster) {
  Findings findings;
  check_existing(cluster, findings);
  check_networks(cluster, findings);
  check_versions(cluster, findings);
  check_monitoring(cluster, findings);
  check_kafka(cluster, findings);
  check_ports(cluster, findings);
  check_consumers(cluster, findings);
  check_resources(cluster, findings);
  check_scaler(cluster, findings);
  return findings.all();
}

std::vector<Problem> check(const ClusterFile& cluster) {
  std::vector<Problem> problems;
  for (const Finding& finding : find_problems(cluster)) {
    problems.push_back(finding.problem);
  }
  return problems;
}

}  // namespace kexp::manifest
