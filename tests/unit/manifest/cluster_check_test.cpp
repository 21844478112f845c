/// The rules across fields of a cluster file: each with the line, the field and the essence of its message.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/manifest/cluster_file.hpp"

#include "cluster_files.hpp"

namespace kexp::manifest {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

using test::errors_of;
using test::parsed;
using test::reference_with;
using test::shortest;
using test::warnings_of;

// -- networks

TEST(ClusterCheckTest, NetworksMustNotOverlap) {
  EXPECT_THAT(
      errors_of(reference_with("pods: 10.244.0.0/16", "pods: 10.0.0.0/8")),
      AllOf(StartsWith("c.yaml:31: networks.pods: 10.0.0.0/8 overlaps networks.services 10.96.0.0/12"),
            HasSubstr("such as 10.244.0.0/16")));
  EXPECT_THAT(errors_of(reference_with("pods: 10.244.0.0/16", "pods: 192.168.0.0/16")),
              HasSubstr("networks.pods: 192.168.0.0/16 overlaps networks.lan 192.168.1.0/24"));
  EXPECT_THAT(errors_of(reference_with("services: 10.96.0.0/12", "services: 192.168.1.128/25")),
              StartsWith("c.yaml:32: networks.services: 192.168.1.128/25 overlaps networks.lan"));
}

TEST(ClusterCheckTest, AnOverlapWithADefaultIsReportedWhereTheOtherStands) {
  EXPECT_THAT(errors_of("nodes:\n  master: {name: m, address: 10.244.0.1}\n"
                        "  workers: [{name: w, address: 10.244.0.2}]\n"
                        "scaler: {pods: 1}\n"
                        "networks: {lan: 10.244.0.0/24}\n"),
              StartsWith("c.yaml:5: networks.pods: 10.244.0.0/16 overlaps networks.lan 10.244.0.0/24"));
}

TEST(ClusterCheckTest, EveryNodeIsInTheLan) {
  EXPECT_THAT(
      errors_of(reference_with("192.168.1.165", "192.168.2.165")),
      StartsWith(
          "c.yaml:15: nodes.workers[4].address: 192.168.2.165 is outside networks.lan 192.168.1.0/24"));
  EXPECT_THAT(errors_of(reference_with("192.168.1.165", "192.168.1.255")),
              HasSubstr("first or last address"));
  EXPECT_THAT(errors_of(reference_with("192.168.1.165", "192.168.1.0")), HasSubstr("first or last address"));
}

TEST(ClusterCheckTest, NoTwoNodesHaveOneAddressOrName) {
  EXPECT_THAT(
      errors_of(reference_with("192.168.1.163", "192.168.1.161")),
      StartsWith(
          "c.yaml:13: nodes.workers[2].address: 192.168.1.161 is the address of nodes.workers[0], too"));
  EXPECT_THAT(errors_of(reference_with("name: worker5", "name: master")),
              StartsWith("c.yaml:15: nodes.workers[4].name: master is the name of nodes.master, too"));
}

TEST(ClusterCheckTest, NodeNamesAreHostNames) {
  EXPECT_THAT(errors_of(reference_with("name: worker5", "name: Worker_5")),
              AllOf(StartsWith("c.yaml:15: nodes.workers[4].name: \"Worker_5\" is not a host name"),
                    HasSubstr("RFC 1123")));
}

TEST(ClusterCheckTest, ThePodNetworkHasAPieceForEachNode) {
  EXPECT_THAT(
      errors_of(reference_with("pods: 10.244.0.0/16", "pods: 10.244.0.0/22")),
      AllOf(StartsWith("c.yaml:31: networks.pods: 10.244.0.0/22 is too small"), HasSubstr("6 nodes")));
  EXPECT_THAT(errors_of(reference_with("services: 10.96.0.0/12", "services: 10.0.0.0/9")),
              HasSubstr("networks.services: 10.0.0.0/9 must have a prefix from /12"));
}

TEST(ClusterCheckTest, TheRoleOfANodeIsNotTheUsersToSet) {
  EXPECT_THAT(errors_of(reference_with("192.168.1.165}", "192.168.1.165, labels: {kexp.dev/role: infra}}")),
              HasSubstr("nodes.workers[4].labels: kexp.dev/role is set by kexp"));
}

// -- a cluster that is there

TEST(ClusterCheckTest, APrometheusElsewhereNeedsAClusterThatIsThere) {
  EXPECT_THAT(errors_of(shortest("monitoring: {prometheus: \"http://p:9090\"}\n")),
              StartsWith("c.yaml:11: monitoring.prometheus: http://p:9090 is of no use without `existing`"));
}

TEST(ClusterCheckTest, OurOwnPrometheusIsWhereItsBundlePutsIt) {
  EXPECT_THAT(
      errors_of(shortest("monitoring: {namespace: mon}\n")),
      StartsWith("c.yaml:11: monitoring.namespace: mon is not what kube-prometheus has, which is always "
                 "monitoring: leave it out"));
  EXPECT_THAT(errors_of(shortest("monitoring: {service_account: me}\n")),
              HasSubstr("monitoring.service_account: me is not what kube-prometheus has"));
  EXPECT_EQ(parsed("existing: lab\nkafka: {servers: \"k:9092\"}\n"
                   "monitoring: {prometheus: \"http://p:9090\", namespace: mon, service_account: me}\n")
                .monitoring.namespace_name,
            "mon");
}

TEST(ClusterCheckTest, AClusterThatIsThereHasNoMasterForKafka) {
  EXPECT_THAT(errors_of("existing: lab\n"), AllOf(StartsWith("c.yaml:1: kafka.servers: is missing"),
                                                  HasSubstr("no master to run a broker on")));
}

TEST(ClusterCheckTest, NodesOfAClusterThatIsThereAreAnErrorOfTheStruct) {
  ClusterFile cluster = parsed(shortest());
  cluster.existing = "lab";
  cluster.kafka.servers = "k:9092";

  ASSERT_THAT(check(cluster), SizeIs(1));
  EXPECT_EQ(check(cluster)[0].field, "nodes");
  EXPECT_EQ(check(cluster)[0].line, 0);
  EXPECT_THAT(check(cluster)[0].message, HasSubstr("existing: lab"));
}

// -- versions

std::string with_version(const std::string& key, const std::string& version) {
  return shortest("versions:\n  " + key + ": \"" + version + "\"\n");
}

TEST(ClusterCheckTest, KeplerWithTheShiftedCpuShareIsRefused) {
  for (const char* version : {"0.10.0", "0.11.2", "0.11.4"}) {
    EXPECT_THAT(errors_of(with_version("kepler", version)),
                AllOf(StartsWith("c.yaml:12: versions.kepler: Kepler " + std::string(version)),
                      HasSubstr("CPU share of the interval before"), HasSubstr("take 0.13.0")));
  }
  EXPECT_THAT(errors_of(with_version("kepler", "0.9.0")), HasSubstr("0.10 was a rewrite"));
  EXPECT_THAT(warnings_of(with_version("kepler", "0.12.0")), HasSubstr("was made to run privileged"));
  EXPECT_THAT(warnings_of(with_version("kepler", "0.12.0") + "kepler: {privileged: true}\n"), IsEmpty());
  EXPECT_THAT(warnings_of(with_version("kepler", "0.14.2")), IsEmpty());
  EXPECT_THAT(errors_of(with_version("kepler", "0.9.0") + "kepler: {enabled: false}\nname: A\n"),
              Not(HasSubstr("Kepler")));
}

TEST(ClusterCheckTest, AVersionOutsideASupportMatrixIsAWarning) {
  EXPECT_THAT(warnings_of(with_version("kubernetes", "1.37.1")),
              "c.yaml:12: versions.kube_prometheus: kube-prometheus 0.18.0 is tested with "
              "Kubernetes 1.33 to "
              "1.36, not with 1.37: change one of them\n");
  EXPECT_THAT(warnings_of(with_version("calico", "3.31.2")),
              HasSubstr("c.yaml:12: versions.calico: Calico 3.31.2 is tested with Kubernetes 1.32 to 1.35"));
  EXPECT_THAT(warnings_of(with_version("metrics_server", "0.7.2")),
              HasSubstr("versions.metrics_server: metrics-server 0.7.2 is not among"));
  EXPECT_THAT(
      warnings_of(with_version("kubernetes", "1.34.3")),
      AllOf(HasSubstr("versions.kubernetes: 1.34.3: it gets no fixes any more"), HasSubstr("Calico")));
  EXPECT_THAT(warnings_of(with_version("kubernetes", "1.39.0")), HasSubstr("is newer than what kexp knows"));
}

TEST(ClusterCheckTest, KedaIsCheckedWhereItScales) {
  const std::string versions = "versions: {kubernetes: 1.37.1, kube_prometheus: 0.18.0}\n";
  EXPECT_THAT(warnings_of(shortest(versions)), Not(HasSubstr("KEDA")));
  EXPECT_THAT(warnings_of(shortest(versions + "scaler: {keda: {lag: 50}}\n")),
              HasSubstr("KEDA 2.21.1 is tested with Kubernetes 1.34 to 1.36"));
}

TEST(ClusterCheckTest, WhatCannotRunTogetherIsAnError) {
  EXPECT_THAT(errors_of(with_version("containerd", "1.7")),
              AllOf(StartsWith("c.yaml:12: versions.containerd: 1.7 is refused by Kubernetes 1.36"),
                    HasSubstr("take \"2.3\"")));
  EXPECT_THAT(warnings_of(with_version("containerd", "2.2")), HasSubstr("2.2 gets no fixes any more"));
  EXPECT_THAT(errors_of(with_version("kubernetes", "1.30.4")), HasSubstr("does not know v1beta4"));
  EXPECT_THAT(errors_of(with_version("kafka", "3.6.1")), HasSubstr("no image apache/kafka of 3.6.1"));
}

// -- monitoring and Kafka

TEST(ClusterCheckTest, KeplerReadsAtLeastAsOftenAsItIsScraped) {
  EXPECT_THAT(warnings_of(shortest("monitoring: {scrape_interval: 2s}\nkepler: {interval: 5s}\n")),
              StartsWith("c.yaml:12: kepler.interval: 5s is longer than monitoring.scrape_interval 2s"));
}

TEST(ClusterCheckTest, TopicsDiffer) {
  EXPECT_THAT(errors_of(shortest("kafka: {output: {name: yolo_input}}\n")),
              StartsWith("c.yaml:11: kafka.output.name: yolo_input is kafka.input.name, too"));
  EXPECT_THAT(errors_of(shortest("kafka: {output: {name: yolo.input}}\n")),
              HasSubstr("one name in Kafka's metrics"));
}

TEST(ClusterCheckTest, SeveralOutputPartitionsAreAWarning) {
  EXPECT_THAT(warnings_of(shortest("kafka: {output: {partitions: 4}}\n")),
              StartsWith("c.yaml:11: kafka.output.partitions: 4 keep no common order"));
}

TEST(ClusterCheckTest, JavaCountsTheHeapInMi) {
  EXPECT_THAT(errors_of(shortest("kafka: {heap: 1G}\n")),
              HasSubstr("is no whole number of Mi, as Java wants it: take 953Mi"));
}

TEST(ClusterCheckTest, NoTwoListenOnOnePortOfTheMaster) {
  EXPECT_THAT(errors_of(shortest("kafka:\n  port: 9308\n")),
              StartsWith("c.yaml:12: kafka.exporter_port: 9308 is taken on the master by kafka.port"));
  EXPECT_THAT(errors_of(shortest("kafka: {port: 6443}\n")),
              HasSubstr("6443 is taken on the master by the API server"));
  EXPECT_THAT(errors_of(shortest("access: {grafana_port: 9090, prometheus_port: 9090}\n")),
              HasSubstr("access.prometheus_port: 9090 is taken on the master by access.grafana_port"));
  EXPECT_THAT(warnings_of(shortest("access: {grafana_port: 0, prometheus_port: 0}\n")), IsEmpty());
}

// -- pods

TEST(ClusterCheckTest, AnImageIsPinned) {
  const auto image = [](const std::string& name) {
    return shortest("consumers: {image: \"" + name + "\"}\n");
  };
  EXPECT_THAT(
      errors_of(image("lab:5000/kexp")),
      AllOf(StartsWith("c.yaml:11: consumers.image: lab:5000/kexp has no tag"), HasSubstr("@sha256:")));
  EXPECT_THAT(errors_of(image("kexp:latest")), HasSubstr("kexp:latest moves with each push"));
  EXPECT_THAT(warnings_of(image("lab:5000/kexp:0.1.0")), IsEmpty());
  EXPECT_THAT(warnings_of(image("kexp:latest@sha256:" + std::string(64, 'a'))), IsEmpty())
      << "a digest decides";
}

TEST(ClusterCheckTest, TheNamespaceOfConsumersIsTheirOwn) {
  for (const char* name : {"kube-system", "kepler", "monitoring", "default"}) {
    EXPECT_THAT(errors_of(shortest("consumers: {namespace: " + std::string(name) + "}\n")),
                HasSubstr("consumers.namespace: " + std::string(name) + " belongs to somebody else"));
  }
}

TEST(ClusterCheckTest, RequestsAboveAWorkerFitNowhere) {
  EXPECT_THAT(
      errors_of(shortest("consumers:\n  requests: {cpu: 3}\n")),
      AllOf(StartsWith("c.yaml:12: consumers.requests.cpu: 3 fits on no worker: of 4 CPUs, 1 is kept"),
            HasSubstr("request 2500m or less")));
  EXPECT_THAT(errors_of(shortest("consumers: {requests: {memory: 16Gi}}\n")),
              AllOf(HasSubstr("consumers.requests.memory: 16Gi fits on no worker"),
                    HasSubstr("request 15Gi or less")));
  EXPECT_THAT(errors_of(reference_with("cpus: 4 ", "cpus: 3500m ")),
              HasSubstr("nodes.cpus: 3500m is no whole number"));
}

TEST(ClusterCheckTest, TheSystemKeepsACoreWithItsThreads) {
  EXPECT_THAT(errors_of(reference_with("smt: false", "smt: true") + "name: A\n"), Not(HasSubstr("cpu")));
  EXPECT_THAT(warnings_of(reference_with("smt: false", "smt: true")),
              HasSubstr("scaler.max_pods: 10 pods of 1 CPU and 1Gi do not fit: 5 workers with 1500m CPUs"));
  EXPECT_THAT(errors_of(reference_with("cpus: 4", "cpus: 1")),
              HasSubstr("of 1 CPUs, 0 is kept for the system"));
}

TEST(ClusterCheckTest, LimitsBelowRequestsAreAnError) {
  EXPECT_THAT(
      errors_of(shortest("consumers:\n  requests: {cpu: 2, memory: 2Gi}\n  limits: {cpu: 1, memory: 1Gi}\n")),
      AllOf(HasSubstr("c.yaml:13: consumers.limits.cpu: 1 is below consumers.requests.cpu 2"),
            HasSubstr("c.yaml:13: consumers.limits.memory: 1Gi is below consumers.requests.memory 2Gi")));
}

TEST(ClusterCheckTest, MorePodsThanFitStayPending) {
  EXPECT_THAT(warnings_of(shortest("scaler:\n  max_pods: 20\n  hpa: {cpu_percent: 80}\n")),
              AllOf(StartsWith("c.yaml:12: scaler.max_pods: 20 pods of 1 CPU and 1Gi do not fit: 5 workers"),
                    HasSubstr("take 10, the others stay Pending: lower it, request less, or add workers")));
  EXPECT_THAT(warnings_of(shortest("scaler: {pods: 11}\n")), HasSubstr("scaler.pods: 11 pods"));
}

TEST(ClusterCheckTest, PartOfACpuIsNotPinned) {
  EXPECT_THAT(warnings_of(shortest("consumers: {requests: {cpu: 1500m}}\nscaler: {pods: 1}\n")),
              AllOf(StartsWith("c.yaml:11: consumers.requests.cpu: 1500m is no whole number of CPUs"),
                    HasSubstr("take 2")));
  EXPECT_THAT(
      warnings_of(shortest("consumers: {requests: {cpu: 1500m}, limits: {cpu: 2}}\nscaler: {pods: 1}\n")),
      IsEmpty())
      << "not Guaranteed, so not pinned anyway";
}

// -- scaling

TEST(ClusterCheckTest, MorePodsThanPartitionsAreAnError) {
  EXPECT_THAT(
      errors_of(shortest("scaler:\n  max_pods: 40\n  hpa: {cpu_percent: 80}\n")),
      AllOf(StartsWith(
                "c.yaml:12: scaler.max_pods: 40 pods are more than the 34 partitions of yolo_input: 6 of"),
            HasSubstr("raise kafka.input.partitions")));
  EXPECT_THAT(errors_of(shortest("scaler: {pods: 35}\n")), HasSubstr("scaler.pods: 35 pods are more than"));
}

TEST(ClusterCheckTest, FewerAtMostThanAtLeastIsAnError) {
  EXPECT_THAT(errors_of(shortest("scaler: {min_pods: 8, max_pods: 4, hpa: {}}\n")),
              StartsWith("c.yaml:11: scaler.min_pods: 8 is more than scaler.max_pods 4"));
}

TEST(ClusterCheckTest, OnlyKedaStartsFromZero) {
  EXPECT_THAT(errors_of(shortest("scaler: {min_pods: 0, hpa: {}}\n")),
              HasSubstr("scaler.min_pods: 0 is not for the HPA"));
  EXPECT_THAT(warnings_of(shortest("scaler: {min_pods: 0, keda: {}}\n")), IsEmpty());
}

TEST(ClusterCheckTest, AWindowShorterThanTheHpasSyncDoesNothing) {
  EXPECT_THAT(warnings_of(shortest("scaler:\n  hpa: {}\n  up: {window: 10s}\n")),
              AllOf(StartsWith("c.yaml:13: scaler.up.window: 10s does nothing"), HasSubstr("15s")));
  EXPECT_THAT(warnings_of(shortest("scaler:\n  keda: {}\n  down: {window: 14s}\n")),
              HasSubstr("scaler.down.window: 14s does nothing"));
  EXPECT_THAT(warnings_of(shortest("scaler: {hpa: {}, up: {window: 15s}, down: {window: 0s}}\n")), IsEmpty());
}

TEST(ClusterCheckTest, APolicyShorterThanTheHpasSyncActsLikeIt) {
  EXPECT_THAT(
      warnings_of(shortest("scaler:\n  hpa: {}\n  up:\n    policies:\n      - {pods: 2, every: 5s}\n")),
      StartsWith("c.yaml:15: scaler.up.policies[0].every: 5s acts like 15s"));
}

TEST(ClusterCheckTest, ATargetThatPodsCannotExceedNeverAddsOne) {
  EXPECT_THAT(warnings_of(shortest("scaler: {hpa: {cpu_percent: 91}}\n")),
              AllOf(StartsWith("c.yaml:11: scaler.hpa.cpu_percent: 91 never adds a pod"),
                    HasSubstr("take 90 or less")));
  EXPECT_THAT(warnings_of(shortest("scaler: {hpa: {cpu_percent: 90}}\n")), IsEmpty());
  EXPECT_THAT(warnings_of(shortest("consumers: {limits: {cpu: 2}}\nscaler: {hpa: {cpu_percent: 150}}\n")),
              IsEmpty());
}

TEST(ClusterCheckTest, AScalerThatMayNotScaleUpIsAWarning) {
  EXPECT_THAT(warnings_of(shortest("scaler: {hpa: {}, up: {select: disabled}}\n")),
              HasSubstr("scaler.up.select: disabled keeps the number of pods from ever rising"));
}

// -- without a file

TEST(ClusterCheckTest, TheDefaultsOfTheStructsLackTheNodesAlone) {
  const std::vector<Problem> problems = check(ClusterFile{});
  ASSERT_THAT(problems, SizeIs(2));
  EXPECT_EQ(problems[0].field, "networks.lan");
  EXPECT_EQ(problems[1].field, "nodes.workers");
}

TEST(ClusterCheckTest, AProblemIsPrintedAsOneLine) {
  EXPECT_EQ(to_text({Problem::Severity::error, "name", "is odd", 3}, "f.yaml"), "f.yaml:3: name: is odd");
  EXPECT_EQ(to_text({Problem::Severity::warning, "", "is odd", 0}, "f.yaml"), "f.yaml: is odd");
}

}  // namespace
}  // namespace kexp::manifest
