#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "names.hpp"
#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::existing_cluster;
using test::reference_cluster;
using test::Rendered;
using test::strings;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Scaler::Kind;

class ScalingTest : public testing::Test {
 protected:
  Rendered rendered() const { return Rendered(render_scaling(cluster_)); }
  YAML::Node hpa() const { return rendered().object("HorizontalPodAutoscaler")["spec"]; }
  YAML::Node scaled_object() const { return rendered().object("ScaledObject")["spec"]; }
  YAML::Node trigger() const { return scaled_object()["triggers"][0]; }

  ClusterFile cluster_ = reference_cluster();
};

TEST_F(ScalingTest, RendersOneScalerOrNone) {
  cluster_.scaler.kind = Kind::none;
  EXPECT_THAT(rendered().paths(), IsEmpty());

  cluster_.scaler.kind = Kind::hpa;
  EXPECT_EQ(rendered().objects("HorizontalPodAutoscaler").size(), 1U);
  EXPECT_THAT(rendered().objects("ScaledObject"), IsEmpty());

  cluster_.scaler.kind = Kind::keda;
  EXPECT_EQ(rendered().objects("ScaledObject").size(), 1U);
  EXPECT_THAT(rendered().objects("HorizontalPodAutoscaler"), IsEmpty());
}

TEST_F(ScalingTest, ScalesTheConsumers) {
  cluster_.consumers.name = "detector";
  const std::map<std::string, std::string> deployment = {
      {"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "detector"}};

  EXPECT_EQ(strings(hpa()["scaleTargetRef"]), deployment);
  cluster_.scaler.kind = Kind::keda;
  EXPECT_EQ(strings(scaled_object()["scaleTargetRef"]), deployment);
  EXPECT_EQ(rendered().object("ScaledObject")["metadata"]["namespace"].as<std::string>(), "workload");
}

TEST_F(ScalingTest, ScalesOnCpuBetweenTheBoundsOfTheFile) {
  cluster_.scaler.min_pods = 2;
  cluster_.scaler.max_pods = 12;
  cluster_.scaler.cpu_percent = 70;

  EXPECT_EQ(hpa()["minReplicas"].as<int>(), 2);
  EXPECT_EQ(hpa()["maxReplicas"].as<int>(), 12);
  const YAML::Node metric = hpa()["metrics"][0];
  EXPECT_EQ(metric["type"].as<std::string>(), "Resource");
  EXPECT_EQ(metric["resource"]["name"].as<std::string>(), "cpu");
  EXPECT_EQ(metric["resource"]["target"]["averageUtilization"].as<int>(), 70);
}

TEST_F(ScalingTest, WritesWindowsPoliciesAndTheirChoice) {
  cluster_.scaler.up = {Seconds{30}, {{2, 0, Seconds{30}}, {0, 50, Seconds{60}}}, "min"};
  cluster_.scaler.down = {Seconds{0}, {}, "disabled"};

  for (const Kind kind : {Kind::hpa, Kind::keda}) {
    cluster_.scaler.kind = kind;
    const YAML::Node behavior =
        kind == Kind::hpa ? hpa()["behavior"]
                          : scaled_object()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
    const YAML::Node up = behavior["scaleUp"];
    EXPECT_EQ(up["stabilizationWindowSeconds"].as<int>(), 30);
    EXPECT_EQ(up["selectPolicy"].as<std::string>(), "Min");
    EXPECT_EQ(strings(up["policies"][0]), (std::map<std::string, std::string>{
                                              {"type", "Pods"}, {"value", "2"}, {"periodSeconds", "30"}}));
    EXPECT_EQ(
        strings(up["policies"][1]),
        (std::map<std::string, std::string>{{"type", "Percent"}, {"value", "50"}, {"periodSeconds", "60"}}));
    EXPECT_EQ(behavior["scaleDown"]["selectPolicy"].as<std::string>(), "Disabled");
    EXPECT_FALSE(behavior["scaleDown"]["policies"]) << "an empty list is refused, none means the defaults";
  }
}

/// A window of 10 s looks like a setting and is none.
TEST_F(ScalingTest, SaysSoWhereAWindowDoesNothing) {
  const auto text = [&] { return rendered().file("90-scaling/10-hpa.yaml").content; };
  cluster_.scaler.up.window = Seconds{10};
  EXPECT_THAT(text(), HasSubstr("# Does nothing: the HPA looks every 15s"));

  cluster_.scaler.up.window = Seconds{15};
  EXPECT_THAT(text(), testing::Not(HasSubstr("Does nothing")));
}

TEST_F(ScalingTest, ScalesOnTheLagOfTheConsumersGroup) {
  cluster_.scaler.kind = Kind::keda;
  cluster_.scaler.lag = 25;
  cluster_.scaler.min_pods = 2;
  cluster_.scaler.max_pods = 20;
  cluster_.consumers.group = "lab";

  EXPECT_EQ(scaled_object()["minReplicaCount"].as<int>(), 2);
  EXPECT_EQ(scaled_object()["maxReplicaCount"].as<int>(), 20);
  EXPECT_EQ(scaled_object()["pollingInterval"].as<int>(), 5);
  EXPECT_FALSE(scaled_object()["cooldownPeriod"]);
  EXPECT_EQ(trigger()["type"].as<std::string>(), "kafka");
  EXPECT_EQ(strings(trigger()["metadata"]),
            (std::map<std::string, std::string>{{"bootstrapServers", "192.168.1.152:10001"},
                                                {"consumerGroup", "lab"},
                                                {"topic", "yolo_input"},
                                                {"lagThreshold", "25"},
                                                {"activationLagThreshold", "0"},
                                                {"offsetResetPolicy", "earliest"},
                                                {"allowIdleConsumers", "false"},
                                                {"version", "3.8.0"}}));
}

/// KEDA's schema refuses an integer in a trigger's metadata.
TEST_F(ScalingTest, QuotesTheMetadataOfATrigger) {
  cluster_.scaler.kind = Kind::keda;

  for (const char* name : {"lagThreshold", "activationLagThreshold", "allowIdleConsumers"}) {
    EXPECT_EQ(trigger()["metadata"][name].Tag(), "!") << name;
  }
}

TEST_F(ScalingTest, SaysWhenTheLastPodGoes) {
  cluster_.scaler.kind = Kind::keda;
  cluster_.scaler.min_pods = 0;
  cluster_.scaler.down.window = Seconds{90};

  EXPECT_EQ(scaled_object()["cooldownPeriod"].as<int>(), 90);
}

TEST_F(ScalingTest, KeepsKedaOnTheMaster) {
  cluster_.scaler.kind = Kind::keda;
  std::vector<std::string> names;
  for (const YAML::Node& patch : rendered().documents("90-scaling/patch-keda.yaml")) {
    names.push_back(patch["metadata"]["name"].as<std::string>());
    EXPECT_EQ(patch["metadata"]["namespace"].as<std::string>(), "keda");
    EXPECT_EQ(patch["spec"]["selector"]["matchLabels"]["app"].as<std::string>(),
              patch["spec"]["template"]["metadata"]["labels"]["app"].as<std::string>());
    const YAML::Node pod = patch["spec"]["template"]["spec"];
    EXPECT_EQ(pod["nodeSelector"][names::kRoleLabel].as<std::string>(), "infra");
    EXPECT_EQ(pod["tolerations"][0]["key"].as<std::string>(), "node-role.kubernetes.io/control-plane");
  }
  EXPECT_THAT(names, ElementsAre("keda-operator", "keda-metrics-apiserver", "keda-admission"));

  cluster_ = existing_cluster();
  cluster_.scaler.kind = Kind::keda;
  EXPECT_THAT(rendered().paths(), ElementsAre("90-scaling/10-scaled-object.yaml"));
}

}  // namespace
}  // namespace kexp::manifest
