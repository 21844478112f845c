#include "random_cluster.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/random.hpp"

namespace kexp::test {
namespace {

using namespace manifest;

constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

/// Draws the fields of a cluster.
class ClusterMaker {
 public:
  explicit ClusterMaker(std::uint64_t seed) : random_(seed) {}

  ClusterFile make() {
    cluster_.name = label();
    const bool existing = one_in(4);
    if (existing) {
      cluster_.existing =
          pick<std::string>({"kexp", "admin@lab", "no", "0123", "arn:aws:eks:1:cluster/x", "a: b #c"});
    } else {
      draw_nodes();
    }
    draw_versions();
    draw_monitoring(existing);
    draw_kafka(existing);
    draw_consumers();
    draw_scaler();
    if (!existing) {
      cluster_.access = {one_in(2) ? 0 : port(), one_in(2) ? 0 : port()};
    }
    return cluster_;
  }

 private:
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most - least + 1)));
  }
  int number(int least, int most) { return static_cast<int>(between(least, most)); }
  bool one_in(std::uint64_t count) { return random_.below(count) == 0; }
  template <typename T>
  T pick(std::vector<T> choices) {
    return choices[random_.below(choices.size())];
  }
  Seconds seconds(int least, int most) { return Seconds{between(least, most)}; }
  MemoryQuantity mebibytes(std::int64_t least, std::int64_t most) {
    return {between(least, most) * kMebibyte};
  }

  /// An RFC 1123 label; some look like numbers or truth values, some are as long as they may be.
  std::string label(std::int64_t most = 63) {
    static constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (one_in(4)) {
      return pick<std::string>({"yes", "no", "on", "off", "null", "true", "y", "n", "0", "1", "0123", "1e3",
                                "0x1f", "0o17", "0b1", "2026-11-22"});
    }
    std::string result;
    const std::int64_t length = one_in(8) ? most : between(1, 20);
    for (std::int64_t i = 0; i < length; ++i) {
      // No '-' at either end.
      const bool inside = i > 0 && i + 1 < length;
      result += kCharacters[random_.below(kCharacters.size() - (inside ? 0 : 1))];
    }
    return result;
  }

  std::string kafka_name() {
    std::string result = label();
    std::replace(result.begin(), result.end(), '-', pick<char>({'-', '.', '_'}));
    return result;
  }

  /// A port that nobody else has.
  int port() { return next_port_ += number(1, 2000); }

  Node node(const std::string& name, const Cidr& lan) {
    const auto host = ++host_;
    const std::uint32_t address = lan.address + host;
    Node result{name,
                fmt::format("{}.{}.{}.{}", address >> 24U, address >> 16U & 255U, address >> 8U & 255U,
                            address & 255U),
                {}};
    while (one_in(3)) {
      result.labels[pick<std::string>({"lab.example/", ""}) + label()] = one_in(4) ? "" : label();
    }
    return result;
  }

  void draw_nodes() {
    // None of these overlaps one of another row.
    cluster_.networks.lan =
        pick<std::string>({"192.168.1.0/24", "172.20.0.0/16", "10.1.0.0/22", "192.168.100.64/26"});
    cluster_.networks.pods =
        pick<std::string>({"10.244.0.0/16", "10.128.0.0/14", "100.64.0.0/17", "172.24.0.0/16"});
    cluster_.networks.services = pick<std::string>({"10.96.0.0/12", "172.30.0.0/20", "198.18.0.0/28"});
    cluster_.networks.dns_domain = one_in(2) ? "cluster.local" : label() + ".lab";
    Nodes& nodes = cluster_.nodes;
    const Cidr lan = *parse_cidr(cluster_.networks.lan);
    nodes.ssh_user = pick<std::string>({"kexp", "no", "root", "_x", "y"});
    nodes.master = node(one_in(2) ? "master" : label(40) + "-m", lan);
    for (int left = number(1, 12), i = 0; i < left; ++i) {
      nodes.workers.push_back(node(label(40) + fmt::format("-w{}", i), lan));
    }
    nodes.cpu_control = {pick<std::string>({"performance", "powersave", "keep"}), one_in(2), one_in(2)};
    nodes.cpus = {between(2, 64) * 1000};
    nodes.memory = mebibytes(2048, 262144);
  }

  void draw_versions() {
    Versions& versions = cluster_.versions;
    versions.kubernetes = pick<std::string>({"1.36.4", "1.36.5", "1.35.9", "1.37.1"});
    versions.containerd = pick<std::string>({"2.3", "2.3.1", "2.2"});
    versions.calico = pick<std::string>({"3.33.1", "3.32.3", "3.31.0"});
    versions.kube_prometheus = pick<std::string>({"0.18.0", "0.17.0"});
    versions.metrics_server = pick<std::string>({"0.9.0", "0.8.1"});
    versions.kepler = pick<std::string>({"0.13.0", "0.12.0"});
    versions.keda = pick<std::string>({"2.21.1", "2.20.2"});
    versions.kafka = pick<std::string>({"4.3.1", "3.9.0"});
  }

  void draw_monitoring(bool existing) {
    Monitoring& monitoring = cluster_.monitoring;
    if (existing && one_in(2)) {
      monitoring.prometheus = pick<std::string>({"http://prometheus.lab:9090", "https://10.0.0.7/prom?x=#1"});
      monitoring.namespace_name = one_in(2) ? "monitoring" : "m" + label(62);
      monitoring.service_account = one_in(2) ? "prometheus-k8s" : label();
    }
    monitoring.scrape_interval = seconds(1, 60);
    monitoring.consumer_interval = seconds(1, 5);
    monitoring.retention = pick<std::string>({"30d", "1w12h", "90m", "999999s"});
    monitoring.storage = mebibytes(1024, 1 << 20);
    monitoring.storage_path = pick<std::string>({"/var/lib/kexp/prometheus", "/data", "/srv/0/a_b-c.d"});
    monitoring.grafana = one_in(2);
    cluster_.kepler = {!one_in(4), seconds(1, 60), one_in(2)};
  }

  void draw_kafka(bool existing) {
    Kafka& kafka = cluster_.kafka;
    if (existing || one_in(8)) {
      kafka.servers = pick<std::string>({"kafka.lab:9092", "10.0.0.1:80", "k1:9092,k2:9093"});
    }
    kafka.port = port();
    kafka.jmx_port = port();
    kafka.exporter_port = port();
    kafka.heap = mebibytes(256, 16384);
    kafka.retention = mebibytes(64, 1 << 20);
    kafka.input = {"in." + kafka_name(), number(1, 300)};
    kafka.output = {"out." + kafka_name(), one_in(4) ? number(1, 5) : 1};
  }

  void draw_consumers() {
    Consumers& consumers = cluster_.consumers;
    consumers.name = label();
    consumers.namespace_name = one_in(2) ? "workload" : "w" + label(62);
    consumers.image = pick<std::string>({"localhost/kexp-consumer:0.1.0", "registry.lab:5000/a/b:1",
                                         "kexp@sha256:" + std::string(64, '0'), "x:y"});
    consumers.model = pick<std::string>({"yolov3-tiny", "/models/a b.onnx", "no", "1e3", "#1"});
    consumers.validate_results = one_in(2);
    consumers.engine = pick<std::string>({"auto", "opencv", "openvino"});
    consumers.resolution = pick<std::string>({"auto", "square", "640", "640x480"});
    consumers.group = one_in(2) ? "" : kafka_name();
    consumers.requests = requests();
    if (one_in(2)) {
      consumers.limits = Resources{{consumers.requests.cpu.milli + between(0, 3) * 500},
                                   {consumers.requests.memory.bytes + between(0, 2) * 512 * kMebibyte}};
    }
    consumers.placement = pick<std::string>({"spread", "pack"});
    consumers.grace = seconds(1, 3600);
  }

  /// What fits on a worker: see the checks of a cluster file.
  Resources requests() {
    const Nodes& nodes = cluster_.nodes;
    const std::int64_t system = nodes.cpu_control.smt ? 2000 : 1000;
    const std::int64_t reserved = nodes.cpus.milli < 2 * system ? 0 : system;
    const std::int64_t room = nodes.cpus.milli - reserved - 500;
    const CpuQuantity cpu{room >= 1000 && one_in(2) ? between(1, room / 1000) * 1000 : between(10, room)};
    return {cpu, mebibytes(64, nodes.memory.bytes / kMebibyte - 1024)};
  }

  ScalingDirection direction(Scaler::Kind kind) {
    ScalingDirection result;
    result.window = kind == Scaler::Kind::none ? Seconds{0} : seconds(0, 3600);
    for (std::int64_t left = between(1, 3); left > 0; --left) {
      const bool pods = one_in(2);
      result.policies.push_back({pods ? number(1, 10) : 0, pods ? 0 : number(1, 400), seconds(1, 1800)});
    }
    result.select = pick<std::string>({"max", "min", "disabled"});
    return result;
  }

  void draw_scaler() {
    Scaler& scaler = cluster_.scaler;
    const int partitions = cluster_.kafka.input.partitions;
    scaler.kind = pick<Scaler::Kind>({Scaler::Kind::none, Scaler::Kind::hpa, Scaler::Kind::keda});
    if (scaler.kind == Scaler::Kind::none) {
      scaler.pods = number(1, partitions);
      scaler.max_pods = std::min(scaler.max_pods, partitions);
      return;
    }
    scaler.min_pods = number(scaler.kind == Scaler::Kind::hpa ? 1 : 0, partitions);
    scaler.max_pods = number(std::max(1, scaler.min_pods), partitions);
    scaler.cpu_percent = scaler.kind == Scaler::Kind::hpa ? number(1, 1000) : scaler.cpu_percent;
    if (scaler.kind == Scaler::Kind::keda) {
      scaler.lag = between(1, 1'000'000'000);
      scaler.polling_interval = seconds(1, 3600);
    }
    if (!one_in(3)) {
      scaler.up = direction(scaler.kind);
      scaler.down = direction(scaler.kind);
    }
  }

  SplitMix64 random_;
  ClusterFile cluster_;
  int next_port_ = 11000;
  std::uint32_t host_ = 0;
};

// A cluster as YAML.

Yaml node_yaml(const Node& node) {
  Yaml result = Yaml::map({{"name", node.name}, {"address", node.address}});
  if (!node.labels.empty()) {
    Yaml labels = Yaml::map();
    for (const auto& [key, value] : node.labels) {
      labels.set(key, value);
    }
    result.set("labels", std::move(labels));
  }
  return result;
}

Yaml nodes_yaml(const Nodes& nodes) {
  Yaml workers = Yaml::list();
  for (const Node& worker : nodes.workers) {
    workers.push(node_yaml(worker));
  }
  return Yaml::map({{"ssh_user", nodes.ssh_user},
                    {"master", node_yaml(nodes.master)},
                    {"workers", std::move(workers)},
                    {"cpus", to_text(nodes.cpus)},
                    {"memory", to_text(nodes.memory)},
                    {"cpu_control", Yaml::map({{"governor", nodes.cpu_control.governor},
                                               {"turbo", nodes.cpu_control.turbo},
                                               {"smt", nodes.cpu_control.smt}})}});
}

Yaml versions_yaml(const Versions& versions) {
  return Yaml::map({{"kubernetes", versions.kubernetes},
                    {"containerd", versions.containerd},
                    {"calico", versions.calico},
                    {"kube_prometheus", versions.kube_prometheus},
                    {"metrics_server", versions.metrics_server},
                    {"kepler", versions.kepler},
                    {"keda", versions.keda},
                    {"kafka", versions.kafka},
                    {"kafka_exporter", versions.kafka_exporter},
                    {"jmx_exporter", versions.jmx_exporter}});
}

void set_unless_empty(Yaml& map, const std::string& key, const std::string& value) {
  if (!value.empty()) {
    map.set(key, value);
  }
}

Yaml monitoring_yaml(const Monitoring& monitoring) {
  Yaml result = Yaml::map();
  set_unless_empty(result, "prometheus", monitoring.prometheus);
  result.set("namespace", monitoring.namespace_name)
      .set("service_account", monitoring.service_account)
      .set("scrape_interval", to_text(monitoring.scrape_interval))
      .set("consumer_interval", to_text(monitoring.consumer_interval))
      .set("retention", monitoring.retention)
      .set("storage", to_text(monitoring.storage))
      .set("storage_path", monitoring.storage_path)
      .set("grafana", monitoring.grafana);
  return result;
}

Yaml kafka_yaml(const Kafka& kafka) {
  const auto topic = [](const Topic& t) {
    return Yaml::map({{"name", t.name}, {"partitions", t.partitions}});
  };
  Yaml result = Yaml::map();
  set_unless_empty(result, "servers", kafka.servers);
  result.set("port", kafka.port)
      .set("jmx_port", kafka.jmx_port)
      .set("exporter_port", kafka.exporter_port)
      .set("heap", to_text(kafka.heap))
      .set("retention", to_text(kafka.retention))
      .set("input", topic(kafka.input))
      .set("output", topic(kafka.output));
  return result;
}

Yaml resources_yaml(const Resources& resources) {
  return Yaml::map({{"cpu", to_text(resources.cpu)}, {"memory", to_text(resources.memory)}});
}

Yaml consumers_yaml(const Consumers& consumers) {
  Yaml result = Yaml::map({{"name", consumers.name},
                           {"namespace", consumers.namespace_name},
                           {"image", consumers.image},
                           {"model", consumers.model},
                           {"validate_results", consumers.validate_results},
                           {"engine", consumers.engine},
                           {"resolution", consumers.resolution}});
  set_unless_empty(result, "group", consumers.group);
  result.set("requests", resources_yaml(consumers.requests));
  if (consumers.limits) {
    result.set("limits", resources_yaml(*consumers.limits));
  }
  result.set("placement", consumers.placement).set("grace", to_text(consumers.grace));
  return result;
}

Yaml direction_yaml(const ScalingDirection& direction) {
  Yaml policies = Yaml::list();
  for (const ScalingPolicy& policy : direction.policies) {
    Yaml item =
        policy.pods > 0 ? Yaml::map({{"pods", policy.pods}}) : Yaml::map({{"percent", policy.percent}});
    policies.push(item.set("every", to_text(policy.every)));
  }
  return Yaml::map({{"window", to_text(direction.window)},
                    {"policies", std::move(policies)},
                    {"select", direction.select}});
}

Yaml scaler_yaml(const Scaler& scaler) {
  if (scaler.kind == Scaler::Kind::none) {
    return Yaml::map({{"pods", scaler.pods}});
  }
  Yaml result = Yaml::map({{"min_pods", scaler.min_pods}, {"max_pods", scaler.max_pods}});
  if (scaler.kind == Scaler::Kind::hpa) {
    result.set("hpa", Yaml::map({{"cpu_percent", scaler.cpu_percent}}));
  } else {
    result.set("keda",
               Yaml::map({{"lag", scaler.lag}, {"polling_interval", to_text(scaler.polling_interval)}}));
  }
  result.set("up", direction_yaml(scaler.up)).set("down", direction_yaml(scaler.down));
  return result;
}

/// Writes a cluster in mixed styles, and leaves some defaults out.
class TextMaker {
 public:
  explicit TextMaker(std::uint64_t seed) : random_(seed) {}

  std::string text(const Yaml& full) {
    static const Yaml kDefaults = cluster_yaml(ClusterFile());
    return write_yaml({{restyled(full, &kDefaults, Comments::yes), comment()}});
  }

 private:
  enum class Comments { yes, no };

  std::string comment() {
    static const std::vector<std::string> kComments = {"", "", "", "why: because", "two\nlines # - {"};
    return kComments[random_.below(kComments.size())];
  }

  /// Keys that decide which others may stand, and required ones.
  static bool may_leave_out(const std::string& key) {
    static constexpr std::array<std::string_view, 9> kKept = {"nodes", "networks", "master", "workers", "lan",
                                                              "hpa",   "keda",     "pods",   "percent"};
    return std::find(kKept.begin(), kKept.end(), key) == kKept.end();
  }

  Yaml restyled(const Yaml& node, const Yaml* defaults, Comments comments) {
    const bool one_line = random_.below(6) == 0;
    const Comments inner = one_line ? Comments::no : comments;
    Yaml result = node;
    if (node.is_list()) {
      result = Yaml::list();
      for (const Yaml& item : node.items()) {
        result.push(restyled(item, nullptr, inner));
      }
    } else if (node.is_map()) {
      result = Yaml::map();
      for (const YamlEntry& entry : node.entries()) {
        const Yaml* const normal = defaults == nullptr ? nullptr : defaults->find({entry.key});
        const bool leave_out = normal != nullptr && *normal == entry.value && may_leave_out(entry.key);
        if (!leave_out || random_.below(2) == 0) {
          result.set(entry.key, restyled(entry.value, normal, inner),
                     inner == Comments::yes ? comment() : "");
        }
      }
    }
    return one_line ? std::move(result).on_one_line() : result;
  }

  SplitMix64 random_;
};

}  // namespace

manifest::ClusterFile random_cluster(std::uint64_t seed) { return ClusterMaker(seed).make(); }

manifest::Yaml cluster_yaml(const manifest::ClusterFile& cluster) {
  Yaml result = Yaml::map({{"name", cluster.name}});
  set_unless_empty(result, "existing", cluster.existing);
  if (cluster.existing.empty()) {
    result.set("nodes", nodes_yaml(cluster.nodes));
  }
  result.set("versions", versions_yaml(cluster.versions));
  if (cluster.existing.empty()) {
    result.set("networks", Yaml::map({{"lan", cluster.networks.lan},
                                      {"pods", cluster.networks.pods},
                                      {"services", cluster.networks.services},
                                      {"dns_domain", cluster.networks.dns_domain}}));
  }
  result.set("monitoring", monitoring_yaml(cluster.monitoring))
      .set("kepler", Yaml::map({{"enabled", cluster.kepler.enabled},
                                {"interval", to_text(cluster.kepler.interval)},
                                {"privileged", cluster.kepler.privileged}}))
      .set("kafka", kafka_yaml(cluster.kafka))
      .set("consumers", consumers_yaml(cluster.consumers))
      .set("scaler", scaler_yaml(cluster.scaler))
      .set("access", Yaml::map({{"grafana_port", cluster.access.grafana_port},
                                {"prometheus_port", cluster.access.prometheus_port}}));
  return result;
}

std::string cluster_text(const manifest::ClusterFile& cluster, std::uint64_t seed) {
  return TextMaker(seed).text(cluster_yaml(cluster));
}

}  // namespace kexp::test
