#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "render/parts.hpp"
#include "unit/manifest/files.hpp"

namespace kexp::manifest {
namespace {

using test::cluster_of_two_nodes;
using test::content_of;
using test::paths_of;
using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string rendered(const ClusterFile& cluster, const std::string& name) {
  return content_of(render_kubeadm(cluster), "20-kubeadm/" + name);
}

std::string init(const ClusterFile& cluster = cluster_of_two_nodes()) {
  return rendered(cluster, "init.yaml");
}

TEST(KubeadmTest, AClusterThatIsThereNeedsNoKubeadm) {
  ClusterFile cluster = cluster_of_two_nodes();
  cluster.existing = "lab";

  EXPECT_THAT(render_kubeadm(cluster), IsEmpty());
  EXPECT_THAT(render_network(cluster), IsEmpty());
}

TEST(KubeadmTest, NoTokenStandsInTheInitFile) { EXPECT_THAT(init(), Not(HasSubstr("token:"))); }

TEST(KubeadmTest, ArgumentsAreListsOfTheCurrentApi) {
  EXPECT_THAT(init(), AllOf(HasSubstr("apiVersion: kubeadm.k8s.io/v1beta4"), Not(HasSubstr("v1beta3")),
                            HasSubstr("    - {name: bind-address, value: 0.0.0.0}")));
}

TEST(KubeadmTest, NetworksAreTheClusterFiles) {
  ClusterFile cluster = cluster_of_two_nodes();
  cluster.networks.pods = "10.50.0.0/16";
  cluster.networks.services = "10.60.0.0/16";

  EXPECT_THAT(init(cluster),
              AllOf(HasSubstr("podSubnet: 10.50.0.0/16"), HasSubstr("serviceSubnet: 10.60.0.0/16"),
                    HasSubstr("controlPlaneEndpoint: \"192.168.1.152:6443\"")));
}

TEST(KubeadmTest, AKubeletLabelsItselfWithOurDomainOnly) {
  EXPECT_THAT(init(), HasSubstr("{name: node-labels, value: kexp.dev/role=infra}"));
  EXPECT_THAT(rendered(cluster_of_two_nodes(), "join-worker1.yaml"),
              HasSubstr("{name: node-labels, value: kexp.dev/role=worker}"));
}

TEST(KubeadmTest, ReservedCpusAreStringsAndFollowHyperThreading) {
  EXPECT_THAT(init(), AllOf(HasSubstr("cpuManagerPolicy: static"), HasSubstr("reservedSystemCPUs: \"0\""),
                            Not(HasSubstr("full-pcpus-only"))));

  ClusterFile threads = cluster_of_two_nodes();
  threads.nodes.cpus.milli = 8000;
  threads.nodes.cpu_control.smt = true;

  EXPECT_THAT(init(threads),
              AllOf(HasSubstr("reservedSystemCPUs: \"0,4\""), HasSubstr("full-pcpus-only: \"true\"")));
}

TEST(KubeadmTest, ANodeWithOneCoreHasNoCpuManager) {
  ClusterFile cluster = cluster_of_two_nodes();
  cluster.nodes.cpus.milli = 1000;

  EXPECT_THAT(init(cluster), Not(AnyOf(HasSubstr("cpuManagerPolicy"), HasSubstr("reservedSystemCPUs"))));
}

TEST(KubeadmTest, PlaceholdersOfAJoinFileAreWhatTheScriptsLookFor) {
  const std::string join = rendered(cluster_of_two_nodes(), "join-worker1.yaml");
  const std::string env = rendered(cluster_of_two_nodes(), "kubeadm.env");

  const std::string hash = "sha256:" + std::string(64, '0');
  EXPECT_THAT(join, AllOf(HasSubstr("token: placeh.olderplaceholder\n"), HasSubstr("- " + hash + "\n"),
                          HasSubstr("apiServerEndpoint: \"192.168.1.152:6443\"")));
  EXPECT_THAT(env, AllOf(HasSubstr("PLACEHOLDER_TOKEN=placeh.olderplaceholder\n"),
                         HasSubstr("PLACEHOLDER_HASH=" + hash + "\n")));
}

TEST(KubeadmTest, EveryWorkerHasAJoinFile) {
  ClusterFile cluster = cluster_of_two_nodes();
  cluster.nodes.workers.push_back({"worker2", "192.168.1.162", {}});

  EXPECT_THAT(paths_of(render_kubeadm(cluster)), Contains("20-kubeadm/join-worker2.yaml"));
  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("WORKERS='worker1 worker2'\n"));
}

TEST(KubeadmTest, LabelsOfTheFileAreLeftToKubectl) {
  ClusterFile cluster = cluster_of_two_nodes();
  cluster.nodes.workers.front().labels = {{"kexp.dev/accel", "igpu"}};

  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("NODE_LABELS='\nworker1 kexp.dev/accel=igpu\n'\n"));
  EXPECT_THAT(rendered(cluster, "join-worker1.yaml"), Not(HasSubstr("accel")));
}

TEST(KubeadmTest, NamespacesOfWhatIsNotRenderedAreNotReset) {
  ClusterFile cluster = cluster_of_two_nodes();
  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("NAMESPACES='workload kepler monitoring'\n"));

  cluster.scaler.kind = Scaler::Kind::keda;
  cluster.kepler.enabled = false;

  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("NAMESPACES='workload keda monitoring'\n"));
}

TEST(NetworkTest, ThePatchHoldsOurVariablesAndWhatTheApiAsksFor) {
  const std::string patch =
      content_of(render_network(cluster_of_two_nodes()), "30-network/patch-calico-node.yaml");

  EXPECT_THAT(patch, AllOf(HasSubstr("k8s-app: calico-node"), HasSubstr("- name: calico-node"),
                           HasSubstr("value: CrossSubnet"), HasSubstr("value: 10.244.0.0/16"),
                           Not(HasSubstr("image:")), Not(HasSubstr("app.kubernetes.io"))));
}

}  // namespace
}  // namespace kexp::manifest
