#include <set>
#include <string>
#include <string_view>

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
using testing::Not;

std::string readme(const ClusterFile& cluster) { return Rendered(render(cluster)).file("README.md").content; }

/// Nothing but consumers and their scaling is ours there.
ClusterFile guest() {
  ClusterFile cluster = test::existing_cluster();
  cluster.monitoring.prometheus = "http://prometheus:9090";
  cluster.kepler.enabled = false;
  return cluster;
}

/// Every path of the page that begins with one of the folder's numbers, "20-kubeadm/init.sh".
std::set<std::string> paths_in(const std::string& text) {
  constexpr std::string_view kInPath = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
  std::set<std::string> found;
  for (std::size_t dash = text.find("0-"); dash != std::string::npos; dash = text.find("0-", dash + 1)) {
    const std::size_t begin = text.find_last_not_of("0123456789", dash) + 1;
    std::string path = text.substr(begin, text.find_first_not_of(kInPath, dash) - begin);
    path.erase(path.find_last_not_of("./-") + 1);
    found.insert(path);
  }
  return found;
}

/// Files and folders of a rendering, and the folder that a script of it makes.
std::set<std::string> paths_of(const ClusterFile& cluster) {
  std::set<std::string> paths = {"20-kubeadm/join", "20-kubeadm/join/join"};
  for (const RenderedFile& file : render(cluster)) {
    paths.insert(file.path);
    for (std::size_t slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      paths.insert(file.path.substr(0, slash));
    }
  }
  return paths;
}

void expect_only_what_is_there(const ClusterFile& cluster) {
  const std::set<std::string> there = paths_of(cluster);
  for (const std::string& path : paths_in(readme(cluster))) {
    EXPECT_TRUE(there.contains(path)) << path;
  }
}

TEST(ReadmeTest, NamesOnlyWhatIsThere) {
  ClusterFile cluster = reference_cluster();
  EXPECT_GE(paths_in(readme(cluster)).size(), 20U);
  expect_only_what_is_there(cluster);

  cluster.scaler.kind = Scaler::Kind::keda;
  expect_only_what_is_there(cluster);
  cluster.scaler.kind = Scaler::Kind::none;
  cluster.kepler.enabled = false;
  expect_only_what_is_there(cluster);

  expect_only_what_is_there(test::existing_cluster());
  expect_only_what_is_there(guest());
}

TEST(ReadmeTest, EveryFolderOfARenderingIsExplained) {
  const ClusterFile cluster = reference_cluster();
  const std::string page = readme(cluster);
  for (const RenderedFile& file : render(cluster)) {
    if (const std::size_t slash = file.path.find('/'); slash != std::string::npos) {
      EXPECT_THAT(page, HasSubstr("\n### " + file.path.substr(0, slash) + "\n")) << file.path;
    }
  }
}

TEST(ReadmeTest, CommandsHaveTheNodesAndTheUserOfTheFile) {
  ClusterFile cluster = reference_cluster();
  cluster.nodes.ssh_user = "lab";

  EXPECT_THAT(readme(cluster), AllOf(HasSubstr("ssh -A -t lab@192.168.1.152\n"),
                                     HasSubstr("for worker in worker1=192.168.1.161 worker2="),
                                     HasSubstr("| worker5 | 192.168.1.165 |"), Not(HasSubstr("kexp@"))));
}

TEST(ReadmeTest, PatchesFollowTheirBundle) {
  const std::string page = readme(reference_cluster());
  EXPECT_LT(page.find("-f upstream/calico.yaml"), page.find("-f 30-network/patch-calico-node.yaml"));
  EXPECT_LT(page.find("-f upstream/kube-prometheus\n"), page.find("-f 40-monitoring\n"));
  EXPECT_LT(page.find("-f upstream/metrics-server.yaml"), page.find("-f 50-metrics-server\n"));
}

// `rollout status` of a StatefulSet that is not there is an error at once, and the operator that makes it has
// to be pulled and started first.
TEST(ReadmeTest, WaitsForWhatTheOperatorMakes) {
  const std::string page = readme(reference_cluster());
  const std::size_t made =
      page.find("wait -n monitoring --for create --timeout 300s statefulset/prometheus-k8s");
  ASSERT_NE(made, std::string::npos);
  EXPECT_LT(made, page.find("rollout status -n monitoring --timeout 600s statefulset/prometheus-k8s"));
}

TEST(ReadmeTest, AGuestTouchesNoNode) {
  EXPECT_THAT(readme(guest()), AllOf(HasSubstr("kubectl config use-context lab"), Not(HasSubstr("ssh")),
                                     Not(HasSubstr("sudo")), Not(HasSubstr("upstream/"))));
}

TEST(ReadmeTest, TheNameOfAContextIsQuoted) {
  ClusterFile cluster = guest();
  cluster.existing = "my lab";

  EXPECT_THAT(readme(cluster), HasSubstr("use-context 'my lab'`"));
}

TEST(ReadmeTest, UndoingAScaledObjectComesBeforeKeda) {
  ClusterFile cluster = guest();
  cluster.scaler.kind = Scaler::Kind::keda;
  const std::string page = readme(cluster);

  EXPECT_LT(page.find("delete --ignore-not-found -f 90-scaling/10-scaled-object.yaml"),
            page.find("delete --ignore-not-found -f upstream/keda.yaml"));
}

TEST(ReadmeTest, PublishedPortsAreAddressesAndOthersAreForwarded) {
  ClusterFile cluster = reference_cluster();
  cluster.access.grafana_port = 30300;

  EXPECT_THAT(readme(cluster), AllOf(HasSubstr("http://192.168.1.152:30300, from 192.168.1.0/24 alone"),
                                     HasSubstr("port-forward -n monitoring service/prometheus-k8s 9090")));
}

TEST(ReadmeTest, SecretsAndDownloadsAreNotForGit) {
  const std::string ignored = Rendered(render(reference_cluster())).file(".gitignore").content;

  EXPECT_EQ(ignored, "/secrets/\n/upstream/\n/20-kubeadm/join/\n");
}

}  // namespace
}  // namespace kexp::manifest
