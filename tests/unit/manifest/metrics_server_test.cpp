#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "names.hpp"
#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::Rendered;
using test::strings;
using testing::Contains;

TEST(MetricsServerTest, MeasuresEvery15SecondsAndNotLessOften) {
  // Below 12 s it exits at once (resolution * 0.9 must reach the 10 s of its requests), above 15 s the
  // autoscaler sees old figures.
  const Rendered files{render_metrics_server(test::reference_cluster())};
  const YAML::Node container = files.object("Deployment")["spec"]["template"]["spec"]["containers"][0];

  EXPECT_THAT(container["args"].as<std::vector<std::string>>(), Contains("--metric-resolution=15s"));
  EXPECT_THAT(container["args"].as<std::vector<std::string>>(), Contains("--kubelet-insecure-tls"));
  EXPECT_EQ(container["name"].as<std::string>(), "metrics-server");
}

TEST(MetricsServerTest, IsOnTheMaster) {
  const Rendered files{render_metrics_server(test::reference_cluster())};
  const YAML::Node deployment = files.object("Deployment");
  const YAML::Node pod = deployment["spec"]["template"]["spec"];

  EXPECT_EQ(pod["nodeSelector"][names::kRoleLabel].as<std::string>(), "infra");
  EXPECT_EQ(pod["tolerations"][0]["effect"].as<std::string>(), "NoSchedule");
  EXPECT_EQ(strings(deployment["spec"]["selector"]["matchLabels"]),
            (std::map<std::string, std::string>{{"k8s-app", "metrics-server"}}));
}

TEST(MetricsServerTest, IsNotTouchedInAClusterThatIsThere) {
  EXPECT_THAT(render_metrics_server(test::existing_cluster()), testing::IsEmpty());
}

}  // namespace
}  // namespace kexp::manifest
