#include <fmt/format.h>

#include "kexp/core/sha256.hpp"

#include "names.hpp"
#include "render/parts.hpp"
#include "scripts.hpp"

namespace kexp::manifest {
namespace {

// Ports inside the containers.
constexpr int kLanPort = 9092;
constexpr int kControllerPort = 9093;
constexpr int kInternalPort = 19092;
constexpr int kAgentPort = 9404;
constexpr int kExporterPort = 9308;

constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

/// Kafka's id of a cluster: 16 bytes in base64url, the same for the same name so that a rendering is too.
std::string cluster_id(const std::string& name) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::size_t kWholeCharacters = 21;
  const std::string hash = sha256_hex("kafka of " + name);
  std::string id;
  for (std::size_t i = 0; i < kWholeCharacters; ++i) {
    const unsigned long byte = std::stoul(hash.substr(2 * i, 2), nullptr, 16);
    id += kAlphabet[byte % (i == 0 ? 32 : 64)];  // No '-' in front: tools would take the id for a flag.
  }
  return id + "A";  // The last character has two bits of the 128.
}

/// A regular expression for exactly one of `names`, as Compose must be told: `$$` for one dollar.
std::string exactly(const std::vector<std::string>& names) {
  std::string alternatives;
  for (const std::string& name : names) {
    alternatives += alternatives.empty() ? "" : "|";
    for (const char c : name) {
      alternatives += c == '.' ? std::string("\\.") : std::string(1, c);
    }
  }
  return fmt::format("^({})$$", alternatives);
}

/// `port` of a container, for the LAN alone: never 0.0.0.0.
Yaml published(const ClusterFile& cluster, int host_port, int port) {
  return fmt::format("{}:{}:{}", names::master_address(cluster), host_port, port);
}

/// A container needs no privilege, and its log does not fill the disk.
void set_common(Yaml& service) {
  service.set("restart", "unless-stopped");
  service.set("cap_drop", Yaml::list({"ALL"}).on_one_line());
  service.set("security_opt", Yaml::list({"no-new-privileges:true"}).on_one_line());
  service.set("logging", Yaml::map({{"driver", "json-file"},
                                    {"options", Yaml::map({{"max-size", "10m"}, {"max-file", "3"}})}})
                             .on_one_line());
}

void set_listeners(Yaml& environment, const ClusterFile& cluster) {
  environment.set(
      "KAFKA_LISTENERS",
      fmt::format("INTERNAL://:{},LAN://:{},CONTROLLER://:{}", kInternalPort, kLanPort, kControllerPort),
      "Pods, feeder and tracker come by LAN; the address is the one they are sent back to, so it\n"
      "must be reachable from all of them. The exporter beside comes by INTERNAL.");
  environment.set("KAFKA_ADVERTISED_LISTENERS",
                  fmt::format("INTERNAL://kafka:{},LAN://{}:{}", kInternalPort,
                              names::master_address(cluster), cluster.kafka.port));
  environment.set("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
                  "INTERNAL:PLAINTEXT,LAN:PLAINTEXT,CONTROLLER:PLAINTEXT");
  environment.set("KAFKA_INTER_BROKER_LISTENER_NAME", "INTERNAL");
  environment.set("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER");
  environment.set("KAFKA_CONTROLLER_QUORUM_VOTERS", fmt::format("1@kafka:{}", kControllerPort));
}

void set_limits(Yaml& environment, const ClusterFile& cluster) {
  const std::string message = std::to_string(16 * kMebibyte);
  const Kafka& kafka = cluster.kafka;
  environment.set("KAFKA_MESSAGE_MAX_BYTES", message,
                  "Images of up to 15 MB: 16 MiB wherever a size is limited.");
  environment.set("KAFKA_REPLICA_FETCH_MAX_BYTES", message);
  environment.set("KAFKA_SOCKET_REQUEST_MAX_BYTES", std::to_string(100 * kMebibyte));
  environment.set("KAFKA_QUEUED_MAX_REQUEST_BYTES", std::to_string(kafka.heap.bytes / 4),
                  "What waiting requests may take of the heap.");
  const std::int64_t partitions = kafka.input.partitions + kafka.output.partitions;
  environment.set(
      "KAFKA_LOG_RETENTION_BYTES", std::to_string(kafka.retention.bytes),
      fmt::format("Of each partition; all {} together keep at most {} on the master's disk, for 7 days "
                  "at most.",
                  partitions, to_text(MemoryQuantity{partitions * kafka.retention.bytes})));
}

void set_single_broker(Yaml& environment) {
  const char* comment =
      "One broker: one copy of everything. Three on one machine would be no safer, only busier.";
  for (const char* name :
       {"KAFKA_DEFAULT_REPLICATION_FACTOR", "KAFKA_MIN_INSYNC_REPLICAS",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR"}) {
    environment.set(name, "1", comment);
    comment = "";
  }
}

Yaml broker_environment(const ClusterFile& cluster) {
  Yaml environment = Yaml::map({});
  environment.set(
      "CLUSTER_ID", cluster_id(cluster.name),
      "The image takes none of its own defaults once a KAFKA_… is set: this is the whole configuration.");
  environment.set("KAFKA_PROCESS_ROLES", "broker,controller");
  environment.set("KAFKA_NODE_ID", "1");
  environment.set("KAFKA_LOG_DIRS", "/var/lib/kafka/data");
  set_listeners(environment, cluster);
  set_limits(environment, cluster);
  environment.set("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false",
                  "A mistyped topic is an error, not a new topic with one partition.");
  environment.set(
      "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "3000",
      "The first consumers of a group are waited for, so that many that start together are assigned "
      "once.");
  set_single_broker(environment);
  const std::int64_t heap = cluster.kafka.heap.bytes / kMebibyte;
  environment.set("KAFKA_HEAP_OPTS", fmt::format("-Xms{0}m -Xmx{0}m", heap));
  environment.set("KAFKA_OPTS", fmt::format("-javaagent:/opt/jmx/agent.jar={}:/opt/jmx/jmx.yml", kAgentPort),
                  "Inherited by what is run inside the container, which then wants the same port:\n"
                  "docker compose exec -e KAFKA_OPTS= kafka /opt/kafka/bin/kafka-topics.sh …");
  return environment;
}

Yaml agent_volume(const ClusterFile& cluster) {
  return Yaml::map({{"type", "bind"},
                    {"source", "../upstream/" + names::jmx_agent(cluster)},
                    {"target", "/opt/jmx/agent.jar"},
                    {"read_only", true},
                    {"bind", Yaml::map({{"create_host_path", false}}).on_one_line(),
                     "Not fetched yet is an error, not an empty folder of that name."}});
}

Yaml broker(const ClusterFile& cluster) {
  Yaml service = Yaml::map({{"image", "docker.io/apache/kafka:" + cluster.versions.kafka}});
  set_common(service);
  service.set("stop_grace_period", "60s", "A broker that is killed reads its whole log at the next start.");
  service.set("environment", broker_environment(cluster));
  service.set("ports",
              Yaml::list({published(cluster, cluster.kafka.port, kLanPort),
                          published(cluster, cluster.kafka.jmx_port, kAgentPort)}),
              fmt::format("Open to the LAN alone. {}: metrics by jmx.yml's list, asked every {}.",
                          cluster.kafka.jmx_port, to_text(cluster.monitoring.scrape_interval)));
  service.set("volumes", Yaml::list({"data:/var/lib/kafka/data", "./jmx.yml:/opt/jmx/jmx.yml:ro",
                                     agent_volume(cluster)}));
  service.set(
      "healthcheck",
      Yaml::map(
          {{"test", Yaml::list({"CMD", "bash", "-c", fmt::format("exec 3<>/dev/tcp/127.0.0.1/{}", kLanPort)})
                        .on_one_line()},
           {"interval", "5s"},
           {"timeout", "3s"},
           {"retries", 3},
           {"start_period", "60s"}}),
      "A connection, not a Java tool: those burn a second of CPU each.");
  return service;
}

Yaml exporter(const ClusterFile& cluster) {
  Yaml service =
      Yaml::map({{"image", "docker.io/danielqsj/kafka-exporter:v" + cluster.versions.kafka_exporter}});
  set_common(service);
  service.set("depends_on",
              Yaml::map({{"kafka", Yaml::map({{"condition", "service_healthy"}}).on_one_line()}}),
              "It ends where it finds no broker.");
  service.set(
      "command",
      Yaml::list({fmt::format("--kafka.server=kafka:{}", kInternalPort), "--kafka.version=3.8.0",
                  "--topic.filter=" + exactly({cluster.kafka.input.name, cluster.kafka.output.name}),
                  "--group.filter=" + exactly({names::consumer_group(cluster)})}),
      "Offsets and lag of our topics and group alone; $$ is Compose's way to write one dollar. The version\n"
      "is the protocol's: of the default's requests Kafka 4 refuses some.");
  service.set("ports", Yaml::list({published(cluster, cluster.kafka.exporter_port, kExporterPort)}));
  return service;
}

RenderedFile compose_file(const ClusterFile& cluster) {
  Yaml root = Yaml::map({{"name", cluster.name + "-kafka"}});
  root.set("services", Yaml::map({{"kafka", broker(cluster)}, {"exporter", exporter(cluster)}}));
  root.set("volumes", Yaml::map({{"data", Yaml::map()}}),
           "Owned by the image's user; outlives the container.");
  return yaml_file(
      "70-kafka/compose.yaml",
      "Kafka on the master, outside Kubernetes: one KRaft broker, and an exporter of its consumers' lag.\n"
      "Its energy is the master's, never that of the workers that are measured.\n"
      "\n"
      "  start          docker compose up -d --wait\n"
      "  stop           docker compose stop\n"
      "  remove         docker compose down\n"
      "  with its data  docker compose down -v",
      {{std::move(root)}});
}

RenderedFile topics_settings(const ClusterFile& cluster) {
  const Kafka& kafka = cluster.kafka;
  return env_file("70-kafka/topics.env", "What topics.sh creates, and where.",
                  {{"servers", names::kafka_servers(cluster)},
                   {"input_topic", kafka.input.name},
                   {"input_partitions", std::to_string(kafka.input.partitions),
                    "The most consumers that can work at once."},
                   {"output_topic", kafka.output.name},
                   {"output_partitions", std::to_string(kafka.output.partitions)}});
}

}  // namespace

Files render_kafka(const ClusterFile& cluster) {
  Files files = {topics_settings(cluster), script_file("70-kafka", "topics.sh")};
  if (cluster.kafka.servers.empty()) {
    files.push_back(compose_file(cluster));
    files.push_back({"70-kafka/jmx.yml", std::string(script("jmx.yml"))});
  }
  return files;
}

}  // namespace kexp::manifest
