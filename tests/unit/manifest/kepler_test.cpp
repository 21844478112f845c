#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/process.hpp"

#include "names.hpp"
#include "rendered.hpp"
#include "support/temp_dir.hpp"

namespace kexp::manifest {
namespace {

using test::reference_cluster;
using test::Rendered;
using test::strings;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class KeplerTest : public testing::Test {
 protected:
  Rendered rendered() const { return Rendered(render_kepler(cluster_)); }
  YAML::Node pod() const { return rendered().object("DaemonSet")["spec"]["template"]; }
  YAML::Node container() const { return pod()["spec"]["containers"][0]; }
  YAML::Node settings() const {
    return YAML::Load(rendered().object("ConfigMap")["data"]["config.yaml"].as<std::string>());
  }

  ClusterFile cluster_ = reference_cluster();
};

TEST_F(KeplerTest, IsNotRenderedWhereItIsOff) {
  cluster_.kepler.enabled = false;

  EXPECT_THAT(rendered().paths(), IsEmpty());
}

// ---- What it measures

TEST_F(KeplerTest, ReadsRaplOrFails) {
  EXPECT_THAT(settings()["cpu"]["preferredMeters"].as<std::vector<std::string>>(), ElementsAre("rapl"));
  EXPECT_FALSE(settings()["dev"]) << "no fake meter";
}

TEST_F(KeplerTest, ReportsNodesContainersAndPods) {
  const YAML::Node exporter = settings()["exporter"]["prometheus"];

  EXPECT_THAT(exporter["metricsLevel"].as<std::vector<std::string>>(),
              ElementsAre("node", "container", "pod"));
}

TEST_F(KeplerTest, ForgetsNoPodThatEnded) {
  const YAML::Node monitor = settings()["monitor"];

  EXPECT_EQ(monitor["maxTerminated"].as<int>(), -1);
  EXPECT_EQ(monitor["minTerminatedEnergyThreshold"].as<int>(), 0);
  EXPECT_EQ(settings()["kube"]["podInformer"]["mode"].as<std::string>(), "apiserver");
}

TEST_F(KeplerTest, IsRestartedByANewConfiguration) {
  const auto annotations = strings(pod()["metadata"]["annotations"]);
  EXPECT_EQ(strings(pod()["metadata"]["annotations"]), annotations);

  cluster_.kepler.interval = Seconds{3};

  EXPECT_EQ(settings()["monitor"]["interval"].as<std::string>(), "3s");
  EXPECT_NE(strings(pod()["metadata"]["annotations"]), annotations);
}

// ---- What it may

TEST_F(KeplerTest, HasNoPrivilegeThatItDoesNotNeed) {
  const YAML::Node security = container()["securityContext"];

  EXPECT_FALSE(security["privileged"]);
  EXPECT_FALSE(security["allowPrivilegeEscalation"].as<bool>());
  EXPECT_TRUE(security["readOnlyRootFilesystem"].as<bool>());
  EXPECT_THAT(security["capabilities"]["drop"].as<std::vector<std::string>>(), ElementsAre("ALL"));
  EXPECT_THAT(security["capabilities"]["add"].as<std::vector<std::string>>(), ElementsAre("SYS_PTRACE"));
  for (const YAML::Node& mount : container()["volumeMounts"]) {
    EXPECT_TRUE(mount["readOnly"].as<bool>());
  }
}

TEST_F(KeplerTest, IsPrivilegedWhereTheFileSaysSo) {
  cluster_.kepler.privileged = true;

  EXPECT_EQ(strings(container()["securityContext"]),
            (std::map<std::string, std::string>{{"privileged", "true"}}));
}

TEST_F(KeplerTest, AsksTheApiServerForPodsAndNothingElse) {
  const YAML::Node rules = rendered().object("ClusterRole")["rules"];

  ASSERT_EQ(rules.size(), 1U);
  EXPECT_THAT(rules[0]["resources"].as<std::vector<std::string>>(), ElementsAre("pods"));
  EXPECT_THAT(rules[0]["verbs"].as<std::vector<std::string>>(), ElementsAre("get", "list", "watch"));
}

// A line above each of these says why; DESIGN wants no privilege without.
TEST_F(KeplerTest, EveryPrivilegeHasAReasonAboveIt) {
  const std::string text =
      rendered().file("60-kepler/kepler.yaml").content + rendered().file("60-kepler/access.yaml").content;
  for (const char* privilege : {"hostPID: true", "runAsUser: 0", "add: [SYS_PTRACE]", "appArmorProfile:",
                                "pod-security.kubernetes.io/enforce: privileged", "priorityClassName:"}) {
    const std::size_t at = text.find(privilege);
    ASSERT_NE(at, std::string::npos) << privilege;
    const std::size_t line = text.rfind('\n', at);
    const std::size_t above = text.rfind('\n', line - 1);
    EXPECT_THAT(text.substr(above, line - above), HasSubstr("# ")) << privilege;
  }
}

// ---- How it runs

TEST_F(KeplerTest, RunsOnEveryNodeWhateverFillsIt) {
  EXPECT_FALSE(pod()["spec"]["nodeSelector"]);
  EXPECT_EQ(pod()["spec"]["tolerations"][0]["operator"].as<std::string>(), "Exists");
  EXPECT_EQ(pod()["spec"]["priorityClassName"].as<std::string>(), "system-node-critical");
}

TEST_F(KeplerTest, HasThePinnedImage) {
  cluster_.versions.kepler = "0.13.1";

  EXPECT_EQ(container()["image"].as<std::string>(), "quay.io/sustainable_computing_io/kepler:v0.13.1");
  EXPECT_EQ(container()["imagePullPolicy"].as<std::string>(), "IfNotPresent");
}

TEST_F(KeplerTest, IsFoundByPrometheus) {
  cluster_.monitoring.scrape_interval = Seconds{1};
  const YAML::Node endpoint = rendered().object("ServiceMonitor")["spec"]["endpoints"][0];
  const auto labels = strings(pod()["metadata"]["labels"]);

  EXPECT_EQ(endpoint["interval"].as<std::string>(), "1s");
  EXPECT_EQ(endpoint["scrapeTimeout"].as<std::string>(), "900ms");
  EXPECT_EQ(endpoint["port"].as<std::string>(),
            rendered().object("Service")["spec"]["ports"][0]["name"].as<std::string>());
  EXPECT_EQ(container()["ports"][0]["name"].as<std::string>(),
            rendered().object("Service")["spec"]["ports"][0]["targetPort"].as<std::string>());
  EXPECT_EQ(strings(rendered().object("Service")["spec"]["selector"]), labels);
  EXPECT_EQ(strings(rendered().object("DaemonSet")["spec"]["selector"]["matchLabels"]), labels);
  EXPECT_THAT(
      strings(rendered().object("Service")["metadata"]["labels"]),
      Contains(*strings(rendered().object("ServiceMonitor")["spec"]["selector"]["matchLabels"]).begin()));
  EXPECT_EQ(rendered().object("Role")["metadata"]["namespace"].as<std::string>(), "kepler")
      << "without it the targets are silently absent";
}

// ---- check-meters.sh, with a kubectl of ours on PATH

class CheckMetersTest : public testing::Test {
 protected:
  /// `counters`: of each node, what its Kepler says at the first and at the second look.
  ProcessResult check(const std::string& nodes, const std::string& pods) {
    folder_.write("bin/kubectl", fmt::format(R"(#!/bin/sh
case "$*" in
  "get nodes"*) printf '{}' ;;
  *"get pods"*) printf '{}' ;;
  "get --raw"*) pod=${{3#*pods/}} pod=${{pod%%:*}}
    n=$(cat "{}/$pod.looks" 2>/dev/null || echo 0)
    echo $((n + 1)) >"{}/$pod.looks"
    cat "{}/$pod.$n" ;;
esac
)",
                                             nodes, pods, dir(), dir(), dir()));
    folder_.write("bin/sleep", "#!/bin/sh\n");  // the second look is another file, not another time
    for (const char* program : {"bin/kubectl", "bin/sleep"}) {
      std::filesystem::permissions(folder_ / program, std::filesystem::perms::owner_all);
    }
    const RenderedFile script = script_file("60-kepler", "check-meters.sh");
    folder_.write("check-meters.sh", script.content);
    return SystemProcessRunner().run(
        {"env", fmt::format("PATH={}/bin:{}", dir(), std::getenv("PATH")), "bash", "check-meters.sh", "1"},
        folder_.path(), std::chrono::seconds{60}, {});
  }

  void kepler_says(const std::string& pod, const char* path, double first, double second) {
    int look = 0;
    for (const double joules : {first, second}) {
      folder_.write(
          fmt::format("{}.{}", pod, look++),
          fmt::format("# TYPE kepler_node_cpu_info gauge\n"
                      "kepler_node_cpu_info{{processor=\"0\"}} 1\n"
                      "kepler_node_cpu_joules_total{{node_name=\"n\",path=\"{}/core\",zone=\"core\"}} 5\n"
                      "kepler_node_cpu_joules_total{{node_name=\"n\",path=\"{}\",zone=\"package\"}} {}\n",
                      path, path, joules));
    }
  }

  std::string dir() const { return folder_.path().string(); }

  test::TempDir folder_;
};

TEST_F(CheckMetersTest, SaysThatEveryNodeIsMeasured) {
  kepler_says("kepler-a", "/host/sys/class/powercap/intel-rapl:0", 100, 112.5);

  const ProcessResult result = check("w1\\n", "w1 kepler-a\\n");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("w1"), HasSubstr("rapl"), HasSubstr("core,package"),
                                HasSubstr("measured, about 12.5 W"), Not(HasSubstr("NOT"))));
}

TEST_F(CheckMetersTest, NamesEachNodeThatIsNotMeasuredAndWhy) {
  kepler_says("kepler-a", "/host/sys/class/powercap/intel-rapl:0", 100, 110);
  kepler_says("kepler-b", "/host/sys/class/powercap/intel-rapl:0", 77, 77);
  kepler_says("kepler-c", "/host/sys/class/hwmon/hwmon2", 1, 2);

  const ProcessResult result = check("w1\\nw2\\nw3\\nw4\\n", "w1 kepler-a\\nw2 kepler-b\\nw3 kepler-c\\n");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(testing::ContainsRegex("w1 .*measured, about 10.0 W"),
                                testing::ContainsRegex("w2 .*NOT MEASURED: the counter stood still"),
                                testing::ContainsRegex("w3 .*hwmon.*NOT MEASURED"),
                                testing::ContainsRegex("w4 .*NOT MEASURED: no Kepler answers")));
  EXPECT_THAT(result.err, HasSubstr("3 of 4 nodes are not measured"));
}

TEST_F(CheckMetersTest, TakesAWrappedCounterForAMovingOne) {
  kepler_says("kepler-a", "/host/sys/class/powercap/intel-rapl:0", 262140, 8);

  const ProcessResult result = check("w1\\n", "w1 kepler-a\\n");

  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("wrapped"));
}

}  // namespace
}  // namespace kexp::manifest
