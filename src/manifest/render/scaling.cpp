#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "names.hpp"
#include "render/parts.hpp"
#include "render/placement.hpp"

namespace kexp::manifest {
namespace {

constexpr const char* kComponent = "scaler";

Yaml object(const ClusterFile& cluster, const char* api_version, const char* kind) {
  return names::object(api_version, kind, cluster.consumers.name, cluster.consumers.namespace_name,
                       kComponent);
}

Yaml target(const ClusterFile& cluster) {
  return Yaml::map({{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", cluster.consumers.name}});
}

// -- how fast
// --------------------------------------------------------------------------------------------------

constexpr Seconds kSyncPeriod{15};

Yaml policy(const ScalingPolicy& rule) {
  const bool pods = rule.pods > 0;
  return Yaml::map({{"type", pods ? "Pods" : "Percent"},
                    {"value", pods ? rule.pods : rule.percent},
                    {"periodSeconds", rule.every.count()}})
      .on_one_line();
}

std::string select_policy(const std::string& select) {
  if (select == "min") {
    return "Min";
  }
  return select == "disabled" ? "Disabled" : "Max";
}

/// What a window does, in words that hold for its length.
std::string window_comment(Seconds window, const char* recommendation) {
  if (window == Seconds{0}) {
    return "At once.";
  }
  if (window < kSyncPeriod) {
    return fmt::format("Does nothing: the HPA looks every {}, so there is never a second look in the window.",
                       to_text(kSyncPeriod));
  }
  return fmt::format("By the {} recommendation of so long.", recommendation);
}

Yaml direction(const ScalingDirection& rules, const char* recommendation) {
  Yaml result = Yaml::map();
  result.set("stabilizationWindowSeconds", rules.window.count(),
             window_comment(rules.window, recommendation));
  result.set("selectPolicy", select_policy(rules.select));
  if (!rules.policies.empty()) {
    std::vector<Yaml> policies;
    std::transform(rules.policies.begin(), rules.policies.end(), std::back_inserter(policies), policy);
    result.set("policies", Yaml::list(std::move(policies)));
  }
  return result;
}

Yaml behavior(const Scaler& scaler) {
  return Yaml::map(
      {{"scaleUp", direction(scaler.up, "lowest")}, {"scaleDown", direction(scaler.down, "highest")}});
}

// -- on CPU
// ----------------------------------------------------------------------------------------------------

RenderedFile hpa_file(const ClusterFile& cluster) {
  const Scaler& scaler = cluster.scaler;
  const Yaml utilization = Yaml::map({{"type", "Utilization"}, {"averageUtilization", scaler.cpu_percent}});
  const Yaml cpu = Yaml::map({{"name", "cpu"}, {"target", utilization.on_one_line()}});
  Yaml spec =
      Yaml::map({{"scaleTargetRef", target(cluster)},
                 {"minReplicas", scaler.min_pods},
                 {"maxReplicas", scaler.max_pods,
                  fmt::format("At most the {} partitions of {}: a consumer without one has nothing to do.",
                              cluster.kafka.input.partitions, cluster.kafka.input.name)}});
  spec.set(
      "metrics", Yaml::list({Yaml::map({{"type", "Resource"}, {"resource", cpu}})}),
      fmt::format(
          "Percent of the request ({}), truncated to a whole number; within a tenth of the target nothing\n"
          "changes. A pod counts once it is ready and measured for a whole window: 15 to 30 s later.",
          to_text(cluster.consumers.requests.cpu)));
  spec.set("behavior", behavior(scaler));
  Yaml root = object(cluster, "autoscaling/v2", "HorizontalPodAutoscaler");
  root.set("spec", std::move(spec));
  return yaml_file("90-scaling/10-hpa.yaml",
                   "How many consumers there are: by their CPU, looked at every 15 s.", {{std::move(root)}});
}

// -- on lag
// ----------------------------------------------------------------------------------------------------

Yaml lag_trigger(const ClusterFile& cluster) {
  Yaml metadata = Yaml::map({{"bootstrapServers", names::kafka_servers(cluster)},
                             {"consumerGroup", names::consumer_group(cluster)},
                             {"topic", cluster.kafka.input.name},
                             {"lagThreshold", std::to_string(cluster.scaler.lag), "Records a pod."},
                             {"activationLagThreshold", "0"}});
  metadata.set("offsetResetPolicy", "earliest",
               "As the consumers': a partition that nobody has read yet is all lag, not none.");
  metadata.set("allowIdleConsumers", "false", "Never more pods than partitions.");
  metadata.set("version", "3.8.0", "Of the protocol. The default is too old for Kafka 4.");
  Yaml trigger = Yaml::map({{"type", "kafka"}, {"metricType", "AverageValue"}});
  trigger.set("metadata", std::move(metadata), "All of them strings: KEDA takes no number here.");
  return trigger;
}

RenderedFile scaled_object_file(const ClusterFile& cluster) {
  const Scaler& scaler = cluster.scaler;
  Yaml spec = Yaml::map({{"scaleTargetRef", target(cluster)}});
  spec.set("pollingInterval", scaler.polling_interval.count(),
           "Only between none and one pod; above one, KEDA's HPA asks for the lag every 15 s.");
  if (scaler.min_pods == 0) {
    spec.set("cooldownPeriod", scaler.down.window.count(), "Without lag for so long, the last pod goes.");
  }
  spec.set("minReplicaCount", scaler.min_pods);
  spec.set("maxReplicaCount", scaler.max_pods,
           fmt::format("At most the {} partitions: KEDA's own bound is off by one.",
                       cluster.kafka.input.partitions));
  Yaml hpa = Yaml::map({{"behavior", behavior(scaler)}});
  spec.set("advanced", Yaml::map({{"restoreToOriginalReplicaCount", false},
                                  {"horizontalPodAutoscalerConfig", std::move(hpa)}}));
  spec.set("triggers", Yaml::list({lag_trigger(cluster)}));
  Yaml root = object(cluster, "keda.sh/v1alpha1", "ScaledObject");
  root.set("spec", std::move(spec));
  return yaml_file(
      "90-scaling/10-scaled-object.yaml",
      "How many consumers there are: by the records that wait for them. KEDA makes an HPA of this; one\n"
      "more HPA of ours would fight it. When Kafka cannot be asked, the pods stay as many as they are.",
      {{std::move(root)}});
}

/// KEDA's Deployments, as its bundle names them.
struct KedaDeployment {
  const char* name;
  const char* app;  ///< Also its container.
};
constexpr std::array kKedaDeployments = {KedaDeployment{"keda-operator", "keda-operator"},
                                         KedaDeployment{"keda-metrics-apiserver", "keda-metrics-apiserver"},
                                         KedaDeployment{"keda-admission", "keda-admission-webhooks"}};

Yaml on_the_master(const KedaDeployment& deployment) {
  const Yaml app = Yaml::map({{"app", deployment.app}});
  Yaml pod = Yaml::map();
  place_on_master(pod);
  pod.set("containers", Yaml::list({Yaml::map({{"name", deployment.app}})}));
  Yaml root = names::patch("apps/v1", "Deployment", deployment.name, names::kKedaNamespace);
  root.set("spec", Yaml::map({{"selector", Yaml::map({{"matchLabels", app}})},
                              {"template", Yaml::map({{"metadata", Yaml::map({{"labels", app}})},
                                                      {"spec", std::move(pod)}})}}));
  return root;
}

RenderedFile keda_patch() {
  std::vector<YamlDocument> documents;
  for (const KedaDeployment& deployment : kKedaDeployments) {
    documents.push_back({on_the_master(deployment)});
  }
  return yaml_file(
      "90-scaling/patch-keda.yaml",
      "KEDA itself runs on the master, not on the workers that are measured. Fields of its bundle's\n"
      "Deployments; the rest of them is left as it is.",
      documents);
}

}  // namespace

Files render_scaling(const ClusterFile& cluster) {
  switch (cluster.scaler.kind) {
    case Scaler::Kind::none:
      return {};
    case Scaler::Kind::hpa:
      return {hpa_file(cluster)};
    case Scaler::Kind::keda:
      break;
  }
  Files files = {scaled_object_file(cluster)};
  if (knows_master(cluster)) {
    files.push_back(keda_patch());
  }
  return files;
}

}  // namespace kexp::manifest
