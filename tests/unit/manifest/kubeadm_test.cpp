#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "render/parts.hpp"
#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::reference_cluster;
using test::Rendered;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

std::string rendered(const ClusterFile& cluster, const std::string& name) {
  return Rendered(render_kubeadm(cluster)).file("20-kubeadm/" + name).content;
}

std::string init(const ClusterFile& cluster = reference_cluster()) { return rendered(cluster, "init.yaml"); }

TEST(KubeadmTest, AClusterThatIsThereNeedsNoKubeadm) {
  ClusterFile cluster = reference_cluster();
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
  ClusterFile cluster = reference_cluster();
  cluster.networks.pods = "10.50.0.0/16";
  cluster.networks.services = "10.60.0.0/16";

  EXPECT_THAT(init(cluster),
              AllOf(HasSubstr("podSubnet: 10.50.0.0/16"), HasSubstr("serviceSubnet: 10.60.0.0/16"),
                    HasSubstr("controlPlaneEndpoint: \"192.168.1.152:6443\"")));
}

TEST(KubeadmTest, AKubeletLabelsItselfWithOurDomainOnly) {
  EXPECT_THAT(init(), HasSubstr("{name: node-labels, value: kexp.dev/role=infra}"));
  EXPECT_THAT(rendered(reference_cluster(), "join-worker1.yaml"),
              HasSubstr("{name: node-labels, value: kexp.dev/role=worker}"));
}

TEST(KubeadmTest, ReservedCpusAreStringsAndFollowHyperThreading) {
  EXPECT_THAT(init(), AllOf(HasSubstr("cpuManagerPolicy: static"), HasSubstr("reservedSystemCPUs: \"0\""),
                            Not(HasSubstr("full-pcpus-only"))));

  ClusterFile threads = reference_cluster();
  threads.nodes.cpus.milli = 8000;
  threads.nodes.cpu_control.smt = true;

  EXPECT_THAT(init(threads),
              AllOf(HasSubstr("reservedSystemCPUs: \"0,4\""), HasSubstr("full-pcpus-only: \"true\"")));
}

TEST(KubeadmTest, ANodeWithOneCoreHasNoCpuManager) {
  ClusterFile cluster = reference_cluster();
  cluster.nodes.cpus.milli = 1000;

  EXPECT_THAT(init(cluster), Not(AnyOf(HasSubstr("cpuManagerPolicy"), HasSubstr("reservedSystemCPUs"))));
}

TEST(KubeadmTest, PlaceholdersOfAJoinFileAreWhatTheScriptsLookFor) {
  const std::string join = rendered(reference_cluster(), "join-worker1.yaml");
  const std::string env = rendered(reference_cluster(), "kubeadm.env");

  const std::string hash = "sha256:" + std::string(64, '0');
  EXPECT_THAT(join, AllOf(HasSubstr("token: placeh.olderplaceholder\n"), HasSubstr("- " + hash + "\n"),
                          HasSubstr("apiServerEndpoint: \"192.168.1.152:6443\"")));
  EXPECT_THAT(env, AllOf(HasSubstr("PLACEHOLDER_TOKEN=placeh.olderplaceholder\n"),
                         HasSubstr("PLACEHOLDER_HASH=" + hash + "\n")));
}

TEST(KubeadmTest, EveryWorkerHasAJoinFile) {
  const ClusterFile cluster = reference_cluster();

  EXPECT_THAT(Rendered(render_kubeadm(cluster)).paths(),
              IsSupersetOf({"20-kubeadm/join-worker1.yaml", "20-kubeadm/join-worker5.yaml"}));
  EXPECT_THAT(rendered(cluster, "kubeadm.env"),
              HasSubstr("WORKERS='worker1 worker2 worker3 worker4 worker5'\n"));
}

TEST(KubeadmTest, LabelsOfTheFileAreLeftToKubectl) {
  ClusterFile cluster = reference_cluster();
  cluster.nodes.workers.front().labels = {{"kexp.dev/accel", "igpu"}};

  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("NODE_LABELS='\nworker1 kexp.dev/accel=igpu\n'\n"));
  EXPECT_THAT(rendered(cluster, "join-worker1.yaml"), Not(HasSubstr("accel")));
}

TEST(KubeadmTest, NamespacesOfWhatIsNotRenderedAreNotReset) {
  ClusterFile cluster = reference_cluster();
  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("NAMESPACES='workload kepler monitoring'\n"));

  cluster.scaler.kind = Scaler::Kind::keda;
  cluster.kepler.enabled = false;

  EXPECT_THAT(rendered(cluster, "kubeadm.env"), HasSubstr("NAMESPACES='workload keda monitoring'\n"));
}

TEST(NetworkTest, ThePatchHoldsOurVariablesAndWhatTheApiAsksFor) {
  const std::string patch =
      Rendered(render_network(reference_cluster())).file("30-network/patch-calico-node.yaml").content;

  EXPECT_THAT(patch, AllOf(HasSubstr("k8s-app: calico-node"), HasSubstr("- name: calico-node"),
                           HasSubstr("value: CrossSubnet"), HasSubstr("value: 10.244.0.0/16"),
                           Not(HasSubstr("image:")), Not(HasSubstr("app.kubernetes.io"))));
}

}  // namespace
}  // namespace kexp::manifest
