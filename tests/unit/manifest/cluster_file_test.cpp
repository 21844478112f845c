#include "kexp/manifest/cluster_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "cluster_file_table.hpp"
#include "cluster_files.hpp"
#include "support/data.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::manifest {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using test::errors_of;
using test::parsed;
using test::reference_with;
using test::shortest;
using test::warnings_of;

// -- what is read

TEST(ClusterFileTest, TheShortestFileHasTheDefaultsOfTheStructs) {
  const ClusterFile cluster = parsed(shortest());

  EXPECT_EQ(cluster.name, "kexp");
  EXPECT_EQ(cluster.nodes.master.address, "192.168.1.152");
  ASSERT_EQ(cluster.nodes.workers.size(), 5U);
  EXPECT_EQ(cluster.nodes.workers[4].name, "worker5");
  EXPECT_EQ(cluster.networks.lan, "192.168.1.0/24");
  EXPECT_EQ(cluster.networks.pods, "10.244.0.0/16");
  EXPECT_EQ(cluster.scaler.kind, Scaler::Kind::hpa);
  EXPECT_EQ(cluster.scaler.up.policies.size(), 2U);
  EXPECT_FALSE(cluster.consumers.limits.has_value());
  EXPECT_THAT(warnings_of(shortest()), IsEmpty());
}

TEST(ClusterFileTest, EveryKindOfValueIsReadIntoItsMember) {
  const ClusterFile cluster = parsed(R"(
name: lab
nodes:
  ssh_user: ops
  master: {name: m, address: 10.1.0.1, labels: {lab.example/room: "12", rack: a}}
  workers: [{name: w1.lab, address: 10.1.0.2}]
  cpus: "8"
  memory: 32Gi
  cpu_control: {governor: keep, turbo: true, smt: True}
versions: {kubernetes: 1.36.5, containerd: "2.3"}
networks: {lan: 10.1.0.0/24, pods: 10.2.0.0/16, services: 10.3.0.0/16, dns_domain: lab.local}
monitoring:
  scrape_interval: 2s
  retention: 2w
  storage: 100Gi
  grafana: false
kepler: {interval: 1s, privileged: true}
kafka:
  port: 9092
  heap: 2Gi
  input: {name: in, partitions: 8}
consumers:
  model: /models/own.onnx
  validate_results: false
  engine: openvino
  resolution: 640
  group: g
  requests: {cpu: 2, memory: 1536Mi}
  limits: {cpu: 3}
  placement: pack
  grace: 1m
scaler:
  min_pods: 0
  max_pods: 2
  keda: {lag: 20, polling_interval: 10s}
  up:
    window: 30s
    policies: [{pods: 2, every: 30s}, {percent: 50, every: 1m}]
    select: min
access: {grafana_port: 3000}
)");

  EXPECT_EQ(cluster.nodes.master.labels.at("lab.example/room"), "12");
  EXPECT_EQ(cluster.nodes.workers.at(0).name, "w1.lab");
  EXPECT_EQ(cluster.nodes.cpus, CpuQuantity{8000});
  EXPECT_EQ(cluster.nodes.memory, MemoryQuantity{std::int64_t{32} << 30});
  EXPECT_TRUE(cluster.nodes.cpu_control.turbo);
  EXPECT_TRUE(cluster.nodes.cpu_control.smt);
  EXPECT_EQ(cluster.versions.containerd, "2.3");
  EXPECT_EQ(cluster.networks.dns_domain, "lab.local");
  EXPECT_EQ(cluster.monitoring.scrape_interval, Seconds{2});
  EXPECT_FALSE(cluster.monitoring.grafana);
  EXPECT_TRUE(cluster.kepler.privileged);
  EXPECT_EQ(cluster.kafka.input.name, "in");
  EXPECT_EQ(cluster.kafka.input.partitions, 8);
  EXPECT_EQ(cluster.kafka.output.name, "yolo_output");
  EXPECT_EQ(cluster.consumers.resolution, "640");
  EXPECT_EQ(cluster.consumers.requests.memory, MemoryQuantity{std::int64_t{1536} << 20});
  ASSERT_TRUE(cluster.consumers.limits.has_value());
  EXPECT_EQ(cluster.consumers.limits->cpu, CpuQuantity{3000});
  EXPECT_EQ(cluster.consumers.limits->memory, cluster.consumers.requests.memory)
      << "what is left out is as in requests";
  EXPECT_EQ(cluster.consumers.grace, Seconds{60});
  EXPECT_EQ(cluster.scaler.kind, Scaler::Kind::keda);
  EXPECT_EQ(cluster.scaler.lag, 20);
  ASSERT_EQ(cluster.scaler.up.policies.size(), 2U) << "a list replaces the default";
  EXPECT_EQ(cluster.scaler.up.policies[0].pods, 2);
  EXPECT_EQ(cluster.scaler.up.policies[1].percent, 50);
  EXPECT_EQ(cluster.scaler.up.policies[1].pods, 0);
  EXPECT_EQ(cluster.scaler.up.select, "min");
  EXPECT_EQ(cluster.access.grafana_port, 3000);
}

TEST(ClusterFileTest, PodsAloneMeansNoScaler) {
  const ClusterFile cluster = parsed(shortest("scaler: {pods: 5}\n"));
  EXPECT_EQ(cluster.scaler.kind, Scaler::Kind::none);
  EXPECT_EQ(cluster.scaler.pods, 5);
}

TEST(ClusterFileTest, AFileOnDiskIsNamedInItsErrors) {
  const kexp::test::TempDir folder;
  const std::filesystem::path file = folder.path() / "lab.yaml";
  std::ofstream(file) << shortest("nme: kexp\n");

  EXPECT_THAT(kexp::test::message_of<UsageError>([&] { return load_cluster_file(file); }),
              StartsWith(file.string() + ":11: nme: "));
  EXPECT_THAT(
      kexp::test::message_of<UsageError>([&] { return load_cluster_file(folder.path() / "none.yaml"); }),
      HasSubstr("none.yaml"));
}

// -- the files that `deploy init` writes

TEST(ClusterFileTest, TheInitialFilesLoadWithoutAWarning) {
  EXPECT_THAT(warnings_of(initial_cluster_file("")), IsEmpty());
  EXPECT_THAT(warnings_of(initial_cluster_file("kubernetes-admin@lab")), IsEmpty());
  EXPECT_EQ(parsed(initial_cluster_file("arn:aws:eks:eu-1:1:cluster/\"x\\y\"")).existing,
            "arn:aws:eks:eu-1:1:cluster/\"x\\y\"");
}

TEST(ClusterFileTest, TheReferenceClusterIsSixMachinesInSixtyLines) {
  const std::string text = initial_cluster_file("");
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 60);

  const ClusterFile cluster = parsed(text);
  EXPECT_EQ(cluster.nodes.master.address, "192.168.1.152");
  EXPECT_EQ(cluster.nodes.workers.size(), 5U);
  EXPECT_EQ(cluster.kafka.input.partitions, 34);
  EXPECT_EQ(cluster.scaler.max_pods, 10);
}

TEST(ClusterFileTest, WhatTheReferenceFileWritesIsTheDefault) {
  ClusterFile shortened = parsed(shortest());
  const ClusterFile reference = parsed(initial_cluster_file(""));
  EXPECT_EQ(reference.versions.kubernetes, shortened.versions.kubernetes);
  EXPECT_EQ(reference.versions.kepler, shortened.versions.kepler);
  EXPECT_EQ(reference.consumers.image, shortened.consumers.image);
  EXPECT_EQ(reference.scaler.max_pods, shortened.scaler.max_pods);
  EXPECT_EQ(reference.scaler.down.window, shortened.scaler.down.window);
}

// -- what stands at the wrong place

TEST(ClusterFileTest, AnUnknownKeyIsNamedWithTheNearest) {
  EXPECT_THAT(errors_of(shortest("scaler:\n  max_pod: 4\n  hpa: {cpu_percent: 80}\n")),
              StartsWith("c.yaml:12: scaler.max_pod: is no key here (did you mean max_pods?)"));
  EXPECT_THAT(errors_of(reference_with("{name: worker2, address:", "{name: worker2, adress:")),
              AllOf(HasSubstr("nodes.workers[1].adress: is no key here (did you mean address?)"),
                    HasSubstr("nodes.workers[1].address: is missing: give an IPv4 address such as")));
}

TEST(ClusterFileTest, AKeyOfAnotherSectionIsSentThere) {
  EXPECT_THAT(errors_of(shortest("max_pods: 4\n")), HasSubstr("did you mean scaler.max_pods?"));
}

TEST(ClusterFileTest, AKeyThatResemblesNothingListsWhatThereIs) {
  EXPECT_THAT(errors_of(shortest("kepler: {colour: blue}\n")),
              HasSubstr("kepler has enabled, interval, privileged"));
}

TEST(ClusterFileTest, AMissingKeyIsNamedWithTheLineOfItsSection) {
  EXPECT_THAT(
      errors_of(reference_with("master: {name: master, address: 192.168.1.152}", "master: {name: master}")),
      StartsWith("c.yaml:9: nodes.master.address: is missing: give an IPv4 address"));
  EXPECT_THAT(errors_of("nodes:\n  master: {name: m, address: 10.0.0.1}\nnetworks: {lan: 10.0.0.0/24}\n"),
              StartsWith("c.yaml:1: nodes.workers: is missing"));
}

TEST(ClusterFileTest, AFileWithoutNodesAndWithoutAClusterSaysWhatItLacks) {
  EXPECT_THAT(errors_of("name: kexp\n"), HasSubstr("lacks one of these: existing, or nodes and networks"));
  EXPECT_THAT(errors_of("networks: {lan: 10.0.0.0/24}\n"), HasSubstr("nodes: is missing beside networks"));
}

TEST(ClusterFileTest, WhatIsNoMappingOrNoListIsRefused) {
  EXPECT_THAT(errors_of(shortest("kepler: 5\n")),
              StartsWith("c.yaml:11: kepler: \"5\" is not a mapping of keys"));
  EXPECT_THAT(errors_of(shortest("name: [a]\n")), HasSubstr("name: a list is not a name of"));
  EXPECT_THAT(errors_of(shortest("scaler: {hpa: {}, up: {policies: {pods: 1}}}\n")),
              HasSubstr("scaler.up.policies: a mapping is not a list"));
  EXPECT_THAT(errors_of(shortest("scaler: {hpa: {}, up: {policies: []}}\n")),
              HasSubstr("scaler.up.policies: is empty"));
  EXPECT_THAT(errors_of(shortest("scaler: {hpa: {}, up: {policies: [3]}}\n")),
              HasSubstr("scaler.up.policies[0]: \"3\" is not a mapping of keys"));
  EXPECT_EQ(errors_of("just text\n"),
            "c.yaml:1: \"just text\" is not a mapping of keys, as a cluster file is");
}

TEST(ClusterFileTest, AKeyWithoutAValueIsRefused) {
  EXPECT_THAT(errors_of(shortest("consumers:\n  model:\n")),
              StartsWith("c.yaml:12: consumers.model: has no value"));
  EXPECT_THAT(errors_of(shortest("kafka: ~\n")), StartsWith("c.yaml:11: kafka: has no value"));
}

// -- values

TEST(ClusterFileTest, AllErrorsAreReportedAtOnceInTheOrderOfTheFile) {
  const std::string errors = errors_of(shortest(R"(kafka:
  port: 70000
  heap: 10GB
consumers:
  engine: tensorflow
  image: kexp-consumer
monitoring: {consumer_interval: 10s}
)"));

  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 4) << errors;
  EXPECT_THAT(errors,
              StartsWith("c.yaml:12: kafka.port: \"70000\" is not a whole number from 1 to 65535\n"
                         "c.yaml:13: kafka.heap: \"10GB\" is not an amount of bytes such as 512Mi or 1Gi"));
  EXPECT_THAT(
      errors,
      HasSubstr("\nc.yaml:15: consumers.engine: \"tensorflow\" is not one of auto, opencv, openvino\n"));
  EXPECT_THAT(errors, HasSubstr("\nc.yaml:16: consumers.image: kexp-consumer has no tag"));
  EXPECT_THAT(errors,
              HasSubstr("\nc.yaml:17: monitoring.consumer_interval: \"10s\" is not a time from 1s to 5s"));
}

TEST(ClusterFileTest, AFieldThatCouldNotBeReadCausesNoSecondError) {
  // The default of 34 partitions would be too few for 40 pods.
  const std::string errors =
      errors_of(shortest("kafka: {input: {partitions: 4O}}\nscaler: {max_pods: 40, hpa: {}}\n"));
  EXPECT_THAT(errors, AllOf(HasSubstr("kafka.input.partitions: \"4O\" is not a whole number"),
                            Not(HasSubstr("max_pods"))));
  EXPECT_THAT(errors_of(reference_with("lan: 192.168.1.0/24", "lan: 192.168.1.0/33")),
              Not(HasSubstr("outside")));
}

struct WrongValue {
  const char* more;
  const char* field;
  const char* reason;
};

void PrintTo(const WrongValue& value, std::ostream* out) { *out << value.more; }

class ClusterFileValueTest : public ::testing::TestWithParam<WrongValue> {};

TEST_P(ClusterFileValueTest, IsRefusedWithItsFieldAndTheReason) {
  EXPECT_THAT(
      errors_of(shortest(GetParam().more)),
      AllOf(StartsWith(std::string("c.yaml:11: ") + GetParam().field + ": "), HasSubstr(GetParam().reason)));
}

INSTANTIATE_TEST_SUITE_P(
    Traps, ClusterFileValueTest,
    ::testing::Values(
        WrongValue{"consumers: {validate_results: yes}\n", "consumers.validate_results",
                   "YAML 1.1 reads yes as true: write true without quotes"},
        WrongValue{"monitoring: {grafana: off}\n", "monitoring.grafana", "reads off as false: write false"},
        WrongValue{"kepler: {enabled: \"true\"}\n", "kepler.enabled",
                   "\"true\" is a text: write true without quotes"},
        WrongValue{"kepler: {enabled: 1}\n", "kepler.enabled", "\"1\" is not true or false"},
        WrongValue{"versions: {containerd: 2.3}\n", "versions.containerd",
                   "without quotes YAML reads 2.3 as the number 2.3: write \"2.3\""},
        WrongValue{"versions: {kubernetes: 1.36}\n", "versions.kubernetes", "the number 1.36"},
        WrongValue{"versions: {kubernetes: 1.10}\n", "versions.kubernetes", "1.10 as the number 1.1"},
        WrongValue{"name: no\n", "name", "YAML 1.1 reads no as false: write \"no\""},
        WrongValue{"name: 123\n", "name", "reads 123 as the number 123: write \"123\""},
        WrongValue{"kafka: {input: {name: 0123}}\n", "kafka.input.name",
                   "YAML 1.1 reads 0123 as the number 83"},
        WrongValue{"kafka: {port: 01001}\n", "kafka.port", "reads 01001 as the number 513"},
        WrongValue{"kafka: {port: 0x2711}\n", "kafka.port", "0x2711"},
        WrongValue{"kafka: {port: \"10001\"}\n", "kafka.port",
                   "\"10001\" is a text: write 10001 without quotes"},
        WrongValue{"kafka: {port: 1e4}\n", "kafka.port", "write a whole number"},
        WrongValue{"scaler: {hpa: {}, up: {window: 1:30}}\n", "scaler.up.window",
                   "YAML 1.1 reads 1:30 as the number 90"},
        WrongValue{"consumers: {grace: 30}\n", "consumers.grace", "with its unit"},
        WrongValue{"consumers: {resolution: 0640}\n", "consumers.resolution", "0640"},
        WrongValue{"nodes.x: 1\n", "nodes.x", "no key"}));

INSTANTIATE_TEST_SUITE_P(
    Texts, ClusterFileValueTest,
    ::testing::Values(
        WrongValue{"name: My_Lab\n", "name", "RFC 1123"}, WrongValue{"name: -lab\n", "name", "RFC 1123"},
        WrongValue{"consumers: {namespace: a.b}\n", "consumers.namespace", "RFC 1123"},
        WrongValue{"versions: {kepler: v0.13.0}\n", "versions.kepler", "without a \"v\""},
        WrongValue{"versions: {calico: latest}\n", "versions.calico", "a version of three numbers"},
        WrongValue{"monitoring: {retention: 30}\n", "monitoring.retention", "30"},
        WrongValue{"monitoring: {retention: 30days}\n", "monitoring.retention", "a time such as 30d"},
        WrongValue{"monitoring: {storage_path: data}\n", "monitoring.storage_path", "an absolute path"},
        WrongValue{"monitoring: {storage_path: /a/../b}\n", "monitoring.storage_path", "an absolute path"},
        WrongValue{"kafka: {input: {name: yolo input}}\n", "kafka.input.name", "a name as Kafka has them"},
        WrongValue{"consumers: {model: \"a\\nb\"}\n", "consumers.model", "a text in one line"},
        WrongValue{"kafka: {servers: broker}\n", "kafka.servers", "each with its port"},
        WrongValue{"consumers: {group: a/b}\n", "consumers.group", "a name as Kafka has them"},
        WrongValue{"consumers: {image: \"lab/Consumer:1\"}\n", "consumers.image", "an image such as"},
        WrongValue{"consumers: {image: \"lab/consumer@sha256:12\"}\n", "consumers.image", "an image such as"},
        WrongValue{"consumers: {resolution: 640x}\n", "consumers.resolution", "WxH such as 640x480"},
        WrongValue{"consumers: {requests: {cpu: two}}\n", "consumers.requests.cpu", "an amount of CPUs"},
        WrongValue{"consumers: {requests: {cpu: 0}}\n", "consumers.requests.cpu", "from 10m"},
        WrongValue{"consumers: {requests: {memory: 1}}\n", "consumers.requests.memory", "64Mi or more"},
        WrongValue{"scaler: {hpa: {}, up: {window: 2h}}\n", "scaler.up.window", "from 0s to 3600s"},
        WrongValue{"scaler: {hpa: {}, up: {policies: [{pods: 1, every: 31m}]}}\n",
                   "scaler.up.policies[0].every", "from 1s to 1800s"},
        WrongValue{"scaler: {hpa: {}, up: {policies: [{pods: 0}]}}\n", "scaler.up.policies[0].pods",
                   "from 1 to 10000"}));

/// A file with one value: "scaler.up.policies[].pods" and "3" are `scaler: {up: {policies: [{pods: 3}]}}`.
std::string file_with(const std::string& field, const std::string& value) {
  const std::size_t dot = field.find('.');
  const std::string inner =
      dot == std::string::npos ? value : "{" + file_with(field.substr(dot + 1), value) + "}";
  const std::string key = field.substr(0, dot);
  return key.ends_with("[]") ? key.substr(0, key.size() - 2) + ": [" + inner + "]" : key + ": " + inner;
}

TEST(ClusterFileTest, EveryFieldRefusesWhatIsOfAnotherShapeAndNamesItself) {
  const std::vector<FieldRow> rows = cluster_file_rows();
  ASSERT_GT(rows.size(), 80U);
  for (const FieldRow& row : rows) {
    const bool list = row.may_be == "list of mappings";
    std::string name = row.field;
    for (std::size_t at = name.find("[]"); at != std::string::npos; at = name.find("[]")) {
      name.insert(at + 1, "0");
    }
    EXPECT_THAT(errors_of(file_with(row.field, list ? "{a: 1}" : "[a]")),
                HasSubstr("c.yaml:1: " + name + (list ? ": a mapping is not a list" : ": a list is not ")));
    EXPECT_THAT(errors_of(file_with(row.field, "~")), HasSubstr("c.yaml:1: " + name + ": has no value"));
  }
}

/// Loads a damaged file: it loads, or each of its errors names file and line.
void expect_loaded_or_located(const std::string& text) {
  try {
    static_cast<void>(parse_cluster_file(text, "c.yaml"));
  } catch (const UsageError& e) {
    std::istringstream errors(e.what());
    for (std::string line; std::getline(errors, line);) {
      const bool located = line.starts_with("c.yaml:") && line.size() > 7 && line[7] >= '1' && line[7] <= '9';
      EXPECT_TRUE(located) << line << "\nin\n" << text;
    }
  }
}

TEST(ClusterFileTest, EveryErrorOfADamagedFileNamesItsLine) {
  const std::string text = initial_cluster_file("");
  constexpr std::size_t kStep = 17;  // Not every character: a part of a second is enough.
  for (std::size_t at = 0; at < text.size(); at += kStep) {
    std::string damaged = text;
    expect_loaded_or_located(damaged.erase(at, 1));
    damaged = text;
    expect_loaded_or_located(damaged.insert(at, at % 2 == 0 ? ":" : "]"));
    expect_loaded_or_located(text.substr(0, at));
  }
}

TEST(ClusterFileTest, LabelsOfNodesAreTexts) {
  EXPECT_THAT(errors_of(reference_with("192.168.1.161}", "192.168.1.161, labels: {rack: 12}}")),
              AllOf(HasSubstr("nodes.workers[0].labels.rack: "), HasSubstr("write \"12\"")));
  EXPECT_THAT(errors_of(reference_with("192.168.1.161}", "192.168.1.161, labels: {a/b/c: x}}")),
              HasSubstr("\"a/b/c\" is not a label's name"));
  EXPECT_THAT(errors_of(reference_with("192.168.1.161}", "192.168.1.161, labels: {a: b c}}")),
              HasSubstr("\"b c\" is not a label's value"));
}

TEST(ClusterFileTest, ABrokenFileIsAnErrorOfItsLine) {
  EXPECT_THAT(errors_of("nodes:\n  master: {name: m\n"), StartsWith("c.yaml:"));
  EXPECT_EQ(errors_of("# nothing yet\n"), "c.yaml:1: nothing stands in this file");
}

// -- alternatives

TEST(ClusterFileTest, TwoScalersExcludeEachOther) {
  EXPECT_THAT(
      errors_of(shortest("scaler:\n  hpa: {cpu_percent: 80}\n  keda: {lag: 50}\n")),
      AllOf(StartsWith("c.yaml:13: scaler.keda: stands beside hpa (line 12): two scalers would fight"),
            HasSubstr("remove one")));
  EXPECT_THAT(errors_of(shortest("scaler:\n  pods: 4\n  max_pods: 8\n")),
              StartsWith("c.yaml:13: scaler.max_pods: stands beside pods (line 12)"));
  EXPECT_THAT(errors_of(shortest("scaler: {max_pods: 8}\n")),
              StartsWith("c.yaml:11: scaler: lacks one of these: hpa, or keda, or pods"));
}

TEST(ClusterFileTest, APolicyCountsInPodsOrPercent) {
  EXPECT_THAT(errors_of(shortest("scaler: {hpa: {}, up: {policies: [{pods: 1, percent: 5}]}}\n")),
              HasSubstr("scaler.up.policies[0].percent: stands beside pods"));
  EXPECT_THAT(errors_of(shortest("scaler: {hpa: {}, up: {policies: [{every: 15s}]}}\n")),
              HasSubstr("scaler.up.policies[0]: lacks one of these: pods, or percent"));
}

TEST(ClusterFileTest, AClusterThatIsThereHasNoNodesOfOurs) {
  EXPECT_THAT(errors_of(shortest("existing: lab\nkafka: {servers: \"k:9092\"}\n")),
              AllOf(StartsWith("c.yaml:1: nodes: stands beside existing (line 11)"), HasSubstr("alone")));
}

TEST(ClusterFileTest, AKeyThatAnotherMakesUselessIsAWarning) {
  EXPECT_THAT(warnings_of(shortest("kafka:\n  servers: kafka.lab:9092\n  heap: 2Gi\n")),
              "c.yaml:13: kafka.heap: does nothing with kafka.servers: no broker of ours runs; remove it\n");
  EXPECT_THAT(warnings_of(shortest("kepler:\n  enabled: false\n  interval: 2s\n")),
              HasSubstr("c.yaml:13: kepler.interval: does nothing while kepler.enabled is false"));
  EXPECT_THAT(warnings_of(shortest("scaler:\n  keda: {lag: 5, polling_interval: 5s}\n")),
              HasSubstr("c.yaml:12: scaler.keda.polling_interval: does nothing while scaler.min_pods"));
  EXPECT_THAT(warnings_of("existing: lab\nkafka: {servers: \"k:9092\"}\naccess: {grafana_port: 3000}\n"),
              HasSubstr("c.yaml:3: access: does nothing"));
}

// -- the page

const std::filesystem::path kPage = std::filesystem::path(KEXP_SOURCE_DIR) / "docs/cluster-file.md";

/// What stands between a head and a foot, as a place in the page.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] std::string of(const std::string& page) const { return page.substr(begin, end - begin); }
};

std::optional<Part> find_part(const std::string& page, const std::string& head, const std::string& foot,
                              std::size_t from) {
  const std::size_t begin = page.find(head, from);
  const std::size_t end = begin == std::string::npos ? begin : page.find(foot, begin + head.size());
  return end == std::string::npos ? std::nullopt : std::optional(Part{begin + head.size(), end});
}

/// Expects a part of the page to be `wanted`; KEXP_UPDATE_GOLDEN=1 rewrites it.
void expect_part(std::string& page, const Part& part, const std::string& wanted) {
  if (std::getenv("KEXP_UPDATE_GOLDEN") == nullptr) {
    EXPECT_EQ(kexp::test::golden_difference(wanted, part.of(page)), "")
        << "KEXP_UPDATE_GOLDEN=1 rewrites the page";
    return;
  }
  page.replace(part.begin, part.end - part.begin, wanted);
  write_file_atomically(kPage, page);
}

/// Everything that is said about a file, errors or warnings.
std::string said_about(const std::string& text) {
  std::string said;
  try {
    for (const Problem& warning : parse_cluster_file(text, "cluster.yaml").warnings) {
      said += to_text(warning, "cluster.yaml") + "\n";
    }
  } catch (const UsageError& e) {
    said = std::string(e.what()) + "\n";
  }
  return said;
}

TEST(ClusterFilePageTest, TheTablesAreThoseOfTheCode) {
  std::string page = read_file(kPage);
  const std::optional<Part> tables = find_part(page, "## Every key\n\n", "\n## ", 0);
  ASSERT_TRUE(tables.has_value());

  expect_part(page, *tables, cluster_file_table());
}

TEST(ClusterFilePageTest, TheExamplesLoadWithoutAWarning) {
  const std::string page = read_file(kPage);
  const std::optional<Part> first = find_part(page, "```yaml\n", "```", 0);
  ASSERT_TRUE(first.has_value());
  const std::optional<Part> second = find_part(page, "```yaml\n", "```", first->end + 3);
  ASSERT_TRUE(second.has_value());

  EXPECT_EQ(first->of(page), shortest()) << "the mistakes count their lines by it";
  EXPECT_EQ(said_about(first->of(page)), "");
  EXPECT_EQ(said_about(second->of(page)), "");
}

TEST(ClusterFilePageTest, TheMistakesAreAnsweredAsThePageSays) {
  std::string page = read_file(kPage);
  std::size_t at = page.find("\n## Mistakes\n");
  int mistakes = 0;
  while (const std::optional<Part> lines = find_part(page, "```yaml\n", "```", at)) {
    const std::optional<Part> answer = find_part(page, "```text\n", "```", lines->end);
    ASSERT_TRUE(answer.has_value());
    const std::string said = said_about(shortest(lines->of(page)));
    expect_part(page, *answer, said);
    at = answer->begin + said.size();
    ++mistakes;
  }
  EXPECT_EQ(mistakes, 4);
}

}  // namespace
}  // namespace kexp::manifest
