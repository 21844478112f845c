#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"

#include "rendered.hpp"

namespace kexp::manifest {
namespace {

using test::existing_cluster;
using test::reference_cluster;
using test::Rendered;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::UnorderedElementsAre;

class KafkaTest : public testing::Test {
 protected:
  Rendered rendered() const { return Rendered(render_kafka(cluster_)); }
  YAML::Node compose() const { return rendered().documents("70-kafka/compose.yaml").at(0); }
  YAML::Node broker() const { return compose()["services"]["kafka"]; }
  YAML::Node exporter() const { return compose()["services"]["exporter"]; }
  std::string broker_variable(const std::string& name) const {
    return broker()["environment"][name].as<std::string>();
  }

  ClusterFile cluster_ = reference_cluster();
};

TEST_F(KafkaTest, RendersABrokerItsMetricsAndItsTopics) {
  EXPECT_THAT(rendered().paths(), UnorderedElementsAre("70-kafka/compose.yaml", "70-kafka/jmx.yml",
                                                       "70-kafka/topics.env", "70-kafka/topics.sh"));
}

TEST_F(KafkaTest, RendersOnlyTheTopicsOfAKafkaThatIsThere) {
  cluster_ = existing_cluster();

  EXPECT_THAT(rendered().paths(), UnorderedElementsAre("70-kafka/topics.env", "70-kafka/topics.sh"));
  EXPECT_THAT(rendered().file("70-kafka/topics.env").content,
              HasSubstr("servers=kafka-1.lab:9092,kafka-2.lab:9092\n"));
}

/// "10001:9092" alone would be open to everybody who can reach the machine by any network.
TEST_F(KafkaTest, PublishesPortsOnTheLanAddressAlone) {
  std::vector<std::string> ports;
  for (const auto& service : compose()["services"]) {
    for (const YAML::Node& port : service.second["ports"]) {
      ports.push_back(port.as<std::string>());
    }
  }

  EXPECT_THAT(ports,
              ElementsAre("192.168.1.152:10001:9092", "192.168.1.152:11001:9404", "192.168.1.152:9308:9308"));
}

TEST_F(KafkaTest, AdvertisesTheAddressThatIsPublished) {
  cluster_.nodes.master.address = "10.0.0.7";
  cluster_.kafka.port = 9999;

  EXPECT_EQ(broker_variable("KAFKA_ADVERTISED_LISTENERS"), "INTERNAL://kafka:19092,LAN://10.0.0.7:9999");
  EXPECT_EQ(broker()["ports"][0].as<std::string>(), "10.0.0.7:9999:9092");
  EXPECT_EQ(broker_variable("KAFKA_LISTENERS"), "INTERNAL://:19092,LAN://:9092,CONTROLLER://:9093");
}

TEST_F(KafkaTest, TakesMessagesOfSixteenMebibytes) {
  EXPECT_EQ(broker_variable("KAFKA_MESSAGE_MAX_BYTES"), "16777216");
  EXPECT_EQ(broker_variable("KAFKA_REPLICA_FETCH_MAX_BYTES"), "16777216");
}

TEST_F(KafkaTest, CreatesNoTopicByItself) {
  EXPECT_EQ(broker_variable("KAFKA_AUTO_CREATE_TOPICS_ENABLE"), "false");
}

TEST_F(KafkaTest, KeepsAndTakesWhatTheFileSays) {
  cluster_.kafka.retention = {std::int64_t{5} << 30};
  cluster_.kafka.heap = {std::int64_t{1536} << 20};

  EXPECT_EQ(broker_variable("KAFKA_LOG_RETENTION_BYTES"), "5368709120");
  EXPECT_EQ(broker_variable("KAFKA_HEAP_OPTS"), "-Xms1536m -Xmx1536m");
  EXPECT_THAT(rendered().file("70-kafka/compose.yaml").content,
              HasSubstr("all 35 together keep at most 175Gi"));
}

/// Compose refuses truth values in an environment, and may write numbers its own way.
TEST_F(KafkaTest, QuotesVariablesThatYamlWouldTakeForSomethingElse) {
  for (const auto& variable : broker()["environment"]) {
    const auto text = variable.second.as<std::string>();
    const bool number = text.find_first_not_of("0123456789") == std::string::npos;
    if (number || text == "true" || text == "false") {
      EXPECT_EQ(variable.second.Tag(), "!") << variable.first.as<std::string>();
    }
  }
}

TEST_F(KafkaTest, HasNoMoreCopiesThanBrokers) {
  for (const auto& variable : broker()["environment"]) {
    const std::string name = variable.first.as<std::string>();
    if (name.ends_with("REPLICATION_FACTOR") || name.ends_with("ISR") || name.ends_with("REPLICAS")) {
      EXPECT_EQ(variable.second.as<std::string>(), "1") << name;
    }
  }
}

TEST_F(KafkaTest, HasAClusterIdThatOnlyTheNameChanges) {
  const std::string id = broker_variable("CLUSTER_ID");
  EXPECT_THAT(id, MatchesRegex("[A-Za-f][A-Za-z0-9_-]{20}[AQgw]"));

  cluster_.kafka.port = 9999;
  EXPECT_EQ(broker_variable("CLUSTER_ID"), id);
  cluster_.name = "other";
  EXPECT_NE(broker_variable("CLUSTER_ID"), id);
  EXPECT_EQ(compose()["name"].as<std::string>(), "other-kafka");
}

TEST_F(KafkaTest, AsksJmxByTheListOfTheLocalKafka) {
  const std::string local = read_file(std::filesystem::path(KEXP_SOURCE_DIR) / "scripts/lib/kafka/jmx.yml");

  EXPECT_EQ(rendered().file("70-kafka/jmx.yml").content, local);
  EXPECT_EQ(broker_variable("KAFKA_OPTS"), "-javaagent:/opt/jmx/agent.jar=9404:/opt/jmx/jmx.yml");
  EXPECT_EQ(broker()["volumes"][1].as<std::string>(), "./jmx.yml:/opt/jmx/jmx.yml:ro");
  EXPECT_EQ(broker()["volumes"][2]["source"].as<std::string>(),
            "../upstream/jmx_prometheus_javaagent-1.0.1.jar");
}

TEST_F(KafkaTest, PinsTheImages) {
  cluster_.versions.kafka = "4.4.0";

  EXPECT_EQ(broker()["image"].as<std::string>(), "docker.io/apache/kafka:4.4.0");
  EXPECT_EQ(exporter()["image"].as<std::string>(), "docker.io/danielqsj/kafka-exporter:v1.9.0");
}

TEST_F(KafkaTest, ExportsTheLagOfOurGroupAndTopicsAlone) {
  cluster_.kafka.input.name = "images.v2";
  cluster_.consumers.group = "lab.yolo";

  const auto command = exporter()["command"].as<std::vector<std::string>>();
  EXPECT_THAT(command,
              ElementsAre("--kafka.server=kafka:19092", "--kafka.version=3.8.0",
                          "--topic.filter=^(images\\.v2|yolo_output)$$", "--group.filter=^(lab\\.yolo)$$"));
}

TEST_F(KafkaTest, AsksForHealthLongerApartThanItWaits) {
  EXPECT_EQ(broker()["healthcheck"]["interval"].as<std::string>(), "5s");
  EXPECT_EQ(broker()["healthcheck"]["timeout"].as<std::string>(), "3s");
  EXPECT_EQ(exporter()["depends_on"]["kafka"]["condition"].as<std::string>(), "service_healthy");
}

TEST_F(KafkaTest, GivesContainersNoPrivilege) {
  for (const auto& service : compose()["services"]) {
    EXPECT_EQ(service.second["cap_drop"][0].as<std::string>(), "ALL");
    EXPECT_EQ(service.second["security_opt"][0].as<std::string>(), "no-new-privileges:true");
  }
}

TEST_F(KafkaTest, TellsTheTopicsScriptItsPartitions) {
  cluster_.kafka.input = {"images", 20};
  cluster_.kafka.output = {"answers", 2};

  EXPECT_THAT(rendered().file("70-kafka/topics.env").content,
              AllOf(HasSubstr("servers=192.168.1.152:10001\n"), HasSubstr("input_topic=images\n"),
                    HasSubstr("input_partitions=20\n"), HasSubstr("output_topic=answers\n"),
                    HasSubstr("output_partitions=2\n")));
  EXPECT_EQ(rendered().file("70-kafka/topics.sh").mode, RenderedFile::Mode::script);
}

}  // namespace
}  // namespace kexp::manifest
