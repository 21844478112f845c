#include <algorithm>

#include <fmt/format.h>
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
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string name_of(const YAML::Node& object) { return object["metadata"]["name"].as<std::string>(); }

class MonitoringTest : public testing::Test {
 protected:
  Rendered rendered() const { return Rendered(render_monitoring(cluster_)); }

  YAML::Node named(const char* kind, const std::string& name) const {
    for (const YAML::Node& object : rendered().objects(kind)) {
      if (name_of(object) == name) {
        return object;
      }
    }
    throw std::out_of_range(fmt::format("no {} is called {}", kind, name));
  }

  YAML::Node prometheus() const { return rendered().object("Prometheus")["spec"]; }
  YAML::Node pod_spec(const char* deployment) const {
    return named("Deployment", deployment)["spec"]["template"]["spec"];
  }

  ClusterFile cluster_ = reference_cluster();
};

// ---- Which files

TEST_F(MonitoringTest, LeavesAPrometheusThatIsThereAlone) {
  cluster_ = existing_cluster();
  cluster_.monitoring.prometheus = "http://prometheus.lab:9090";

  EXPECT_THAT(rendered().paths(),
              ElementsAre("40-monitoring/energy-rules.yaml", "40-monitoring/without-operator/kexp.scrape.yml",
                          "40-monitoring/without-operator/kexp-energy.rules.yml"));
}

TEST_F(MonitoringTest, KnowsNoMasterOfAClusterThatIsThere) {
  cluster_ = existing_cluster();
  cluster_.access = {3000, 9090};

  const Rendered files = rendered();

  EXPECT_THAT(files.objects("PersistentVolume"), IsEmpty());
  EXPECT_THAT(files.objects("NetworkPolicy"), IsEmpty());
  EXPECT_FALSE(prometheus()["nodeSelector"]);
  EXPECT_FALSE(prometheus()["containers"]);
  EXPECT_FALSE(prometheus()["storage"]["volumeClaimTemplate"]["spec"]["storageClassName"])
      << "the cluster's own class";
}

TEST_F(MonitoringTest, HasNoEnergyRulesWithoutKepler) {
  cluster_.kepler.enabled = false;

  EXPECT_THAT(rendered().objects("PrometheusRule"), IsEmpty());
}

TEST_F(MonitoringTest, HasNothingOfGrafanaWhereItIsOff) {
  cluster_.monitoring.grafana = false;
  cluster_.access.grafana_port = 3000;

  EXPECT_THAT(rendered().paths(), Not(Contains("40-monitoring/patch-grafana.yaml")));
  EXPECT_THAT(rendered().objects("NetworkPolicy"), IsEmpty());
  EXPECT_THAT(render_secrets(cluster_, {"secret"}), IsEmpty());
}

// ---- Prometheus

TEST_F(MonitoringTest, KeepsWhatPrometheusMeasured) {
  cluster_.monitoring.retention = "14d";
  cluster_.monitoring.storage = MemoryQuantity{std::int64_t{10} << 30};

  EXPECT_EQ(prometheus()["retention"].as<std::string>(), "14d");
  EXPECT_EQ(prometheus()["retentionSize"].as<std::string>(), "8192MiB") << "room for what is being written";
  const YAML::Node claim = prometheus()["storage"]["volumeClaimTemplate"]["spec"];
  const YAML::Node volume = rendered().object("PersistentVolume")["spec"];
  EXPECT_EQ(claim["resources"]["requests"]["storage"].as<std::string>(), "10Gi");
  EXPECT_EQ(volume["capacity"]["storage"].as<std::string>(), "10Gi");
  EXPECT_EQ(claim["storageClassName"].as<std::string>(), volume["storageClassName"].as<std::string>());
  EXPECT_EQ(name_of(rendered().object("StorageClass")), volume["storageClassName"].as<std::string>());
}

TEST_F(MonitoringTest, KeepsItOnTheMasterAlone) {
  cluster_.nodes.master.name = "head";
  cluster_.monitoring.storage_path = "/srv/samples";
  const YAML::Node volume = rendered().object("PersistentVolume")["spec"];

  EXPECT_EQ(volume["local"]["path"].as<std::string>(), "/srv/samples");
  const YAML::Node term = volume["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0];
  EXPECT_EQ(term["key"].as<std::string>(), "kubernetes.io/hostname");
  EXPECT_EQ(term["values"].as<std::vector<std::string>>(), std::vector<std::string>{"head"});
  EXPECT_EQ(volume["persistentVolumeReclaimPolicy"].as<std::string>(), "Retain");
}

TEST_F(MonitoringTest, KeepsTheAdminApiShut) { EXPECT_FALSE(prometheus()["enableAdminAPI"].as<bool>()); }

TEST_F(MonitoringTest, RunsOnePrometheusThatCallsNobody) {
  EXPECT_EQ(prometheus()["replicas"].as<int>(), 1);
  EXPECT_EQ(rendered().object("PodDisruptionBudget")["spec"]["minAvailable"].as<int>(), 0)
      << "a drain of the master must end";
  EXPECT_EQ(prometheus()["alerting"]["alertmanagers"].size(), 0U);
}

TEST_F(MonitoringTest, KeepsWhatWatchesOffTheWorkers) {
  std::vector<YAML::Node> pods{prometheus()};
  for (const char* deployment : {"grafana", "prometheus-operator", "kube-state-metrics"}) {
    pods.push_back(pod_spec(deployment));
  }
  for (const YAML::Node& pod : pods) {
    EXPECT_EQ(pod["nodeSelector"][names::kRoleLabel].as<std::string>(), "infra");
    EXPECT_EQ(pod["tolerations"][0]["key"].as<std::string>(), "node-role.kubernetes.io/control-plane");
  }
}

// ---- What is scraped

TEST_F(MonitoringTest, ScrapesWhatExperimentsReadAtTheIntervalOfTheFile) {
  cluster_.monitoring.scrape_interval = Seconds{2};

  EXPECT_EQ(prometheus()["scrapeInterval"].as<std::string>(), "2s");
  for (const char* monitor : {"kubelet", "node-exporter", "kube-state-metrics"}) {
    const YAML::Node first = named("ServiceMonitor", monitor)["spec"]["endpoints"][0];
    EXPECT_EQ(first["interval"].as<std::string>(), "2s") << monitor;
    EXPECT_EQ(first["scrapeTimeout"].as<std::string>(), "1s") << monitor;
  }
  EXPECT_EQ(rendered().object("ScrapeConfig")["spec"]["scrapeInterval"].as<std::string>(), "2s");
}

// The operator rejects a monitor whose timeout is above its interval.
TEST_F(MonitoringTest, NoScrapeMayTakeLongerThanItsInterval) {
  const auto milliseconds = [](const std::string& text) {
    const int number = std::stoi(text);
    return text.ends_with("ms") ? number : 1000 * number;
  };
  for (const int interval : {1, 2, 5, 15, 60}) {
    cluster_.monitoring.scrape_interval = Seconds{interval};
    std::vector<std::pair<std::string, std::string>> pairs{
        {prometheus()["scrapeTimeout"].as<std::string>(), prometheus()["scrapeInterval"].as<std::string>()}};
    for (const YAML::Node& monitor : rendered().objects("ServiceMonitor")) {
      for (const YAML::Node& endpoint : monitor["spec"]["endpoints"]) {
        pairs.emplace_back(endpoint["scrapeTimeout"].as<std::string>(),
                           endpoint["interval"].as<std::string>());
      }
    }
    for (const auto& [timeout, every] : pairs) {
      EXPECT_LT(milliseconds(timeout), milliseconds(every));
    }
  }
}

TEST_F(MonitoringTest, WritesTheWholeListOfAMonitorsEndpoints) {
  std::vector<std::string> paths;
  for (const YAML::Node& endpoint : named("ServiceMonitor", "kubelet")["spec"]["endpoints"]) {
    paths.push_back(endpoint["path"].as<std::string>());
    EXPECT_TRUE(endpoint["bearerTokenFile"]) << "a kubelet answers nobody without a token";
    EXPECT_EQ(endpoint["port"].as<std::string>(), "https-metrics");
  }
  EXPECT_THAT(paths, ElementsAre("/metrics/cadvisor", "/metrics", "/metrics/probes"));
  EXPECT_EQ(named("ServiceMonitor", "kube-state-metrics")["spec"]["endpoints"].size(), 2U);
}

TEST_F(MonitoringTest, ScrapesTheKafkaOfTheFileAndNoOther) {
  cluster_.kafka.jmx_port = 11002;
  cluster_.kafka.exporter_port = 9309;
  std::vector<std::string> targets;
  for (const YAML::Node& group : rendered().object("ScrapeConfig")["spec"]["staticConfigs"]) {
    targets.push_back(group["labels"]["job"].as<std::string>() + " " + group["targets"][0].as<std::string>());
  }
  EXPECT_THAT(targets, ElementsAre("kafka 192.168.1.152:11002", "kafka-exporter 192.168.1.152:9309"));

  cluster_.kafka.servers = "kafka.lab:9092";
  EXPECT_THAT(rendered().objects("ScrapeConfig"), IsEmpty());
}

// ---- Who gets in

TEST_F(MonitoringTest, PublishesNothingByItself) {
  EXPECT_THAT(rendered().paths(), Not(Contains("40-monitoring/network-policies.yaml")));
  EXPECT_FALSE(prometheus()["containers"]);
  EXPECT_FALSE(pod_spec("grafana")["containers"][0]["ports"]);
}

TEST_F(MonitoringTest, PublishesPortsOnTheLanAddressToTheLan) {
  cluster_.access = {3001, 9091};

  const YAML::Node grafana = pod_spec("grafana")["containers"][0]["ports"][0];
  EXPECT_EQ(grafana["hostIP"].as<std::string>(), "192.168.1.152");
  EXPECT_EQ(grafana["hostPort"].as<int>(), 3001);
  EXPECT_EQ(grafana["containerPort"].as<int>(), 3000);
  const YAML::Node web = prometheus()["containers"][0]["ports"][0];
  EXPECT_EQ(web["hostIP"].as<std::string>(), "192.168.1.152");
  EXPECT_EQ(web["hostPort"].as<int>(), 9091);
  EXPECT_EQ(web["containerPort"].as<int>(), 9090);
  for (const char* policy : {"kexp-prometheus", "kexp-grafana"}) {
    const YAML::Node rule = named("NetworkPolicy", policy)["spec"]["ingress"][0];
    ASSERT_EQ(rule["from"].size(), 1U) << policy;
    EXPECT_EQ(rule["from"][0]["ipBlock"]["cidr"].as<std::string>(), "192.168.1.0/24");
  }
  EXPECT_EQ(named("Deployment", "grafana")["spec"]["strategy"]["rollingUpdate"]["maxSurge"].as<int>(), 0)
      << "two pods cannot have the port";
}

// kube-prometheus has a ServiceMonitor for each and no Service, and kubeadm makes none: no target, and an
// alert that fires for ever.
TEST_F(MonitoringTest, GivesTheControlPlanesMonitorsTheirServices) {
  for (const auto& [name, port] : {std::pair{"kube-controller-manager", 10257}, {"kube-scheduler", 10259}}) {
    const YAML::Node service = named("Service", name);
    EXPECT_EQ(service["metadata"]["namespace"].as<std::string>(), "kube-system");
    EXPECT_EQ(service["metadata"]["labels"]["app.kubernetes.io/name"].as<std::string>(), name);
    EXPECT_EQ(service["spec"]["selector"]["component"].as<std::string>(), name) << "kubeadm's label";
    EXPECT_EQ(service["spec"]["ports"][0]["name"].as<std::string>(), "https-metrics");
    EXPECT_EQ(service["spec"]["ports"][0]["targetPort"].as<int>(), port);
  }
}

// Our ScaledObject asks Kafka for the lag.
TEST_F(MonitoringTest, OpensNothingToKeda) {
  cluster_.scaler.kind = Scaler::Kind::keda;

  EXPECT_THAT(rendered().paths(), Not(Contains("40-monitoring/network-policies.yaml")));
}

TEST_F(MonitoringTest, GivesGrafanaThePasswordOfTheSecret) {
  const std::vector<RenderedFile> secrets = render_secrets(cluster_, {"correct horse"});
  ASSERT_EQ(secrets.size(), 1U);
  EXPECT_EQ(secrets[0].path, "secrets/grafana-admin.yaml");
  EXPECT_EQ(secrets[0].mode, RenderedFile::Mode::secret);
  const YAML::Node secret = YAML::Load(secrets[0].content);
  const YAML::Node variable = pod_spec("grafana")["containers"][0]["env"][1];
  const YAML::Node reference = variable["valueFrom"]["secretKeyRef"];

  EXPECT_EQ(variable["name"].as<std::string>(), "GF_SECURITY_ADMIN_PASSWORD");
  EXPECT_EQ(reference["name"].as<std::string>(), name_of(secret));
  EXPECT_EQ(secret["stringData"][reference["key"].as<std::string>()].as<std::string>(), "correct horse");
  EXPECT_EQ(secret["metadata"]["namespace"].as<std::string>(), "monitoring");
}

TEST_F(MonitoringTest, PutsNoPasswordIntoAnyOtherFile) {
  for (const std::string& path : rendered().paths()) {
    EXPECT_THAT(rendered().file(path).content, Not(HasSubstr("stringData"))) << path;
  }
}

// ---- Patches

// Server-side apply merges by these; a Deployment's selector cannot change.
TEST_F(MonitoringTest, PatchesCarryTheSelectorsOfUpstreamAndNoLabelsOfOurs) {
  for (const std::string& path : rendered().paths()) {
    if (path.find("/patch-") == std::string::npos) {
      continue;
    }
    for (const YAML::Node& object : rendered().documents(path)) {
      EXPECT_FALSE(object["metadata"]["labels"]) << path;
    }
  }
  for (const YAML::Node& deployment : rendered().objects("Deployment")) {
    const auto selector = strings(deployment["spec"]["selector"]["matchLabels"]);
    EXPECT_EQ(selector, strings(deployment["spec"]["template"]["metadata"]["labels"]));
    EXPECT_EQ(selector.at(names::kNameLabel), name_of(deployment));
    EXPECT_EQ(selector.at(names::kPartOfLabel), "kube-prometheus");
    EXPECT_EQ(deployment["spec"]["template"]["spec"]["containers"][0]["name"].as<std::string>(),
              name_of(deployment));
  }
}

TEST_F(MonitoringTest, EveryRuleHasANameOfOursAndEveryRecordedOneIsInTheTerms) {
  const std::string terms = read_file(KEXP_SOURCE_DIR "/docs/terms.md");
  for (const YAML::Node& group : rendered().object("PrometheusRule")["spec"]["groups"]) {
    EXPECT_EQ(group["interval"].as<std::string>(), "5s");
    for (const YAML::Node& rule : group["rules"]) {
      if (rule["record"]) {
        const std::string name = rule["record"].as<std::string>();
        EXPECT_THAT(name, StartsWith("kexp:"));
        EXPECT_THAT(terms, HasSubstr(fmt::format("| `{}` |", name)));
      } else {
        EXPECT_THAT(rule["alert"].as<std::string>(), StartsWith("Kexp"));
      }
    }
  }
}

}  // namespace
}  // namespace kexp::manifest
