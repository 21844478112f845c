#include "cluster_file_fields.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "cluster_file_rules.hpp"

namespace kexp::manifest {
namespace {

using Presence = Key::Presence;

Scalar text(std::string& member, const TextRule& rule) {
  Scalar value{.noun = rule.noun, .expected = rule.expected, .pattern = rule.pattern};
  value.current = member;
  value.assign = [&member, matches = rule.matches](const std::string& given) {
    const bool right = matches(given);
    if (right) {
      member = given;
    }
    return right;
  };
  return value;
}

Scalar choice(std::string& member, std::vector<std::string> choices) {
  Scalar value{.expected = fmt::format("one of {}", fmt::join(choices, ", ")), .choices = choices};
  value.current = member;
  value.assign = [&member, choices = std::move(choices)](const std::string& given) {
    const bool right = std::find(choices.begin(), choices.end(), given) != choices.end();
    if (right) {
      member = given;
    }
    return right;
  };
  return value;
}

std::optional<std::int64_t> parse_number(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

template <std::integral I>
Scalar number(I& member, I least, I most) {
  Scalar value{.kind = Scalar::Kind::number,
               .expected = fmt::format("a whole number from {} to {}", least, most)};
  value.least = least;
  value.most = most;
  value.current = std::to_string(member);
  value.assign = [&member, least, most](const std::string& given) {
    const std::optional<std::int64_t> parsed = parse_number(given);
    if (!parsed || *parsed < least || *parsed > most) {
      return false;
    }
    member = static_cast<I>(*parsed);
    return true;
  };
  return value;
}

Scalar truth(bool& member) {
  Scalar value{.kind = Scalar::Kind::truth, .expected = "true or false"};
  value.current = member ? "true" : "false";
  value.assign = [&member](const std::string& given) {
    member = given == "true";
    return given == "true" || given == "false";
  };
  return value;
}

/// A quantity with a text form, at least `least`.
template <typename Quantity, typename Parse>
Scalar quantity(Scalar::Kind kind, std::string expected, Quantity& member, Quantity least, Quantity most,
                Parse parse) {
  Scalar value{.kind = kind, .expected = std::move(expected)};
  value.current = to_text(member);
  value.assign = [&member, least, most, parse](const std::string& given) {
    const std::optional<Quantity> parsed = parse(given);
    if (!parsed || *parsed < least || *parsed > most) {
      return false;
    }
    member = *parsed;
    return true;
  };
  return value;
}

Scalar cpu(CpuQuantity& member) {
  constexpr CpuQuantity kLeast{10};
  constexpr CpuQuantity kMost{1'024'000};
  return quantity(Scalar::Kind::cpu, "an amount of CPUs such as 2, 1.5 or 500m, from 10m to 1024", member,
                  kLeast, kMost, [](const std::string& given) { return parse_cpu(given); });
}

Scalar memory(MemoryQuantity& member, MemoryQuantity least) {
  constexpr MemoryQuantity kMost{std::int64_t{1} << 50};
  return quantity(Scalar::Kind::memory,
                  fmt::format("an amount of bytes such as 512Mi or 1Gi, {} or more", to_text(least)), member,
                  least, kMost, [](const std::string& given) { return parse_memory(given); });
}

Scalar duration(Seconds& member, Seconds least, Seconds most) {
  Scalar value =
      quantity(Scalar::Kind::duration,
               fmt::format("a time from {} to {}, with its unit s, m or h", to_text(least), to_text(most)),
               member, least, most, [](const std::string& given) { return parse_seconds(given); });
  value.least = least.count();
  value.most = most.count();
  return value;
}

constexpr MemoryQuantity mebibytes(std::int64_t count) { return {count << 20}; }

void describe_node(FieldVisitor& v, Node& node) {
  v.scalar({"name", "Host name, and the node's name in Kubernetes.", Presence::required},
           text(node.name, rules::dns_name()));
  v.scalar({"address", "Its address in the LAN.", Presence::required}, text(node.address, rules::ipv4()));
  const TextRule key = rules::label_key();
  const TextRule value = rules::label_value();
  v.text_map(
      {"labels", "Labels of its Node object, besides `kexp.dev/role`.", Presence::optional, "none"},
      {key.expected, value.expected, key.pattern, value.pattern, key.matches, value.matches, &node.labels});
}

void describe_cpu_control(FieldVisitor& v, CpuControl& control) {
  v.scalar({"governor", "Frequency governor while energy is measured; `keep` leaves it alone."},
           choice(control.governor, {"performance", "powersave", "keep"}));
  v.scalar({"turbo", "Turbo frequencies; off makes runs comparable."}, truth(control.turbo));
  v.scalar({"smt", "Hyper-threading; off makes a CPU a core, so millicores mean more."}, truth(control.smt));
}

void describe_nodes(FieldVisitor& v, Nodes& nodes) {
  v.scalar({"ssh_user", "Who logs in to every node; must be allowed sudo."},
           text(nodes.ssh_user, rules::user()));
  v.section({"master", "The control plane; also runs Kafka, Prometheus and Grafana.", Presence::required},
            [&](FieldVisitor& in) { describe_node(in, nodes.master); });
  v.list(
      {"workers", "The nodes whose energy is measured; consumers run here alone.", Presence::required},
      [&] { nodes.workers.clear(); },
      [&](FieldVisitor& in) { describe_node(in, nodes.workers.emplace_back()); });
  v.scalar({"cpus", "What one worker has, after `cpu_control`."}, cpu(nodes.cpus));
  v.scalar({"memory", "What one worker has."}, memory(nodes.memory, mebibytes(1024)));
  v.section({"cpu_control", "How every node's CPU runs during experiments; undo-node.sh restores it."},
            [&](FieldVisitor& in) { describe_cpu_control(in, nodes.cpu_control); });
}

void describe_versions(FieldVisitor& v, Versions& versions) {
  const auto pinned = [&v](const char* key, const char* doc, std::string& member) {
    v.scalar({key, doc}, text(member, rules::full_version()));
  };
  pinned("kubernetes", "Of kubeadm, kubelet and the control plane.", versions.kubernetes);
  v.scalar({"containerd", "Container runtime, a series or a release."},
           text(versions.containerd, rules::series_version()));
  pinned("calico", "Pod network.", versions.calico);
  pinned("kube_prometheus", "Prometheus, its operator, Grafana, node-exporter, kube-state-metrics.",
         versions.kube_prometheus);
  pinned("metrics_server", "What the HPA reads CPU from.", versions.metrics_server);
  pinned("kepler", "Energy by pod.", versions.kepler);
  pinned("keda", "Scaling on lag; only with `scaler.keda`.", versions.keda);
  pinned("kafka", "The broker's image.", versions.kafka);
  pinned("kafka_exporter", "Lag for Prometheus.", versions.kafka_exporter);
  pinned("jmx_exporter", "The broker's own metrics for Prometheus.", versions.jmx_exporter);
}

void describe_networks(FieldVisitor& v, Networks& networks) {
  v.scalar({"lan", "Where the nodes are; published ports are open to it alone.", Presence::required},
           text(networks.lan, rules::network()));
  v.scalar({"pods", "Addresses of pods."}, text(networks.pods, rules::network()));
  v.scalar({"services", "Addresses of services."}, text(networks.services, rules::network()));
  v.scalar({"dns_domain", "Of names inside the cluster."}, text(networks.dns_domain, rules::dns_name()));
}

void describe_monitoring(FieldVisitor& v, Monitoring& monitoring) {
  v.scalar({"prometheus",
            "Address of a Prometheus that is there; no monitoring is installed then. Only with `existing`.",
            Presence::optional, "none: kube-prometheus is installed"},
           text(monitoring.prometheus, rules::web_address()));
  v.scalar({"namespace", "Where the Prometheus that scrapes runs."},
           text(monitoring.namespace_name, rules::dns_label()));
  v.scalar({"service_account", "Who it runs as; gets the roles that scraping needs."},
           text(monitoring.service_account, rules::dns_label()));
  v.scalar({"scrape_interval", "Of Kepler, kubelet, node-exporter, kube-state-metrics and Kafka."},
           duration(monitoring.scrape_interval, Seconds{1}, Seconds{60}));
  v.scalar({"consumer_interval", "Of the consumers."},
           duration(monitoring.consumer_interval, Seconds{1}, Seconds{5}));
  v.scalar({"retention", "How long Prometheus keeps samples."},
           text(monitoring.retention, rules::retention()));
  v.scalar({"storage", "Its disk space."}, memory(monitoring.storage, mebibytes(1024)));
  v.scalar({"storage_path", "Its folder on the master."}, text(monitoring.storage_path, rules::folder()));
  v.scalar({"grafana", "Whether Grafana is installed."}, truth(monitoring.grafana));
}

void describe_kepler(FieldVisitor& v, Kepler& kepler) {
  v.scalar({"enabled", "Without Kepler no energy is measured."}, truth(kepler.enabled));
  v.scalar({"interval", "How often it reads the energy counters."},
           duration(kepler.interval, Seconds{1}, Seconds{60}));
  v.scalar({"privileged", "For hardware where its few capabilities do not do."}, truth(kepler.privileged));
}

void describe_topic(FieldVisitor& v, Topic& topic, const char* partitions) {
  v.scalar({"name", "Its name."}, text(topic.name, rules::kafka_name()));
  v.scalar({"partitions", partitions}, number(topic.partitions, 1, 10'000));
}

void describe_kafka(FieldVisitor& v, Kafka& kafka) {
  const auto port = [&v](const char* key, const char* doc, int& member) {
    v.scalar({key, doc}, number(member, 1, 65'535));
  };
  v.scalar({"servers", "Bootstrap servers of a Kafka that is there; none is rendered then.",
            Presence::optional, "none: one broker on the master"},
           text(kafka.servers, rules::servers()));
  port("port", "Clients, on the master.", kafka.port);
  port("jmx_port", "The broker's metrics, on the master.", kafka.jmx_port);
  port("exporter_port", "Lag's metrics, on the master.", kafka.exporter_port);
  v.scalar({"heap", "The broker's Java heap."}, memory(kafka.heap, mebibytes(256)));
  v.scalar({"retention", "Bytes that a partition keeps."}, memory(kafka.retention, mebibytes(64)));
  v.section({"input", "Images."}, [&](FieldVisitor& in) {
    describe_topic(in, kafka.input, "No more consumers than this get images.");
  });
  v.section({"output", "Results."},
            [&](FieldVisitor& in) { describe_topic(in, kafka.output, "One is enough, results are small."); });
}

void describe_resources(FieldVisitor& v, Resources& resources, const std::string& default_words) {
  v.scalar({"cpu", "CPUs of a pod; a whole number is pinned to cores of its own.", Presence::optional,
            default_words},
           cpu(resources.cpu));
  v.scalar({"memory", "Memory of a pod.", Presence::optional, default_words},
           memory(resources.memory, mebibytes(64)));
}

void describe_consumers(FieldVisitor& v, Consumers& consumers) {
  v.scalar({"name", "Of the Deployment and everything around it."}, text(consumers.name, rules::dns_label()));
  v.scalar({"namespace", "Is made, with the restricted pod standard."},
           text(consumers.namespace_name, rules::dns_label()));
  v.scalar({"image", "The consumer, with a tag other than `latest` or a digest."},
           text(consumers.image, rules::image()));
  v.scalar({"model", "A model's name (`kexp model list`) or a file in the image."},
           text(consumers.model, rules::any_text()));
  v.scalar({"validate_results", "Whether each image's detections are sent back."},
           truth(consumers.validate_results));
  v.scalar({"engine", "What runs the model."}, choice(consumers.engine, {"auto", "opencv", "openvino"}));
  Scalar resolution = text(consumers.resolution, rules::resolution());
  resolution.bare_number = true;
  v.scalar({"resolution", "The network's input."}, resolution);
  v.scalar({"group", "Consumer group.", Presence::optional, "`kafka.input.name` and `.consumers`"},
           text(consumers.group, rules::kafka_name()));
  v.section({"requests", "What the scheduler keeps for a pod."},
            [&](FieldVisitor& in) { describe_resources(in, consumers.requests, {}); });
  v.section({"limits", "What a pod may use; equal to `requests` it is Guaranteed.", Presence::optional,
             "`requests`"},
            [&](FieldVisitor& in) {
              consumers.limits = consumers.requests;
              describe_resources(in, *consumers.limits, "as in `requests`");
            });
  v.scalar({"placement", "Evenly over the workers, or as few workers as possible."},
           choice(consumers.placement, {"spread", "pack"}));
  v.scalar({"grace", "Time to finish images when a pod is asked to stop."},
           duration(consumers.grace, Seconds{1}, Seconds{3600}));
}

void describe_policy(FieldVisitor& v, ScalingPolicy& policy) {
  v.one_of({{{"pods"}}, {{"percent"}}},
           "a policy counts in one of them; write a second policy for the other");
  v.scalar({"pods", "At most as many pods more or fewer in `every`.", Presence::optional, "none"},
           number(policy.pods, 1, 10'000));
  v.scalar({"percent", "At most that share of the pods.", Presence::optional, "none"},
           number(policy.percent, 1, 10'000));
  v.scalar({"every", "The stretch of time that a policy looks at."},
           duration(policy.every, Seconds{1}, Seconds{1800}));
}

void describe_direction(FieldVisitor& v, ScalingDirection& direction, const std::string& default_policies) {
  v.scalar({"window", "Stabilization: the mildest recommendation of this time counts."},
           duration(direction.window, Seconds{0}, Seconds{3600}));
  v.list(
      {"policies", "How fast the number of pods may change.", Presence::optional, default_policies},
      [&] { direction.policies.clear(); },
      [&](FieldVisitor& in) { describe_policy(in, direction.policies.emplace_back()); });
  v.scalar({"select", "Which policy counts: the one that changes most, least, or none may."},
           choice(direction.select, {"max", "min", "disabled"}));
}

void describe_scaler(FieldVisitor& v, Scaler& scaler) {
  v.one_of({{{"hpa"}}, {{"keda"}}, {{"pods"}, {"min_pods", "max_pods", "up", "down"}}},
           "two scalers would fight over the same pods, and `pods` is a fixed number");
  if (v.given("keda")) {
    scaler.kind = Scaler::Kind::keda;
  } else if (v.given("pods")) {
    scaler.kind = Scaler::Kind::none;
  }
  v.scalar({"min_pods", "Never fewer."}, number(scaler.min_pods, 0, 10'000));
  v.scalar({"max_pods", "Never more."}, number(scaler.max_pods, 1, 10'000));
  v.section({"hpa", "The HorizontalPodAutoscaler, on CPU.", Presence::optional, "when `scaler` is left out"},
            [&](FieldVisitor& in) {
              in.scalar({"cpu_percent", "Wanted use of the CPU, in percent of the request."},
                        number(scaler.cpu_percent, 1, 1000));
            });
  v.section(
      {"keda", "KEDA, on the lag of the consumer group.", Presence::optional, "none"}, [&](FieldVisitor& in) {
        in.scalar({"lag", "Wanted lag of a pod, in records."},
                  number(scaler.lag, std::int64_t{1}, std::int64_t{1'000'000'000}));
        in.scalar({"polling_interval", "How often 0 pods are looked at; above that the HPA's 15 s count."},
                  duration(scaler.polling_interval, Seconds{1}, Seconds{3600}));
      });
  v.scalar(
      {"pods", "So many pods and no scaler, instead of all the keys around it.", Presence::optional, "none"},
      number(scaler.pods, 1, 10'000));
  v.section({"up", "More pods."},
            [&](FieldVisitor& in) { describe_direction(in, scaler.up, "4 pods or 100 percent every 15s"); });
  v.section({"down", "Fewer pods."},
            [&](FieldVisitor& in) { describe_direction(in, scaler.down, "100 percent every 15s"); });
}

void describe_access(FieldVisitor& v, Access& access) {
  const auto port = [&v](const char* key, const char* doc, int& member) {
    v.scalar({key, doc}, number(member, 0, 65'535));
  };
  port("grafana_port", "Grafana on the master's address; 0: only by `kubectl port-forward`.",
       access.grafana_port);
  port("prometheus_port", "Prometheus likewise.", access.prometheus_port);
}

}  // namespace

void describe(FieldVisitor& v, ClusterFile& cluster) {
  v.one_of({{{"existing"}}, {{"nodes", "networks"}}},
           "kexp leaves the nodes and networks of a cluster that is there alone");
  v.scalar({"name", "Of the cluster."}, text(cluster.name, rules::dns_label()));
  v.scalar({"existing",
            "kubectl's context of a cluster that is there; nodes, kubeadm, network and metrics-server are "
            "left alone.",
            Presence::optional, "none: a cluster is made from `nodes`"},
           text(cluster.existing, rules::any_text()));
  v.section({"nodes", "The machines; required without `existing`."},
            [&](FieldVisitor& in) { describe_nodes(in, cluster.nodes); });
  v.section({"versions", "All pinned; what is downloaded of them stands in upstream.lock."},
            [&](FieldVisitor& in) { describe_versions(in, cluster.versions); });
  v.section({"networks", "IPv4, without overlap; required without `existing`."},
            [&](FieldVisitor& in) { describe_networks(in, cluster.networks); });
  v.section({"monitoring", "Prometheus and Grafana."},
            [&](FieldVisitor& in) { describe_monitoring(in, cluster.monitoring); });
  v.section({"kepler", "Energy by pod, from the CPUs' counters."},
            [&](FieldVisitor& in) { describe_kepler(in, cluster.kepler); });
  v.section({"kafka", "One broker on the master, or one that is there."},
            [&](FieldVisitor& in) { describe_kafka(in, cluster.kafka); });
  v.section({"consumers", "The pods under test."},
            [&](FieldVisitor& in) { describe_consumers(in, cluster.consumers); });
  v.section({"scaler", "Who decides how many consumers run: one of `hpa`, `keda` and `pods`."},
            [&](FieldVisitor& in) { describe_scaler(in, cluster.scaler); });
  v.section({"access", "Ports of the master, open to the LAN."},
            [&](FieldVisitor& in) { describe_access(in, cluster.access); });
}

}  // namespace kexp::manifest
