// Joules of small datasets whose sums can be done by hand.

#include "kexp/extractor/energy.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/result_files.hpp"

#include "dataset_files.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace ::testing;
using test::DatasetFiles;
using test::message_of;

constexpr std::int64_t kStart = 1795280000'000;
constexpr const char* kRapl = "/host/sys/class/powercap/intel-rapl:0";

class EnergyTest : public testing::Test {
 protected:
  /// Samples every 5 s from the start on.
  static DatasetFiles::Samples every_5_s(const std::vector<double>& values, std::int64_t first_s = 0) {
    DatasetFiles::Samples samples;
    for (std::int64_t ts_ms = kStart + first_s * 1000; const double value : values) {
      samples.emplace_back(ts_ms, value);
      ts_ms += 5000;
    }
    return samples;
  }

  /// Labels of a node of Kepler from 0.10 on.
  static std::string node(const std::string& name, const std::string& zone = "package",
                          const std::string& path = kRapl) {
    return fmt::format(R"({{"node_name":"{}","path":"{}","zone":"{}"}})", name, path, zone);
  }
  static std::string pod(const std::string& name, const std::string& state = "running",
                         const std::string& zone = "package") {
    return fmt::format(
        R"({{"node_name":"w1","pod_id":"{0}-id","pod_name":"{0}","pod_namespace":"workload","state":"{1}","zone":"{2}"}})",
        name, state, zone);
  }
  void add(const std::string& metric, const std::string& labels, const DatasetFiles::Samples& samples,
           const std::string& source = "http://p") {
    files_.add(metric, "counter", labels, samples, source);
  }
  void add_active(const std::string& labels, const std::vector<double>& values) {
    add("kepler_node_cpu_active_joules_total", labels, every_5_s(values));
  }
  void add_idle(const std::string& labels, const std::vector<double>& values) {
    add("kepler_node_cpu_idle_joules_total", labels, every_5_s(values));
  }

  Energy measure(const std::filesystem::path& run = {}) {
    files_.write(dataset_);
    return measure_energy(dataset_, run);
  }
  struct Answer {
    std::string id, pod;
    std::int64_t done_ms;
  };
  void write_answers(const std::vector<Answer>& answers) {
    std::string lines;
    for (const Answer& answer : answers) {
      record::Result result;
      result.id = answer.id;
      result.node = "w1";
      result.pod = answer.pod;
      result.done_time_ms = answer.done_ms;
      lines += record::result_line(result, {});
    }
    write_results(lines);
  }
  void write_results(const std::string& lines) {
    folder_.write("results/1.csv", record::result_header() + lines);
  }
  static EnergyRow row(const Energy& energy, const std::string& node, const std::string& pod = "",
                       const std::string& zone = "package") {
    const auto found = std::find_if(energy.rows.begin(), energy.rows.end(), [&](const EnergyRow& one) {
      return one.node == node && one.pod == pod && one.zone == zone;
    });
    EXPECT_NE(found, energy.rows.end()) << node << " " << pod << " " << zone;
    return found == energy.rows.end() ? EnergyRow{} : *found;
  }

  const test::TempDir folder_;
  const std::filesystem::path dataset_ = folder_ / "metrics";
  DatasetFiles files_{kStart, kStart + 60'000};
};

TEST_F(EnergyTest, NodeIsActiveAndIdleFromTheFirstSampleToTheLast) {
  add_active(node("w1"), {100, 110, 130});
  add_idle(node("w1"), {1000, 1005, 1010});

  const Energy energy = measure();

  EXPECT_EQ(energy.kind, EnergyKind::measured);
  EXPECT_EQ(energy.reason, "");
  const EnergyRow w1 = row(energy, "w1");
  EXPECT_EQ(w1.source, "rapl");
  EXPECT_THAT(w1.active_joules, Optional(30));
  EXPECT_THAT(w1.idle_joules, Optional(10));
  EXPECT_THAT(w1.first_ms, Optional(kStart));
  EXPECT_THAT(w1.last_ms, Optional(kStart + 10'000));
  EXPECT_THAT(energy.total.joules(), Optional(40));
}

TEST_F(EnergyTest, AResetCountsFromZero) {
  add_active(node("w1"), {100, 110, 4, 10});  // 10, then 4 since the reset, then 6
  add_idle(node("w1"), {0, 1, 1, 1});

  EXPECT_THAT(row(measure(), "w1").active_joules, Optional(20));
}

TEST_F(EnergyTest, SocketsAreAddedAndZonesAreNot) {
  add_active(node("w1", "core"), {0, 3});
  add_active(node("w1", "package", "/sys/class/powercap/intel-rapl:0"), {0, 5});
  add_active(node("w1", "package", "/sys/class/powercap/intel-rapl:1"), {0, 7});
  add_active(node("w1", "psys"), {0, 20});
  add_idle(node("w1", "package"), {0, 1});
  add_idle(node("w1", "psys"), {0, 2});

  const Energy energy = measure();

  EXPECT_THAT(row(energy, "w1").active_joules, Optional(12));
  EXPECT_THAT(row(energy, "w1", "", "psys").joules(), Optional(22));
  EXPECT_THAT(energy.rows, SizeIs(2)) << "core is part of the package";
  EXPECT_THAT(energy.total.joules(), Optional(13));
}

TEST_F(EnergyTest, APodThatEndsLosesNothingBetweenItsTwoSeries) {
  // Its running series has 0 to 20, its terminated one 26 on: an increase of each would be 20 + 0.
  add_active(node("w1"), {0, 15, 30, 45});
  add_idle(node("w1"), {0, 30, 60, 90});
  add("kepler_pod_cpu_joules_total", pod("a"), every_5_s({0, 10, 20}));
  add("kepler_pod_cpu_joules_total", pod("a", "terminated"), every_5_s({26, 26}, 15));
  add("kepler_pod_cpu_joules_total", pod("a", "running", "core"), every_5_s({0, 1000}));

  const Energy energy = measure();

  const EnergyRow a = row(energy, "w1", "a");
  EXPECT_THAT(a.active_joules, Optional(26));
  EXPECT_THAT(a.idle_joules, Optional(DoubleEq(90.0 * 26 / 45)));
  EXPECT_EQ(a.kind, EnergyKind::measured);
  ASSERT_THAT(energy.checks, SizeIs(1));
  EXPECT_TRUE(energy.checks[0].holds());
}

TEST_F(EnergyTest, PodsWithMoreThanTheirNodeAreDoubtful) {
  add_active(node("w1"), {0, 10});
  add_idle(node("w1"), {0, 10});
  add("kepler_pod_cpu_joules_total", pod("a"), every_5_s({0, 8}));
  add("kepler_pod_cpu_joules_total", pod("b"), every_5_s({0, 3}));

  const Energy energy = measure();

  ASSERT_THAT(energy.checks, SizeIs(1));
  EXPECT_FALSE(energy.checks[0].holds());
  EXPECT_THAT(to_table(energy), HasSubstr("DOUBTFUL"));
}

TEST_F(EnergyTest, AKeplerThatStartsAgainUnderOtherLabelsGoesOn) {
  add("kepler_node_cpu_active_joules_total", R"({"instance":"old","node_name":"w1","zone":"package"})",
      every_5_s({100, 110}));
  add("kepler_node_cpu_active_joules_total", R"({"instance":"new","node_name":"w1","zone":"package"})",
      every_5_s({3, 8}, 10));
  add_idle(R"({"node_name":"w1","zone":"package"})", {0, 0, 0, 0});

  EXPECT_THAT(row(measure(), "w1").active_joules, Optional(18));
}

TEST_F(EnergyTest, TwoServersThatScrapeOneKeplerCountOnce) {
  for (const std::string server : {"http://a", "http://b"}) {
    add("kepler_node_cpu_active_joules_total", node("w1"), every_5_s({0, 10, 20}), server);
  }
  add_idle(node("w1"), {0, 1});

  EXPECT_THAT(row(measure(), "w1").active_joules, Optional(20));
}

TEST_F(EnergyTest, WithoutKeplerNothingWasMeasured) {
  files_.add("up", "gauge", "{}", every_5_s({1, 1}));

  const Energy energy = measure();

  EXPECT_EQ(energy.kind, EnergyKind::not_measured);
  EXPECT_THAT(energy.reason, HasSubstr("no counter of Kepler's"));
  EXPECT_THAT(energy.rows, IsEmpty());
  EXPECT_THAT(to_table(energy), AllOf(HasSubstr("not measured"), Not(HasSubstr("0.0"))));
  EXPECT_TRUE(to_json(energy).at("total").is_null());
}

TEST_F(EnergyTest, ACounterThatStandsStillWasNotMeasuredAndIsNoZero) {
  add_active(node("w1"), {0, 10});
  add_active(node("w2"), {5, 5});
  add_idle(node("w1"), {0, 10});
  add_idle(node("w2"), {7, 7});

  const Energy energy = measure();

  EXPECT_EQ(energy.kind, EnergyKind::not_measured);
  EXPECT_THAT(energy.reason, HasSubstr("w2"));
  EXPECT_EQ(row(energy, "w2").joules(), std::nullopt);
  EXPECT_EQ(energy.total.joules(), std::nullopt) << "a sum without w2 would pass for both";
  write_energy(energy, dataset_);
  EXPECT_THAT(read_file(dataset_ / "energy.csv"), HasSubstr("node,w2,,,package,rapl,not measured,,,,,,"));
}

// Its first and last sample were of 1970, and so was the first one of all nodes.
TEST_F(EnergyTest, ANodeWithoutAnIncreaseHasNoTimes) {
  add_active(node("w1"), {0, 10});
  add_idle(node("w1"), {0, 10});
  add_active(node("w2"), {5});

  const Energy energy = measure();

  EXPECT_THAT(energy.total.first_ms, Optional(kStart));
  EXPECT_TRUE(to_json(energy).at("nodes").at(1).at("first_ms").is_null());
  write_energy(energy, dataset_);
  EXPECT_THAT(read_file(dataset_ / "energy.csv"), HasSubstr("node,w2,,,package,rapl,not measured,,,,,,,\n"));
}

TEST_F(EnergyTest, WhatIsNoRaplIsLabelledModelledEverywhere) {
  add_active(node("w1", "package", "/sys/class/hwmon/hwmon2"), {0, 10});
  add_idle(node("w1", "package", "/sys/class/hwmon/hwmon2"), {0, 10});

  const Energy energy = measure();

  EXPECT_EQ(energy.kind, EnergyKind::modelled);
  EXPECT_THAT(energy.reason, AllOf(HasSubstr("w1 (hwmon)"), HasSubstr("modelled")));
  EXPECT_THAT(to_table(energy), HasSubstr("modelled (hwmon)"));
  EXPECT_EQ(to_json(energy).at("nodes").at(0).at("kind"), "modelled");
  write_energy(energy, dataset_);
  EXPECT_THAT(read_file(dataset_ / "energy.csv"), HasSubstr("hwmon,modelled,10,10,20"));
}

TEST_F(EnergyTest, OlderKeplerNamesItsMeterAndSplitsIdleItself) {
  const auto labels = [](const std::string& rest) { return R"({"instance":"w1",)" + rest + "}"; };
  const auto container = [&](const std::string& id, const std::string& mode) {
    return labels(fmt::format(
        R"("container_id":"{}","container_namespace":"workload","mode":"{}","pod_name":"a")", id, mode));
  };
  add("kepler_container_package_joules_total", container("c1", "dynamic"), every_5_s({0, 4}));
  add("kepler_container_package_joules_total", container("c2", "dynamic"), every_5_s({0, 2}));
  add("kepler_container_package_joules_total", container("c1", "idle"), every_5_s({0, 1}));
  add("kepler_node_info", labels(R"("components_power_source":"estimator")"), every_5_s({1, 1}));
  add("kepler_node_package_joules_total", labels(R"("mode":"dynamic","package":"0")"), every_5_s({0, 10}));
  add("kepler_node_package_joules_total", labels(R"("mode":"idle","package":"0")"), every_5_s({0, 30}));

  const Energy energy = measure();

  EXPECT_EQ(energy.family, "Kepler before 0.10");
  EXPECT_EQ(energy.kind, EnergyKind::modelled);
  EXPECT_EQ(row(energy, "w1").source, "estimator");
  EXPECT_THAT(row(energy, "w1").joules(), Optional(40));
  EXPECT_THAT(row(energy, "w1", "a").active_joules, Optional(6));
  EXPECT_THAT(row(energy, "w1", "a").idle_joules, Optional(1));
}

TEST_F(EnergyTest, OlderKeplerOnRaplIsMeasured) {
  for (const std::string mode : {"dynamic", "idle"}) {
    add("kepler_node_package_joules_total",
        fmt::format(R"({{"instance":"w1","mode":"{}","package":"0","source":"rapl-sysfs"}})", mode),
        every_5_s({0, 10}));
  }

  const Energy energy = measure();

  EXPECT_EQ(energy.kind, EnergyKind::measured);
  EXPECT_EQ(row(energy, "w1").source, "rapl-sysfs");
}

TEST_F(EnergyTest, ImagesAreFirstAnswersWithinTheWindowByWhoGaveThem) {
  add_active(node("w1"), {0, 10});
  add_idle(node("w1"), {0, 20});
  add("kepler_pod_cpu_joules_total", pod("a"), every_5_s({0, 8}));
  add("kepler_pod_cpu_joules_total", pod("b"), every_5_s({0, 2}));
  write_answers({{"0", "a", kStart + 1000},
                 {"1", "a", kStart + 1000},
                 {"1", "b", kStart + 1000},
                 {"2", "b", kStart + 1000},
                 {"3", "a", kStart - 1},
                 {"4", "a", kStart + 60'001}});

  const Energy energy = measure(folder_.path());

  EXPECT_THAT(energy.total.images, Optional(3)) << "3 was before, 4 after; the second answer to 1 is none";
  EXPECT_THAT(energy.total.joules_per_image(), Optional(10));
  EXPECT_THAT(row(energy, "w1").images, Optional(3));
  EXPECT_THAT(row(energy, "w1", "a").images, Optional(2));
  EXPECT_THAT(row(energy, "w1", "a").joules_per_image(), Optional(DoubleEq((8 + 16) / 2.0)));
  EXPECT_THAT(to_table(energy), HasSubstr("10.000 J an image"));
}

// It counted by its reception, though it was done after the window.
TEST_F(EnergyTest, AnAnswerThatDoesNotSayWhenItWasDoneCountsByItsStages) {
  add_active(node("w1"), {0, 10});
  record::Result early;
  early.id = "early";
  early.end_time_ms = kStart + 59'000;
  early.inf_ms = 900;
  record::Result late = early;
  late.id = "late";
  late.inf_ms = 1100;
  write_results(record::result_line(early, {}) + record::result_line(late, {}));

  EXPECT_THAT(measure(folder_.path()).total.images, Optional(1));
}

TEST_F(EnergyTest, AFileWithoutAnAnswerThatCanBeReadIsNamed) {
  add_active(node("w1"), {0, 10});
  write_results("half,a,row\n");
  EXPECT_THAT(message_of<FailedError>([&] { return measure(folder_.path()); }), HasSubstr("results/1.csv:2"));
}

TEST_F(EnergyTest, AFolderThatIsNoDatasetIsNamed) {
  EXPECT_THAT(message_of<UsageError>([&] { return measure_energy(folder_ / "nothing", {}); }),
              AllOf(HasSubstr("nothing"), HasSubstr("no dataset")));
}

}  // namespace
}  // namespace kexp::extractor
