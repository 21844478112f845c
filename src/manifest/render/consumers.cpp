#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kFolder = "80-consumers";
constexpr const char* kComponent = "consumer";
constexpr const char* kHostName = "kubernetes.io/hostname";
/// Nobody: the image's files are readable by all, and the pod writes nothing.
constexpr int kUser = 10001;

std::string path(const char* name) { return fmt::format("{}/{}", kFolder, name); }

/// What finds the consumers' pods: of the Deployment, of everything that watches or guards them.
Yaml selector(const ClusterFile& cluster) { return Yaml::map({{names::kNameLabel, cluster.consumers.name}}); }

Yaml match_labels(const ClusterFile& cluster) { return Yaml::map({{"matchLabels", selector(cluster)}}); }

Yaml object(const ClusterFile& cluster, const char* api_version, const char* kind) {
  return names::object(api_version, kind, cluster.consumers.name, cluster.consumers.namespace_name,
                       kComponent);
}

RenderedFile namespace_file(const ClusterFile& cluster) {
  const std::string& name = cluster.consumers.namespace_name;
  Yaml root = names::object("v1", "Namespace", name, "", kComponent,
                            {{"pod-security.kubernetes.io/enforce", "restricted",
                              "No pod in here runs as root, with privileges, or with a view of its node."},
                             {"pod-security.kubernetes.io/warn", "restricted"}});
  return yaml_file(path("10-namespace.yaml"), "Where the consumers run, and nothing else.",
                   {{std::move(root)}});
}

// -- the pod
// ---------------------------------------------------------------------------------------------------

Yaml variable(const char* name, const std::string& value) {
  return Yaml::map({{"name", name}, {"value", value}}).on_one_line();
}

/// A field of the pod itself, by the Downward API.
Yaml pod_field(const char* name, const char* field) {
  return Yaml::map(
             {{"name", name}, {"valueFrom", Yaml::map({{"fieldRef", Yaml::map({{"fieldPath", field}})}})}})
      .on_one_line();
}

Yaml environment(const ClusterFile& cluster) {
  const Consumers& consumers = cluster.consumers;
  return Yaml::list({variable("KAFKA_SERVERS", names::kafka_servers(cluster)),
                     variable("KAFKA_INPUT_TOPIC", cluster.kafka.input.name),
                     variable("KAFKA_OUTPUT_TOPIC", cluster.kafka.output.name),
                     variable("KEXP_GROUP", names::consumer_group(cluster)),
                     variable("YOLO_MODEL", consumers.model), variable("RESOLUTION", consumers.resolution),
                     variable("VALIDATE_RESULTS", consumers.validate_results ? "TRUE" : "FALSE"),
                     variable("KEXP_ENGINE", consumers.engine), variable("KEXP_METRICS_ADDRESS", "0.0.0.0"),
                     variable("KEXP_METRICS_PORT", std::to_string(names::kConsumerMetricsPort)),
                     pod_field("POD_NAME", "metadata.name"), pod_field("POD_IP", "status.podIP"),
                     pod_field("NODE_NAME", "spec.nodeName")});
}

Yaml quantities(const Resources& resources) {
  return Yaml::map({{"cpu", to_text(resources.cpu)}, {"memory", to_text(resources.memory)}}).on_one_line();
}

Yaml resources(const Consumers& consumers) {
  return Yaml::map({{"requests", quantities(consumers.requests)},
                    {"limits", quantities(consumers.limits.value_or(consumers.requests))}});
}

bool guaranteed(const Consumers& consumers) {
  return !consumers.limits || (consumers.limits->cpu == consumers.requests.cpu &&
                               consumers.limits->memory == consumers.requests.memory);
}

Yaml probe(const char* path, int period, int timeout, int failures) {
  return Yaml::map({{"httpGet", Yaml::map({{"path", path}, {"port", names::kMetricsPortName}}).on_one_line()},
                    {"periodSeconds", period},
                    {"timeoutSeconds", timeout},
                    {"failureThreshold", failures}});
}

void set_probes(Yaml& container) {
  container.set("startupProbe", probe("/healthz", 1, 1, 180), "Up to 3 minutes to load and warm the model.");
  container.set("readinessProbe", probe("/readyz", 2, 2, 3),
                "Ready means: partitions are assigned. The HPA counts a pod's CPU from then on.");
  container.set("livenessProbe", probe("/healthz", 10, 5, 3),
                "Patient, because inference may keep a small quota busy for a while.");
}

Yaml container(const ClusterFile& cluster) {
  const Consumers& consumers = cluster.consumers;
  Yaml container =
      Yaml::map({{"name", "consumer"},
                 {"image", consumers.image},
                 {"imagePullPolicy", "IfNotPresent"},
                 {"args", Yaml::list({"consume"}).on_one_line()},
                 {"env", environment(cluster)},
                 {"ports", Yaml::list({Yaml::map({{"name", names::kMetricsPortName},
                                                  {"containerPort", names::kConsumerMetricsPort}})
                                           .on_one_line()})}});
  container.set("resources", resources(consumers),
                guaranteed(consumers)
                    ? "Requests equal limits: QoS class Guaranteed, and one pod's speed does not "
                      "hang on its neighbours'."
                    : "Limits differ from requests: QoS class Burstable, so a pod's speed hangs on "
                      "its neighbours'.");
  set_probes(container);
  container.set("securityContext",
                Yaml::map({{"allowPrivilegeEscalation", false},
                           {"readOnlyRootFilesystem", true},
                           {"capabilities", Yaml::map({{"drop", Yaml::list({"ALL"})}}).on_one_line()}}));
  container.set("volumeMounts",
                Yaml::list({Yaml::map({{"name", "tmp"}, {"mountPath", "/tmp"}}).on_one_line()}));
  return container;
}

Yaml spread_over(const ClusterFile& cluster, const char* topology_key) {
  return Yaml::list({Yaml::map({{"maxSkew", 1},
                                {"topologyKey", topology_key},
                                {"whenUnsatisfiable", "ScheduleAnyway"},
                                {"labelSelector", match_labels(cluster)}})});
}

/// Nodes that may run consumers; a cluster that is there has its own idea of that.
Yaml node_affinity() {
  const Yaml worker =
      Yaml::map({{"key", names::kRoleLabel}, {"operator", "In"}, {"values", Yaml::list({"worker"})}})
          .on_one_line();
  return Yaml::map({{"requiredDuringSchedulingIgnoredDuringExecution",
                     Yaml::map({{"nodeSelectorTerms",
                                 Yaml::list({Yaml::map({{"matchExpressions", Yaml::list({worker})}})})}})}});
}

Yaml pack_affinity(const ClusterFile& cluster) {
  const Yaml term = Yaml::map({{"topologyKey", kHostName}, {"labelSelector", match_labels(cluster)}});
  return Yaml::map({{"preferredDuringSchedulingIgnoredDuringExecution",
                     Yaml::list({Yaml::map({{"weight", 100}, {"podAffinityTerm", term}})})}});
}

void set_placement(Yaml& pod, const ClusterFile& cluster) {
  const bool pack = cluster.consumers.placement == "pack";
  if (pack) {
    pod.set(
        "topologySpreadConstraints", spread_over(cluster, "kubernetes.io/os"),
        "One domain for all nodes, so no constraint: it only switches off the scheduler's own spreading.");
  } else {
    pod.set("topologySpreadConstraints", spread_over(cluster, kHostName),
            "As even as there is room for; never a reason to leave a pod pending.");
  }
  Yaml affinity = Yaml::map();
  if (cluster.existing.empty()) {
    affinity.set("nodeAffinity", node_affinity(), "Never on the master: its energy is the infrastructure's.");
  }
  if (pack) {
    affinity.set("podAffinity", pack_affinity(cluster), "Fill one node before the next.");
  }
  if (!affinity.entries().empty()) {
    pod.set("affinity", std::move(affinity));
  }
}

Yaml pod(const ClusterFile& cluster) {
  Yaml pod = Yaml::map();
  pod.set("automountServiceAccountToken", false, "It never talks to Kubernetes.");
  pod.set("enableServiceLinks", false, "Services of the namespace are not its settings.");
  pod.set("terminationGracePeriodSeconds", cluster.consumers.grace.count(),
          "To finish the image in work, see its answer acknowledged, and leave the group.");
  pod.set("securityContext",
          Yaml::map({{"runAsNonRoot", true},
                     {"runAsUser", kUser},
                     {"runAsGroup", kUser},
                     {"seccompProfile", Yaml::map({{"type", "RuntimeDefault"}}).on_one_line()}}));
  set_placement(pod, cluster);
  pod.set("containers", Yaml::list({container(cluster)}));
  pod.set(
      "volumes",
      Yaml::list(
          {Yaml::map({{"name", "tmp"}, {"emptyDir", Yaml::map({{"sizeLimit", "64Mi"}})}}).on_one_line()}));
  return pod;
}

Yaml deployment(const ClusterFile& cluster) {
  Yaml spec = Yaml::map();
  if (cluster.scaler.kind == Scaler::Kind::none) {
    spec.set("replicas", cluster.scaler.pods, "Nothing scales them.");
  }
  spec.set("revisionHistoryLimit", 2);
  spec.set("strategy", Yaml::map({{"type", "Recreate"}}).on_one_line(),
           "All at once: old and new consumers in one group would blur what is measured.");
  spec.set("selector", match_labels(cluster));
  Yaml labels = selector(cluster);
  labels.set(names::kComponentLabel, kComponent);
  labels.set(names::kPartOfLabel, "kexp");
  spec.set("template",
           Yaml::map({{"metadata", Yaml::map({{"labels", std::move(labels)}})}, {"spec", pod(cluster)}}));
  Yaml root = object(cluster, "apps/v1", "Deployment");
  root.set("spec", std::move(spec));
  return root;
}

Yaml service(const ClusterFile& cluster) {
  Yaml root = object(cluster, "v1", "Service");
  root.set("spec", Yaml::map({{"clusterIP", "None"},
                              {"selector", selector(cluster)},
                              {"ports", Yaml::list({Yaml::map({{"name", names::kMetricsPortName},
                                                               {"port", names::kConsumerMetricsPort},
                                                               {"targetPort", names::kMetricsPortName}})
                                                        .on_one_line()})}}));
  return root;
}

Yaml disruption_budget(const ClusterFile& cluster) {
  Yaml root = object(cluster, "policy/v1", "PodDisruptionBudget");
  root.set("spec", Yaml::map({{"maxUnavailable", 1},
                              {"unhealthyPodEvictionPolicy", "AlwaysAllow"},
                              {"selector", match_labels(cluster)}}));
  return root;
}

RenderedFile consumer_file(const ClusterFile& cluster) {
  const std::string replicas =
      cluster.scaler.kind == Scaler::Kind::none
          ? ""
          : "\nHow many there are is the scaler's business (90-scaling): replicas written "
            "here would be\nset again by every apply.";
  return yaml_file(path("30-consumer.yaml"),
                   "The consumers: images from Kafka, through the detector, one answer each." + replicas,
                   {{deployment(cluster)},
                    {service(cluster), "Names for the pods (headless); Prometheus finds them without it."},
                    {disruption_budget(cluster), "Draining a node takes one consumer at a time."}});
}

// -- who may talk to it
// ----------------------------------------------------------------------------------------

Yaml from_monitoring(const ClusterFile& cluster) {
  const Yaml name = Yaml::map({{"kubernetes.io/metadata.name", cluster.monitoring.namespace_name}});
  return Yaml::map(
      {{"from", Yaml::list({Yaml::map({{"namespaceSelector", Yaml::map({{"matchLabels", name}})}})})},
       {"ports",
        Yaml::list({Yaml::map({{"port", names::kMetricsPortName}, {"protocol", "TCP"}}).on_one_line()})}});
}

Yaml to_broker(const ClusterFile& cluster) {
  const std::string address = names::master_address(cluster) + "/32";
  return Yaml::map(
      {{"to", Yaml::list({Yaml::map({{"ipBlock", Yaml::map({{"cidr", address}}).on_one_line()}})})},
       {"ports",
        Yaml::list({Yaml::map({{"port", cluster.kafka.port}, {"protocol", "TCP"}}).on_one_line()})}});
}

RenderedFile network_file(const ClusterFile& cluster) {
  Yaml root = object(cluster, "networking.k8s.io/v1", "NetworkPolicy");
  Yaml spec = Yaml::map({{"podSelector", match_labels(cluster)}});
  const bool own_broker = cluster.kafka.servers.empty();
  spec.set("policyTypes", own_broker ? Yaml::list({"Ingress", "Egress"}).on_one_line()
                                     : Yaml::list({"Ingress"}).on_one_line());
  spec.set("ingress", Yaml::list({from_monitoring(cluster)}),
           "Only Prometheus asks them, for metrics. Probes come from the pod's own node, which no policy "
           "keeps out.");
  if (own_broker) {
    spec.set(
        "egress", Yaml::list({to_broker(cluster)}),
        "They decode pictures of anybody's making, so they reach the broker and nothing else: no API server, "
        "no\n"
        "other machine. The broker is an address and advertises that address, so not even DNS is needed.");
  }
  root.set("spec", std::move(spec));
  return yaml_file(path("20-network.yaml"),
                   own_broker
                       ? "Who may talk to the consumers, and whom they may talk to."
                       : "Who may talk to the consumers. Whom they talk to is left open: Kafka is somebody "
                         "else's, and its\nbootstrap servers do not tell which addresses its brokers have.",
                   {{std::move(root)}});
}

RenderedFile monitoring_file(const ClusterFile& cluster) {
  const Seconds interval = cluster.monitoring.consumer_interval;
  Yaml endpoint = Yaml::map({{"port", names::kMetricsPortName},
                             {"interval", to_text(interval)},
                             {"scrapeTimeout", scrape_timeout(interval)}});
  endpoint.set("relabelings",
               Yaml::list({Yaml::map({{"action", "replace"},
                                      {"sourceLabels", Yaml::list({"__meta_kubernetes_pod_node_name"})},
                                      {"targetLabel", "node"}})
                               .on_one_line()}),
               "A pod's work next to its node's energy.");
  Yaml root = object(cluster, "monitoring.coreos.com/v1", "PodMonitor");
  root.set("spec", Yaml::map({{"selector", match_labels(cluster)},
                              {"podMetricsEndpoints", Yaml::list({std::move(endpoint)})}}));
  std::vector<YamlDocument> documents = {
      {std::move(root), "Pods, not a Service: a consumer that is not ready yet is scraped as well."}};
  for (YamlDocument& document : prometheus_role(cluster, cluster.consumers.namespace_name)) {
    documents.push_back(std::move(document));
  }
  return yaml_file(path("40-monitoring.yaml"), "How Prometheus finds the consumers, and that it may.",
                   documents);
}

}  // namespace

Files render_consumers(const ClusterFile& cluster) {
  return {namespace_file(cluster), network_file(cluster), consumer_file(cluster), monitoring_file(cluster)};
}

}  // namespace kexp::manifest
