#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "render/parts.hpp"
#include "render/reserved_cpus.hpp"
#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::reference_cluster;
using test::Rendered;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string settings(const ClusterFile& cluster) {
  return Rendered(render_nodes(cluster)).file("10-nodes/node.env").content;
}

TEST(NodesTest, ThereAreScriptsToRunAndFilesToRead) {
  std::vector<std::string> scripts;
  std::vector<std::string> plain;
  for (const RenderedFile& file : render_nodes(reference_cluster())) {
    (file.mode == RenderedFile::Mode::script ? scripts : plain).push_back(file.path);
  }

  EXPECT_THAT(scripts, ElementsAre("10-nodes/prepare-node.sh", "10-nodes/preflight.sh",
                                   "10-nodes/cpu-control.sh", "10-nodes/undo-node.sh"));
  EXPECT_THAT(plain,
              ElementsAre("10-nodes/node.env", "10-nodes/node-lib.sh", "10-nodes/containerd-config.toml"));
}

TEST(NodesTest, AClusterThatIsThereHasNone) {
  ClusterFile cluster = reference_cluster();
  cluster.existing = "lab";

  EXPECT_THAT(render_nodes(cluster), IsEmpty());
}

TEST(NodesTest, SettingsNameEveryNodeWithItsAddressAndRole) {
  EXPECT_THAT(settings(reference_cluster()),
              HasSubstr("NODES='\nmaster 192.168.1.152 infra\nworker1 192.168.1.161 worker\nworker2 "));
}

TEST(NodesTest, SettingsOfTheCpuAreTheClusterFiles) {
  ClusterFile cluster = reference_cluster();
  cluster.nodes.cpu_control = {"keep", true, true};

  EXPECT_THAT(settings(cluster), HasSubstr("CPU_GOVERNOR=keep\nCPU_TURBO=on\nCPU_SMT=on\n"));
}

TEST(NodesTest, KafkaAndPrometheusElsewhereNeedNothingOnTheMaster) {
  ClusterFile cluster = reference_cluster();
  EXPECT_THAT(settings(cluster), HasSubstr("KAFKA_PORTS='10001 11001 9308'\n"));

  cluster.kafka.servers = "kafka:9092";
  cluster.monitoring.prometheus = "http://prometheus:9090";

  EXPECT_THAT(settings(cluster), HasSubstr("KAFKA_PORTS=''\nSTORAGE_PATH=''\n"));
}

TEST(NodesTest, EveryVariableThatAScriptReadsIsSet) {
  const std::string env = settings(reference_cluster());
  for (const char* name : {"CLUSTER", "NODES", "POD_NETWORK", "SERVICE_NETWORK", "KUBERNETES_VERSION",
                           "CONTAINERD_VERSION", "CPU_GOVERNOR", "CPU_TURBO", "CPU_SMT", "WORKER_CPUS",
                           "WORKER_MEMORY", "RESERVED_CPUS", "KAFKA_PORTS", "STORAGE_PATH"}) {
    EXPECT_THAT(env, HasSubstr(std::string("\n") + name + "=")) << name;
  }
}

Nodes with(int cpus, bool smt) {
  Nodes nodes;
  nodes.cpus.milli = cpus * 1000;
  nodes.cpu_control.smt = smt;
  return nodes;
}

TEST(ReservedCpusTest, TheFirstCoreIsTheSystems) {
  EXPECT_EQ(reserved_cpus(with(4, false)), "0");
  EXPECT_EQ(reserved_cpus(with(8, true)), "0,4");
}

TEST(ReservedCpusTest, AnOnlyCoreIsNotSetApart) {
  EXPECT_EQ(reserved_cpus(with(1, false)), "");
  EXPECT_EQ(reserved_cpus(with(2, true)), "");
}

}  // namespace
}  // namespace kexp::manifest
