#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "clients.hpp"
#include "configuration.hpp"
#include "errors.hpp"
#include "group_assignment.hpp"

namespace kexp::kafka {
namespace {

constexpr int kPauseMs = 100;  ///< Before a broker is asked again.
/// How long the first answer is waited for at a time: the call cannot be stopped from outside.
constexpr std::chrono::milliseconds kAskAgain{2000};

using std::chrono::milliseconds;

using AdminOptions = Handle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using NewTopic = Handle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using DeleteTopic = Handle<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using ConfigResource = Handle<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using Metadata = Handle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using GroupList = Handle<const rd_kafka_group_list, rd_kafka_group_list_destroy>;

/// Errors: KafkaError of the only topic of a CreateTopics or DeleteTopics answer.
void check_topic(const rd_kafka_topic_result_t* const* results, std::size_t count, std::string_view what) {
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* text = rd_kafka_topic_result_error_string(results[i]);
      throw make_error(code, what, text == nullptr ? "" : text);
    }
  }
}

PartitionInfo info_of(const rd_kafka_metadata_partition& partition) {
  const bool led = partition.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
  return {partition.id, led ? partition.leader : -1, partition.replica_cnt, partition.isr_cnt};
}

/// To the library an admin is a producer; it has no use for much of what is meant for other clients.
ClientOptions beside_others(ClientOptions options) {
  options.whose = ClientOptions::Whose::of_both;
  return options;
}

class RdAdmin final : public Admin {
 public:
  RdAdmin(const ClientOptions& options, Log& log, std::stop_token stop)
      : options_(beside_others(options)), stop_(std::move(stop)), events_(log) {
    client_ = Configuration(options_, events_).make_client(RD_KAFKA_PRODUCER);
  }

  using Admin::create_topic;
  void create_topic(const std::string& topic, int partitions, int replication,
                    const Properties& config) override {
    create({topic, partitions, replication, {}}, config);
  }

  void create_topic_on(const std::string& topic, const std::vector<std::int32_t>& leaders,
                       const Properties& config) override {
    create({topic, static_cast<int>(leaders.size()), /*replication=*/-1, leaders}, config);
  }

  void delete_topic(const std::string& topic) override {
    const std::string what = fmt::format("cannot delete topic {}", topic);
    const Deadline deadline = connect();
    const DeleteTopic unwanted(rd_kafka_DeleteTopic_new(topic.c_str()));
    const AdminOptions options = admin_options(RD_KAFKA_ADMIN_OP_DELETETOPICS, deadline);
    rd_kafka_DeleteTopic_t* topics[] = {unwanted.get()};
    rd_kafka_DeleteTopics(client_.get(), topics, 1, options.get(), answers());
    const EventHandle answer = await(deadline, what);
    std::size_t count = 0;
    const auto* results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(answer.get()), &count);
    check_topic(results, count, what);
  }

  [[nodiscard]] TopicInfo describe(const std::string& topic) override {
    return describe(topic, Deadline(options_.admin_timeout));
  }

  [[nodiscard]] std::vector<PartitionLag> lag(const std::string& topic, const std::string& group) override {
    return lag(topic, group, Deadline(options_.admin_timeout));
  }

  [[nodiscard]] std::vector<PartitionLag> lag_of(const std::string& topic, const std::string& group,
                                                 const std::vector<std::int32_t>& partitions) override {
    return partitions.empty() ? std::vector<PartitionLag>() : lag_of(topic, group, partitions, connect());
  }

  [[nodiscard]] std::vector<PartitionOffset> offsets_at(const std::string& topic,
                                                        std::int64_t unix_ms) override {
    const std::string what = fmt::format("cannot look up a time in {}", topic);
    const Deadline deadline(options_.admin_timeout);
    const std::vector<PartitionLag> lags = lag(topic, "", deadline);
    const PartitionList times = make_partition_list(lags.size());
    for (const PartitionLag& partition : lags) {
      rd_kafka_topic_partition_list_add(times.get(), topic.c_str(), partition.partition)->offset = unix_ms;
    }
    check_answered(rd_kafka_offsets_for_times(client_.get(), times.get(), deadline.left_ms()), what);
    std::vector<PartitionOffset> offsets;
    for (const rd_kafka_topic_partition_t& found : elements(*times)) {
      check(found.err, what);
      const std::int64_t end = lags[offsets.size()].end;
      offsets.push_back({found.partition, found.offset >= 0 ? found.offset : end});
    }
    return offsets;
  }

  [[nodiscard]] GroupInfo group(const std::string& group) override {
    const Deadline deadline = connect();
    const rd_kafka_group_list* answered = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(client_.get(), group.c_str(), &answered, deadline.left_ms());
    const GroupList groups(answered);
    check_answered(code == RD_KAFKA_RESP_ERR__PARTIAL ? RD_KAFKA_RESP_ERR__TIMED_OUT : code,
                   fmt::format("cannot describe group {}", group));
    GroupInfo info{"Dead", {}};
    for (const rd_kafka_group_info& found : std::span(groups->groups, as_size(groups->group_cnt))) {
      check(found.err, fmt::format("cannot describe group {}", group));
      info.state = found.state;
      for (const rd_kafka_group_member_info& member : std::span(found.members, as_size(found.member_cnt))) {
        info.members.push_back({member.member_id, member.client_id, member.client_host,
                                parse_assignment({static_cast<const std::uint8_t*>(member.member_assignment),
                                                  as_size(member.member_assignment_size)})});
      }
    }
    return info;
  }

  [[nodiscard]] Settings topic_settings(const std::string& topic) override {
    return settings(RD_KAFKA_RESOURCE_TOPIC, topic,
                    fmt::format("cannot read the settings of topic {}", topic));
  }

  [[nodiscard]] std::string cluster_id() override {
    const Deadline deadline = connect();
    char* const id = rd_kafka_clusterid(client_.get(), deadline.left_ms());
    std::string text = id == nullptr ? "" : id;
    rd_kafka_mem_free(client_.get(), id);
    return text;
  }

  [[nodiscard]] Settings broker_settings(std::int32_t broker) override {
    return settings(RD_KAFKA_RESOURCE_BROKER, std::to_string(broker),
                    fmt::format("cannot read the settings of broker {}", broker));
  }

 private:
  struct WantedTopic {
    const std::string& name;
    int partitions;
    int replication;
    std::vector<std::int32_t> leaders;  ///< Of each partition; empty: the controller chooses.
  };

  static std::size_t as_size(int count) { return static_cast<std::size_t>(count); }

  static NewTopic new_topic(const WantedTopic& wanted, const Properties& config, std::string_view what) {
    std::array<char, 512> text{};
    NewTopic topic(rd_kafka_NewTopic_new(wanted.name.c_str(), wanted.partitions, wanted.replication,
                                         text.data(), text.size()));
    if (!topic) {
      throw make_error(RD_KAFKA_RESP_ERR__INVALID_ARG, what, text.data());
    }
    for (std::size_t i = 0; i < wanted.leaders.size(); ++i) {
      std::int32_t leader = wanted.leaders[i];
      check(rd_kafka_NewTopic_set_replica_assignment(topic.get(), static_cast<std::int32_t>(i), &leader, 1,
                                                     text.data(), text.size()),
            what);
    }
    Settings settings(config.begin(), config.end());
    settings.emplace("max.message.bytes", std::to_string(kMaxMessageBytes));
    // Latencies count from the intended time, which travels as CreateTime.
    settings.emplace("message.timestamp.type", "CreateTime");
    for (const auto& [name, value] : settings) {
      check(rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str()), what);
    }
    return topic;
  }

  void create(const WantedTopic& wanted, const Properties& config) {
    const std::string what = fmt::format("cannot create topic {}", wanted.name);
    const Deadline deadline = connect();
    const NewTopic topic = new_topic(wanted, config, what);
    const AdminOptions options = admin_options(RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline);
    rd_kafka_NewTopic_t* topics[] = {topic.get()};
    rd_kafka_CreateTopics(client_.get(), topics, 1, options.get(), answers());
    const EventHandle answer = await(deadline, what);
    std::size_t count = 0;
    const auto* results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
    check_topic(results, count, what);
  }

  Settings settings(rd_kafka_ResourceType_t type, const std::string& name, const std::string& what) {
    const Deadline deadline = connect();
    const ConfigResource resource(rd_kafka_ConfigResource_new(type, name.c_str()));
    const AdminOptions options = admin_options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline);
    rd_kafka_ConfigResource_t* resources[] = {resource.get()};
    rd_kafka_DescribeConfigs(client_.get(), resources, 1, options.get(), answers());
    const EventHandle answer = await(deadline, what);
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** described = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(answer.get()), &count);
    Settings found;
    if (count == 0) {
      return found;
    }
    check(rd_kafka_ConfigResource_error(described[0]), what);
    const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(described[0], &count);
    for (const rd_kafka_ConfigEntry_t* entry : std::span(entries, count)) {
      if (const char* value = rd_kafka_ConfigEntry_value(entry); value != nullptr) {  // Secrets have none.
        found.emplace(rd_kafka_ConfigEntry_name(entry), value);
      }
    }
    return found;
  }

  /// Starts a call: makes sure once that a broker answers, since the calls themselves do not say it.
  Deadline connect() {
    const Deadline deadline(options_.admin_timeout);
    if (!connected_) {
      static_cast<void>(all_topics(deadline));
    }
    return deadline;
  }

  /// Metadata of every topic: asking for one would create it where the broker allows that.
  Metadata all_topics(const Deadline& deadline) {
    while (true) {
      const rd_kafka_metadata_t* answered = nullptr;
      const rd_kafka_resp_err_t code =
          rd_kafka_metadata(client_.get(), /*all_topics=*/1, nullptr, &answered,
                            connected_ ? deadline.left_ms() : deadline.left_ms(kAskAgain));
      Metadata metadata(answered);
      const bool silent = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
      if (silent && !connected_ && !deadline.over()) {
        if (stop_.stop_requested()) {
          throw InterruptedError(fmt::format("stopped while waiting for a broker at {}", options_.servers));
        }
        continue;
      }
      check_answered(code, "cannot read metadata");
      connected_ = true;
      return metadata;
    }
  }

  TopicInfo describe(const std::string& topic, const Deadline& deadline) {
    const Metadata metadata = all_topics(deadline);
    TopicInfo info{topic, {}};
    for (const rd_kafka_metadata_topic& found : std::span(metadata->topics, as_size(metadata->topic_cnt))) {
      if (found.topic == topic) {
        if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
          break;  // Being deleted.
        }
        check(found.err, fmt::format("cannot describe topic {}", topic));
        for (const rd_kafka_metadata_partition& partition :
             std::span(found.partitions, as_size(found.partition_cnt))) {
          info.partitions.push_back(info_of(partition));
        }
      }
    }
    std::sort(info.partitions.begin(), info.partitions.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    return info;
  }

  std::vector<PartitionLag> lag(const std::string& topic, const std::string& group,
                                const Deadline& deadline) {
    std::vector<std::int32_t> partitions;
    for (const PartitionInfo& partition : describe(topic, deadline).partitions) {
      partitions.push_back(partition.partition);
    }
    if (partitions.empty()) {
      throw make_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                       fmt::format("cannot read the offsets of {}", topic),
                       fmt::format("there is no topic {}", topic));
    }
    return lag_of(topic, group, partitions, deadline);
  }

  std::vector<PartitionLag> lag_of(const std::string& topic, const std::string& group,
                                   const std::vector<std::int32_t>& partitions, const Deadline& deadline) {
    const PartitionList committed = committed_offsets(topic, partitions, group, deadline);
    const PartitionList begins = boundaries(topic, partitions, RD_KAFKA_OFFSET_BEGINNING, deadline);
    const PartitionList ends = boundaries(topic, partitions, RD_KAFKA_OFFSET_END, deadline);
    std::vector<PartitionLag> lags;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const std::int64_t next = elements(*committed)[i].offset;
      lags.push_back({partitions[i], elements(*begins)[i].offset, elements(*ends)[i].offset,
                      next >= 0 ? std::optional(next) : std::nullopt});
    }
    return lags;
  }

  /// Where partitions begin or end, by one request to each leader: to the protocol both are times. A leader
  /// that is just being elected, or of a topic just made, is asked again until the deadline.
  PartitionList boundaries(const std::string& topic, const std::vector<std::int32_t>& partitions,
                           std::int64_t boundary, const Deadline& deadline) {
    while (true) {
      PartitionList offsets = list_of(topic, partitions, boundary);
      const rd_kafka_resp_err_t code = look_up(*offsets, deadline);
      const bool may_pass = code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
                            code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
                            code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                            code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;  // The client's word for it.
      if (!may_pass || deadline.left_ms() < 2 * kPauseMs) {
        check_answered(code, fmt::format("cannot read the offsets of {}", topic));
        return offsets;
      }
      rd_kafka_poll(client_.get(), kPauseMs);
    }
  }

  /// Replaces times by offsets; the first error, of the whole or of a partition.
  rd_kafka_resp_err_t look_up(rd_kafka_topic_partition_list_t& times, const Deadline& deadline) {
    const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client_.get(), &times, deadline.left_ms());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return code;
    }
    const auto found = elements(times);
    const auto failed = std::find_if(found.begin(), found.end(), [](const rd_kafka_topic_partition_t& each) {
      return each.err != RD_KAFKA_RESP_ERR_NO_ERROR;
    });
    return failed == found.end() ? RD_KAFKA_RESP_ERR_NO_ERROR : failed->err;
  }

  static PartitionList list_of(const std::string& topic, const std::vector<std::int32_t>& partitions,
                               std::int64_t offset) {
    PartitionList list = make_partition_list(partitions.size());
    for (const std::int32_t partition : partitions) {
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
    }
    return list;
  }

  PartitionList committed_offsets(const std::string& topic, const std::vector<std::int32_t>& partitions,
                                  const std::string& group, const Deadline& deadline) {
    PartitionList offsets = list_of(topic, partitions, RD_KAFKA_OFFSET_INVALID);
    if (!group.empty()) {
      check_answered(rd_kafka_committed(&member_of(group), offsets.get(), deadline.left_ms()),
                     fmt::format("cannot read the offsets of group {}", group));
      for (const rd_kafka_topic_partition_t& partition : elements(*offsets)) {
        check(partition.err, fmt::format("cannot read the offsets of group {}", group));
      }
    }
    return offsets;
  }

  /// A client of that group, as asking for its offsets takes one; it never joins.
  rd_kafka_t& member_of(const std::string& group) {
    if (!member_ || member_group_ != group) {
      Configuration conf(options_, events_);
      conf.set("group.id", group);
      conf.set("enable.auto.commit", "false");
      member_ = conf.make_client(RD_KAFKA_CONSUMER);
      member_group_ = group;
    }
    return *member_;
  }

  AdminOptions admin_options(rd_kafka_admin_op_t operation, const Deadline& deadline) const {
    AdminOptions options(rd_kafka_AdminOptions_new(client_.get(), operation));
    std::array<char, 512> text{};
    check(rd_kafka_AdminOptions_set_request_timeout(options.get(), deadline.left_ms(), text.data(),
                                                    text.size()),
          "admin request");
    if (operation != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS) {
      // The controller's time, so less than ours. With 0 Kafka 4 does nothing, and librdkafka calls it done.
      check(rd_kafka_AdminOptions_set_operation_timeout(options.get(), std::max(deadline.left_ms() / 2, 1),
                                                        text.data(), text.size()),
            "admin request");
    }
    return options;
  }

  rd_kafka_queue_t* answers() {
    answers_.reset(
        rd_kafka_queue_new(client_.get()));  // A late answer to an earlier call goes with its queue.
    return answers_.get();
  }

  EventHandle await(const Deadline& deadline, std::string_view what) {
    EventHandle answer(rd_kafka_queue_poll(answers_.get(), deadline.left_ms()));
    check_answered(answer ? rd_kafka_event_error(answer.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT, what);
    return answer;
  }

  /// Why nothing could be asked; `last` is what a connection said at last.
  std::string unavailable_text(const std::string& last) const {
    const double timeout_s = std::chrono::duration<double>(options_.admin_timeout).count();
    for (const std::string_view refusal : {"SASL ", "SSL handshake"}) {
      if (const std::size_t begin = last.find(refusal); begin != std::string::npos) {
        return fmt::format(
            "the brokers at {} and this client did not agree within {:g} s: {} (-X sasl.…, -X ssl.…)",
            options_.servers, timeout_s, last.substr(begin));
      }
    }
    return fmt::format(
        "no broker answered at {} within {:g} s: is it running? (--servers, KAFKA_SERVERS){}{}",
        options_.servers, timeout_s, last.empty() ? "" : "; ", last);
  }

  /// Errors: UnavailableError when the broker did not answer, KafkaError for every other code.
  void check_answered(rd_kafka_resp_err_t code, std::string_view what) const {
    switch (code) {
      case RD_KAFKA_RESP_ERR__TRANSPORT:
      case RD_KAFKA_RESP_ERR__TIMED_OUT:
      case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
      case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      case RD_KAFKA_RESP_ERR__RESOLVE: {
        throw UnavailableError(unavailable_text(events_.last_error()));
      }
      default:
        check(code, what);
    }
  }

  const ClientOptions options_;
  const std::stop_token stop_;
  Events events_;
  ClientHandle client_;
  QueueHandle answers_;
  ClientHandle member_;
  std::string member_group_;
  bool connected_ = false;
};

}  // namespace

std::unique_ptr<Admin> make_rd_admin(const ClientOptions& options, Log& log, std::stop_token stop) {
  return std::make_unique<RdAdmin>(options, log, std::move(stop));
}

}  // namespace kexp::kafka
