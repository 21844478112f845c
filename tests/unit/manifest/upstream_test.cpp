#include "render/upstream.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"

#include "render/parts.hpp"
#include "rendered.hpp"
#include "support/temp_dir.hpp"

namespace kexp::manifest {
namespace {

using test::reference_cluster;
using test::Rendered;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

const std::string kHash(64, 'a');

std::vector<std::string> names(const ClusterFile& cluster) {
  std::vector<std::string> result;
  for (const Bundle& bundle : bundles(cluster)) {
    result.push_back(bundle.name);
  }
  return result;
}

std::string lock(const ClusterFile& cluster) {
  return Rendered(render_upstream(cluster)).file(kUpstreamLock).content;
}

TEST(UpstreamTest, OnlyWhatTheClusterNeedsIsNamed) {
  ClusterFile cluster = reference_cluster();
  EXPECT_THAT(names(cluster), ElementsAre("calico", "kube-prometheus", "metrics-server", "jmx-exporter"));

  cluster.scaler.kind = Scaler::Kind::keda;
  cluster.kafka.servers = "kafka:9092";
  EXPECT_THAT(names(cluster), ElementsAre("calico", "kube-prometheus", "metrics-server", "keda"));

  cluster.existing = "lab";
  EXPECT_THAT(names(cluster), ElementsAre("kube-prometheus", "keda"));

  cluster.monitoring.prometheus = "http://prometheus:9090";
  EXPECT_THAT(names(cluster), ElementsAre("keda"));
}

TEST(UpstreamTest, AFolderWithoutBundlesHasNothingToFetch) {
  ClusterFile cluster = reference_cluster();
  cluster.existing = "lab";
  cluster.monitoring.prometheus = "http://prometheus:9090";
  cluster.kafka.servers = "kafka:9092";

  EXPECT_THAT(render_upstream(cluster), ElementsAre(Field(&RenderedFile::path, kUpstreamLock)));
}

TEST(UpstreamTest, UrlsFollowTheVersions) {
  ClusterFile cluster = reference_cluster();
  cluster.versions.calico = "3.32.3";
  cluster.versions.kube_prometheus = "0.17.0";

  EXPECT_THAT(lock(cluster), AllOf(HasSubstr("/projectcalico/calico/v3.32.3/manifests/calico.yaml"),
                                   HasSubstr("/kube-prometheus/archive/refs/tags/v0.17.0.tar.gz")));
}

TEST(UpstreamTest, AHashThatIsKnownStandsThereAndNoOtherDoes) {
  ClusterFile cluster = reference_cluster();
  EXPECT_THAT(lock(cluster),
              AllOf(HasSubstr("7d61f737fd661610ccc14aea79764faa1ea94a340cbc8f0029b3d2edea3d80c1"),
                    HasSubstr("sha256: unresolved")));

  cluster.versions.jmx_exporter = "1.6.0";
  EXPECT_THAT(lock(cluster), Not(HasSubstr("7d61f737")));
}

TEST(UpstreamTest, TheAdapterIsLeftOutAndGrafanaWhereItIsNotWanted) {
  ClusterFile cluster = reference_cluster();
  EXPECT_THAT(lock(cluster), AllOf(HasSubstr("prometheusAdapter-*"), Not(HasSubstr("grafana-*"))));

  cluster.monitoring.grafana = false;
  EXPECT_THAT(lock(cluster), HasSubstr("grafana-*"));
}

TEST(UpstreamTest, ImagesAreNamedWithTheirTags) {
  EXPECT_THAT(lock(reference_cluster()),
              AllOf(HasSubstr("kepler:v0.13.0"), HasSubstr("apache/kafka:4.3.1"),
                    HasSubstr("localhost/kexp-consumer:0.1.0"), Not(HasSubstr(":latest"))));
}

std::string entry(const std::string& url, const std::string& hash) {
  return "bundles:\n  - name: x\n    url: " + url + "\n    sha256: " + hash + "\n    file: x.yaml\n";
}

TEST(KeepResolvedTest, AHashThatWasReadIsKept) {
  EXPECT_EQ(keep_resolved(entry("https://a/1", "unresolved"), entry("https://a/1", kHash)),
            entry("https://a/1", kHash));
}

TEST(KeepResolvedTest, AHashOfAnotherVersionIsNot) {
  EXPECT_EQ(keep_resolved(entry("https://a/2", "unresolved"), entry("https://a/1", kHash)),
            entry("https://a/2", "unresolved"));
}

TEST(KeepResolvedTest, OursWinsOverAnEditedOne) {
  const std::string ours(64, 'b');
  EXPECT_EQ(keep_resolved(entry("https://a/1", ours), entry("https://a/1", kHash)),
            entry("https://a/1", ours));
}

TEST(KeepResolvedTest, WhatIsNoHashIsNotKept) {
  EXPECT_EQ(keep_resolved(entry("https://a/1", "unresolved"), entry("https://a/1", "sixty-four")),
            entry("https://a/1", "unresolved"));
}

TEST(KeepResolvedTest, RenderingAgainKeepsWhatFetchHasWritten) {
  const test::TempDir dir;
  const ClusterFile cluster = reference_cluster();
  (void)write_folder(cluster, dir / "out");
  std::string text = read_file(dir / "out/upstream.lock");
  const std::string open = "sha256: unresolved";
  text.replace(text.find(open), open.size(), "sha256: " + kHash);
  write_file_atomically(dir / "out/upstream.lock", text);

  const WrittenFolder again = write_folder(cluster, dir / "out");

  EXPECT_EQ(again.written, 0U);
  EXPECT_EQ(read_file(dir / "out/upstream.lock"), text);
}

}  // namespace
}  // namespace kexp::manifest
