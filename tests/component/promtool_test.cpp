/// The rendered rules and scrape jobs as Prometheus itself takes them: promtool checks them, and evaluates
/// the energy rules on series whose joules are known.

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kexp/core/process.hpp"
#include "kexp/manifest/yaml.hpp"

#include "render/energy_rules.hpp"
#include "render/plain_prometheus.hpp"
#include "support/temp_dir.hpp"

namespace kexp::manifest {
namespace {

using namespace std::chrono_literals;

ProcessResult run_program(const std::vector<std::string>& argv, const std::filesystem::path& folder) {
  return SystemProcessRunner().run(argv, folder, 300s, {});
}

/// Where promtool is, on PATH or in the cache; empty where it cannot be had.
const std::string& promtool() {
  static const std::string path = [] {
    const ProcessResult fetched = run_program({KEXP_SOURCE_DIR "/scripts/lib/fetch.sh", "promtool"}, {});
    return fetched.exit_code == 0 ? fetched.out.substr(0, fetched.out.find('\n')) : std::string();
  }();
  return path;
}

struct Series {
  std::string name;
  std::string values;  ///< As promtool has them: `0+60x24` is 0, 60, … 1440.
};

/// What an expression must be after two minutes, where it has the labels.
struct Expected {
  std::string expression;
  std::vector<std::pair<std::string, std::int64_t>> samples;
};

class PromtoolTest : public testing::Test {
 protected:
  void SetUp() override {
    if (promtool().empty()) {
      ASSERT_EQ(std::getenv("KEXP_REQUIRE_TEST_DATA"), nullptr) << "promtool cannot be fetched";
      GTEST_SKIP() << "promtool cannot be fetched";
    }
  }

  ProcessResult check(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv{promtool()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_program(argv, folder_.path());
  }

  test::TempDir folder_;
};

class EnergyRulesTest : public PromtoolTest {
 protected:
  EnergyRulesTest() { render(ClusterFile{}); }

  void render(const ClusterFile& cluster) {
    interval_ = to_text(cluster.monitoring.scrape_interval);
    const Yaml rules = Yaml::map({{"groups", energy_rule_groups(cluster)}});
    folder_.write("rules.yml", write_yaml({{rules}}));
  }

  /// Two minutes of `series`, one sample a scrape, as the rules see them.
  void expect_after_two_minutes(const std::vector<Series>& series, const std::vector<Expected>& expected) {
    std::vector<Yaml> inputs;
    for (const Series& one : series) {
      inputs.push_back(Yaml::map({{"series", one.name}, {"values", one.values}}));
    }
    std::vector<Yaml> tests;
    for (const Expected& one : expected) {
      tests.push_back(Yaml::map(
          {{"expr", one.expression}, {"eval_time", "2m"}, {"exp_samples", Yaml::list(samples(one))}}));
    }
    const Yaml test = Yaml::map({{"interval", interval_},
                                 {"input_series", Yaml::list(std::move(inputs))},
                                 {"promql_expr_test", Yaml::list(std::move(tests))}});
    // promtool wants numbers that are numbers; every string of ours that looks like one is quoted.
    std::string text = write_yaml({{Yaml::map({{"rule_files", Yaml::list({"rules.yml"})},
                                               {"evaluation_interval", interval_},
                                               {"tests", Yaml::list({test})}})}});
    folder_.write("test.yml", text);

    const ProcessResult result = check({"test", "rules", "test.yml"});

    EXPECT_EQ(result.exit_code, 0) << result.out << result.err << text;
  }

 private:
  static std::vector<Yaml> samples(const Expected& expected) {
    std::vector<Yaml> result;
    for (const auto& [labels, value] : expected.samples) {
      result.push_back(Yaml::map({{"labels", labels}, {"value", value}}));
    }
    return result;
  }

  std::string interval_;
};

TEST_F(EnergyRulesTest, ArePrometheusRules) {
  for (const auto interval : {1s, 5s, 60s}) {
    ClusterFile cluster;
    cluster.monitoring.scrape_interval = interval;
    render(cluster);

    const ProcessResult result = check({"check", "rules", "rules.yml"});

    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }
}

// A pod draws 6 W for a minute and ends: 360 J, the last 30 J of which only the series of ended pods knows.
// increase() over the two series makes 345 J of them.
TEST_F(EnergyRulesTest, APodThatEndsKeepsItsLastJoules) {
  const std::string pod = R"(kepler_pod_cpu_joules_total{pod_name="a",node_name="w1",zone="package",state=)";

  expect_after_two_minutes(
      {{pod + R"("running"})", "0+30x11 stale"}, {pod + R"("terminated"})", "_x11 360x12"}},
      {{"sum(increase(kepler_pod_cpu_joules_total[2m]))", {{"{}", 345}}},
       {"sum(increase(kexp:pod_active_joules[2m]))", {{"{}", 360}}}});
}

// 12 W for two minutes are 1440 J. RAPL's counter starts again after 262144 J: increase() on it loses a
// scrape.
TEST_F(EnergyRulesTest, ANodesJoulesOutliveTheCountersWrap) {
  expect_after_two_minutes(
      {{R"(kepler_node_cpu_joules_total{node_name="w1",zone="package"})", "261484+60x12 0+60x11"},
       {R"(kepler_node_cpu_active_joules_total{node_name="w1",zone="package"})", "0+40x24"},
       {R"(kepler_node_cpu_idle_joules_total{node_name="w1",zone="package"})", "0+20x24"}},
      {{"sum(increase(kepler_node_cpu_joules_total[2m]))", {{"{}", 1380}}},
       {"sum(increase(kexp:node_joules[2m]))", {{"{}", 1440}}},
       {"kexp:node_watts", {{R"(kexp:node_watts{node_name="w1"})", 12}}}});
}

TEST_F(EnergyRulesTest, ZonesAreNeverAddedUp) {
  std::vector<Series> series;
  for (const char* zone : {"psys", "package", "core"}) {
    for (const char* part : {"active", "idle"}) {
      series.push_back(
          {fmt::format(R"(kepler_node_cpu_{}_joules_total{{node_name="w1",zone="{}"}})", part, zone),
           "0+30x24"});
    }
  }

  expect_after_two_minutes(series, {{R"(increase(kexp:node_joules{zone="package"}[2m]))",
                                     {{R"({node_name="w1",zone="package"})", 1440}}},
                                    {"kexp:node_watts", {{R"(kexp:node_watts{node_name="w1"})", 12}}}});
}

TEST_F(EnergyRulesTest, PodsShareTheActiveJoulesOfTheirNodeAndNoMore) {
  const auto pod = [](const char* name, const char* state) {
    return fmt::format(
        R"(kepler_pod_cpu_joules_total{{pod_name="{}",node_name="w1",zone="package",state="{}"}})", name,
        state);
  };

  expect_after_two_minutes(
      {{pod("a", "running"), "0+20x11 stale"},
       {pod("a", "terminated"), "_x11 240x12"},
       {pod("b", "running"), "0+20x24"},
       {R"(kepler_node_cpu_active_joules_total{node_name="w1",zone="package"})", "0+40x12 500+20x11"},
       {R"(kepler_node_cpu_idle_joules_total{node_name="w1",zone="package"})", "0+20x24"}},
      {{"sum by (node_name) (increase(kexp:pod_active_joules[2m]))", {{R"({node_name="w1"})", 720}}},
       {"sum by (node_name) (increase(kexp:pod_active_joules[2m])) <= on (node_name) sum by (node_name) "
        R"((increase(kexp:node_joules{zone="package"}[2m])))",
        {{R"({node_name="w1"})", 720}}},
       {"sum by (node_name) (increase(kepler_node_cpu_active_joules_total[2m]))",
        {{R"({node_name="w1"})", 720}}}});
}

TEST_F(EnergyRulesTest, WhatIsNotMeasuredIsNotZeroJoules) {
  const auto counter = [](const char* node, const char* path) {
    return fmt::format(R"(kepler_node_cpu_joules_total{{node_name="{}",zone="package",path="{}"}})", node,
                       path);
  };
  std::vector<Series> series{{counter("measured", "/host/sys/class/powercap/intel-rapl:0"), "0+60x24"},
                             {counter("two-sockets", "aggregated-package"), "0+60x24"},
                             {counter("still", "/host/sys/class/powercap/intel-rapl:0"), "77x24"},
                             {counter("hwmon", "/host/sys/class/hwmon/hwmon2"), "0+60x24"}};
  for (const char* node : {"measured", "two-sockets", "still", "hwmon", "silent"}) {
    series.push_back({fmt::format(R"(kube_node_info{{node="{}"}})", node), "1x24"});
  }
  const auto sample = [](const char* node) {
    return fmt::format(R"(kexp:node_measured{{node_name="{}"}})", node);
  };
  const auto alert = [](const char* node) {
    return fmt::format(
        R"(ALERTS{{alertname="KexpNodeNotMeasured",alertstate="firing",node_name="{}",severity="warning"}})",
        node);
  };

  expect_after_two_minutes(series, {{"kexp:node_measured",
                                     {{sample("hwmon"), 0},
                                      {sample("measured"), 1},
                                      {sample("silent"), 0},
                                      {sample("still"), 0},
                                      {sample("two-sockets"), 1}}},
                                    {R"(ALERTS{alertstate="firing"})",
                                     {{alert("hwmon"), 1}, {alert("silent"), 1}, {alert("still"), 1}}}});
}

/// Debian builds Prometheus without Kubernetes' discovery: those blocks are cut out, the rest is checked.
std::string without_discovery(std::string jobs) {
  const std::string first = "    kubernetes_sd_configs:";
  const std::string next = "    relabel_configs:";
  for (std::size_t at = jobs.find(first); at != std::string::npos; at = jobs.find(first)) {
    jobs.erase(at, jobs.find(next, at) - at);
  }
  return jobs;
}

using PlainPrometheusTest = PromtoolTest;

TEST_F(PlainPrometheusTest, TakesTheScrapeJobsAndTheRules) {
  ClusterFile cluster;
  cluster.existing = "lab";
  cluster.monitoring.prometheus = "http://prometheus.lab:9090";
  cluster.nodes.master.address = "192.168.1.152";
  folder_.write("kexp-energy.rules.yml", plain_rules_file(cluster).content);
  const std::string jobs = without_discovery(plain_scrape_file(cluster).content);
  folder_.write("prometheus.yml", jobs + "rule_files: [kexp-energy.rules.yml]\n");

  const ProcessResult result = check({"check", "config", "prometheus.yml"});

  EXPECT_EQ(result.exit_code, 0) << result.out << result.err << jobs;
}

}  // namespace
}  // namespace kexp::manifest
