#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"

#include "names.hpp"
#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::existing_cluster;
using test::reference_cluster;
using test::Rendered;
using test::strings;
using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Pair;
using testing::UnorderedElementsAre;

class ConsumersTest : public testing::Test {
 protected:
  Rendered rendered() const { return Rendered(render_consumers(cluster_)); }
  YAML::Node deployment() const { return rendered().object("Deployment")["spec"]; }
  YAML::Node pod() const { return deployment()["template"]["spec"]; }
  YAML::Node container() const { return pod()["containers"][0]; }
  YAML::Node policy() const { return rendered().object("NetworkPolicy")["spec"]; }
  YAML::Node endpoint() const { return rendered().object("PodMonitor")["spec"]["podMetricsEndpoints"][0]; }
  std::map<std::string, std::string> environment() const {
    std::map<std::string, std::string> values;
    for (const YAML::Node& variable : container()["env"]) {
      values[variable["name"].as<std::string>()] =
          variable["value"] ? variable["value"].as<std::string>()
                            : "field " + variable["valueFrom"]["fieldRef"]["fieldPath"].as<std::string>();
    }
    return values;
  }

  ClusterFile cluster_ = reference_cluster();
};

TEST_F(ConsumersTest, ComesInTheOrderInWhichItIsApplied) {
  EXPECT_THAT(rendered().paths(),
              ElementsAre("80-consumers/10-namespace.yaml", "80-consumers/20-network.yaml",
                          "80-consumers/30-consumer.yaml", "80-consumers/40-monitoring.yaml"));
}

TEST_F(ConsumersTest, NamesEverythingAsTheFileDoes) {
  cluster_.consumers.name = "detector";
  cluster_.consumers.namespace_name = "lab";

  for (const char* kind : {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"}) {
    const YAML::Node metadata = rendered().object(kind)["metadata"];
    EXPECT_EQ(metadata["name"].as<std::string>(), "detector") << kind;
    EXPECT_EQ(metadata["namespace"].as<std::string>(), "lab") << kind;
  }
  EXPECT_EQ(rendered().object("Namespace")["metadata"]["name"].as<std::string>(), "lab");
}

TEST_F(ConsumersTest, HoldsTheNamespaceToTheRestrictedStandard) {
  const auto labels = strings(rendered().object("Namespace")["metadata"]["labels"]);

  EXPECT_THAT(labels, IsSupersetOf({Pair("pod-security.kubernetes.io/enforce", "restricted"),
                                    Pair("pod-security.kubernetes.io/warn", "restricted")}));
}

/// A selector that does not match the pods' labels finds none, and only the Deployment's is refused for it.
TEST_F(ConsumersTest, SelectsThePodsOfTheDeploymentEverywhere) {
  cluster_.consumers.name = "detector";
  const auto labels = strings(deployment()["template"]["metadata"]["labels"]);
  const auto selector = strings(deployment()["selector"]["matchLabels"]);

  EXPECT_THAT(selector, ElementsAre(Pair(names::kNameLabel, "detector")));
  EXPECT_THAT(labels, IsSupersetOf(selector));
  EXPECT_EQ(strings(rendered().object("Service")["spec"]["selector"]), selector);
  EXPECT_EQ(strings(rendered().object("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]), selector);
  EXPECT_EQ(strings(rendered().object("PodMonitor")["spec"]["selector"]["matchLabels"]), selector);
  EXPECT_EQ(strings(policy()["podSelector"]["matchLabels"]), selector);
  EXPECT_EQ(strings(pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]), selector);
}

/// The run's label changes with every run; in the template it would restart the pods.
TEST_F(ConsumersTest, KeepsTheRunsLabelOutOfTheTemplate) {
  EXPECT_EQ(strings(deployment()["template"]["metadata"]["labels"]).count(names::kRunLabel), 0U);
  EXPECT_EQ(strings(rendered().object("Deployment")["metadata"]["labels"]).count(names::kRunLabel), 1U);
}

/// With replicas in the manifest every apply would undo what the scaler has decided.
TEST_F(ConsumersTest, HasReplicasOnlyWhereNothingScales) {
  for (const Scaler::Kind kind : {Scaler::Kind::hpa, Scaler::Kind::keda}) {
    cluster_.scaler.kind = kind;
    EXPECT_FALSE(deployment()["replicas"]);
  }
  cluster_.scaler.kind = Scaler::Kind::none;
  cluster_.scaler.pods = 7;
  EXPECT_EQ(deployment()["replicas"].as<int>(), 7);
}

TEST_F(ConsumersTest, ConfiguresThePodByItsEnvironmentAlone) {
  cluster_.consumers.model = "yolov5n";
  cluster_.consumers.validate_results = false;
  cluster_.consumers.engine = "openvino";
  cluster_.consumers.resolution = "640";

  EXPECT_EQ(container()["args"].as<std::vector<std::string>>(), std::vector<std::string>{"consume"});
  EXPECT_FALSE(container()["command"]);
  EXPECT_THAT(environment(),
              UnorderedElementsAre(
                  Pair("KAFKA_SERVERS", "192.168.1.152:10001"), Pair("KAFKA_INPUT_TOPIC", "yolo_input"),
                  Pair("KAFKA_OUTPUT_TOPIC", "yolo_output"), Pair("KEXP_GROUP", "yolo_input.consumers"),
                  Pair("YOLO_MODEL", "yolov5n"), Pair("RESOLUTION", "640"), Pair("VALIDATE_RESULTS", "FALSE"),
                  Pair("KEXP_ENGINE", "openvino"), Pair("KEXP_METRICS_ADDRESS", "0.0.0.0"),
                  Pair("KEXP_METRICS_PORT", "9464"), Pair("POD_NAME", "field metadata.name"),
                  Pair("POD_IP", "field status.podIP"), Pair("NODE_NAME", "field spec.nodeName")));
}

TEST_F(ConsumersTest, FindsTheKafkaAndTheGroupOfTheFile) {
  cluster_ = existing_cluster();
  cluster_.consumers.group = "lab";

  EXPECT_THAT(environment(), Contains(Pair("KAFKA_SERVERS", "kafka-1.lab:9092,kafka-2.lab:9092")));
  EXPECT_THAT(environment(), Contains(Pair("KEXP_GROUP", "lab")));
}

/// Kubernetes takes strings alone: a bare 640, 9464 or TRUE is refused, or is another value.
TEST_F(ConsumersTest, QuotesValuesThatYamlWouldTakeForSomethingElse) {
  cluster_.consumers.resolution = "640";

  for (const YAML::Node& variable : container()["env"]) {
    const std::string value = variable["value"] ? variable["value"].as<std::string>() : "";
    if (value == "640" || value == "9464" || value == "TRUE") {
      EXPECT_EQ(variable["value"].Tag(), "!") << variable["name"].as<std::string>();
    }
  }
}

/// docs/cli.md is kept equal to the binary's help by a test of its own.
TEST_F(ConsumersTest, SetsOnlyVariablesThatTheCommandKnows) {
  const std::string page = read_file(std::filesystem::path(KEXP_SOURCE_DIR) / "docs/cli.md");
  const std::string consume = page.substr(page.find("### `kexp consume`"), page.find("### `kexp track`"));
  for (const auto& [name, value] : environment()) {
    std::string flag = "--";
    for (const char c : name.substr(name.find('_') + 1)) {
      flag += c == '_' ? '-' : static_cast<char>(std::tolower(c));
    }
    const bool of_flag = name.starts_with("KEXP_") && (consume.find(flag) != std::string::npos ||
                                                       page.find("| `" + flag) != std::string::npos ||
                                                       page.find(flag + "` |") != std::string::npos);
    EXPECT_TRUE(of_flag || page.find("`" + name + "`") != std::string::npos) << name;
  }
}

TEST_F(ConsumersTest, IsGuaranteedUnlessLimitsSayOtherwise) {
  cluster_.consumers.requests = {{1500}, {std::int64_t{768} << 20}};
  EXPECT_EQ(strings(container()["resources"]["requests"]),
            (std::map<std::string, std::string>{{"cpu", "1500m"}, {"memory", "768Mi"}}));
  EXPECT_EQ(strings(container()["resources"]["limits"]), strings(container()["resources"]["requests"]));
  EXPECT_EQ(pod()["containers"].size(), 1U);
  EXPECT_FALSE(pod()["initContainers"]);

  cluster_.consumers.limits = Resources{{2000}, {std::int64_t{1} << 30}};
  EXPECT_EQ(strings(container()["resources"]["limits"]),
            (std::map<std::string, std::string>{{"cpu", "2"}, {"memory", "1Gi"}}));
}

TEST_F(ConsumersTest, MeetsTheRestrictedStandard) {
  const YAML::Node security = pod()["securityContext"];
  EXPECT_TRUE(security["runAsNonRoot"].as<bool>());
  EXPECT_GT(security["runAsUser"].as<int>(), 0);
  EXPECT_EQ(security["seccompProfile"]["type"].as<std::string>(), "RuntimeDefault");
  EXPECT_FALSE(container()["securityContext"]["allowPrivilegeEscalation"].as<bool>());
  EXPECT_TRUE(container()["securityContext"]["readOnlyRootFilesystem"].as<bool>());
  EXPECT_EQ(container()["securityContext"]["capabilities"]["drop"][0].as<std::string>(), "ALL");
}

TEST_F(ConsumersTest, KnowsNothingOfKubernetes) {
  EXPECT_FALSE(pod()["automountServiceAccountToken"].as<bool>());
  EXPECT_FALSE(pod()["enableServiceLinks"].as<bool>());
}

TEST_F(ConsumersTest, TakesTheImageThatIsOnTheNode) {
  cluster_.consumers.image = "registry.lab/kexp@sha256:0123";

  EXPECT_EQ(container()["image"].as<std::string>(), "registry.lab/kexp@sha256:0123");
  EXPECT_EQ(container()["imagePullPolicy"].as<std::string>(), "IfNotPresent");
}

TEST_F(ConsumersTest, EndsWithinTheGraceOfTheFile) {
  cluster_.consumers.grace = Seconds{45};

  EXPECT_EQ(pod()["terminationGracePeriodSeconds"].as<int>(), 45);
}

TEST_F(ConsumersTest, ProbesThePortThatServesMetrics) {
  EXPECT_EQ(container()["ports"][0]["name"].as<std::string>(), "metrics");
  EXPECT_EQ(container()["ports"][0]["containerPort"].as<int>(), 9464);
  for (const auto& [name, path] : std::map<std::string, std::string>{
           {"startupProbe", "/healthz"}, {"readinessProbe", "/readyz"}, {"livenessProbe", "/healthz"}}) {
    const YAML::Node probe = container()[name];
    EXPECT_EQ(strings(probe["httpGet"]),
              (std::map<std::string, std::string>{{"path", path}, {"port", "metrics"}}));
    EXPECT_LE(probe["timeoutSeconds"].as<int>(), probe["periodSeconds"].as<int>()) << name;
  }
}

TEST_F(ConsumersTest, SpreadsOrPacks) {
  EXPECT_EQ(pod()["topologySpreadConstraints"][0]["topologyKey"].as<std::string>(), "kubernetes.io/hostname");
  EXPECT_EQ(pod()["topologySpreadConstraints"][0]["whenUnsatisfiable"].as<std::string>(), "ScheduleAnyway");
  EXPECT_FALSE(pod()["affinity"]["podAffinity"]);

  cluster_.consumers.placement = "pack";
  EXPECT_EQ(pod()["topologySpreadConstraints"][0]["topologyKey"].as<std::string>(), "kubernetes.io/os");
  const YAML::Node term =
      pod()["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0];
  EXPECT_EQ(term["podAffinityTerm"]["topologyKey"].as<std::string>(), "kubernetes.io/hostname");
}

TEST_F(ConsumersTest, RunsOnWorkersUnlessTheClusterIsThere) {
  const YAML::Node rule = pod()["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                               ["nodeSelectorTerms"][0]["matchExpressions"][0];
  EXPECT_EQ(rule["key"].as<std::string>(), names::kRoleLabel);
  EXPECT_EQ(rule["values"].as<std::vector<std::string>>(), std::vector<std::string>{"worker"});

  cluster_ = existing_cluster();
  EXPECT_FALSE(pod()["affinity"]);
}

TEST_F(ConsumersTest, LetsOnlyPrometheusIn) {
  cluster_.monitoring.namespace_name = "observability";

  EXPECT_EQ(policy()["ingress"].size(), 1U);
  const YAML::Node rule = policy()["ingress"][0];
  EXPECT_EQ(strings(rule["from"][0]["namespaceSelector"]["matchLabels"]),
            (std::map<std::string, std::string>{{"kubernetes.io/metadata.name", "observability"}}));
  EXPECT_EQ(rule["from"].size(), 1U);
  EXPECT_EQ(rule["ports"][0]["port"].as<std::string>(), "metrics");
}

TEST_F(ConsumersTest, LetsThemReachTheBrokerAlone) {
  cluster_.kafka.port = 9999;

  EXPECT_EQ(policy()["policyTypes"].as<std::vector<std::string>>(),
            (std::vector<std::string>{"Ingress", "Egress"}));
  EXPECT_EQ(policy()["egress"].size(), 1U);
  EXPECT_EQ(policy()["egress"][0]["to"][0]["ipBlock"]["cidr"].as<std::string>(), "192.168.1.152/32");
  EXPECT_EQ(policy()["egress"][0]["ports"][0]["port"].as<int>(), 9999);
}

/// Bootstrap servers are where a client begins; what brokers advertise is known to them alone.
TEST_F(ConsumersTest, LeavesTheWayToAKafkaOfOthersOpen) {
  cluster_.kafka.servers = "192.168.1.20:9092";

  EXPECT_EQ(policy()["policyTypes"].as<std::vector<std::string>>(), std::vector<std::string>{"Ingress"});
  EXPECT_FALSE(policy()["egress"]);
}

TEST_F(ConsumersTest, ScrapesAtTheIntervalOfTheFileAndKnowsTheNode) {
  cluster_.monitoring.consumer_interval = Seconds{1};
  EXPECT_EQ(endpoint()["port"].as<std::string>(), "metrics");
  EXPECT_EQ(endpoint()["interval"].as<std::string>(), "1s");
  EXPECT_EQ(endpoint()["scrapeTimeout"].as<std::string>(), "900ms");
  EXPECT_EQ(endpoint()["relabelings"][0]["sourceLabels"][0].as<std::string>(),
            "__meta_kubernetes_pod_node_name");
  EXPECT_EQ(endpoint()["relabelings"][0]["targetLabel"].as<std::string>(), "node");

  cluster_.monitoring.consumer_interval = Seconds{5};
  EXPECT_EQ(endpoint()["interval"].as<std::string>(), "5s");
  EXPECT_EQ(endpoint()["scrapeTimeout"].as<std::string>(), "4s");
}

TEST_F(ConsumersTest, LetsPrometheusFindThem) {
  EXPECT_EQ(rendered().object("Role")["metadata"]["namespace"].as<std::string>(), "workload");
  EXPECT_EQ(rendered().object("RoleBinding")["metadata"]["namespace"].as<std::string>(), "workload");
}

}  // namespace
}  // namespace kexp::manifest
