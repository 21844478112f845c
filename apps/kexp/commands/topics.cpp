#include "commands/topics.hpp"

#include <memory>
#include <ostream>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/kafka/options.hpp"
#include "kexp/kafka/topic_tasks.hpp"
#include "kexp/kafka/topics.hpp"

#include "confirm.hpp"

namespace kexp::cli {
namespace {

/// Of every nested command.
struct TopicsFlags {
  kafka::ClientOptions client;
  kafka::TopicPair topics;
  std::vector<std::string> properties;
};

struct CreateFlags : TopicsFlags {
  kafka::CreateTopicsOptions options;
  long timeout_s = options.timeout.count();
  bool reset = false;
  bool yes = false;
  bool force = false;
};

struct DescribeFlags : TopicsFlags {
  bool json = false;
};

struct LagFlags : TopicsFlags {
  std::string group;
  bool json = false;
  bool until_zero = false;
  long timeout_s = 60;
};

std::unique_ptr<kafka::Admin> make_admin(const TopicsFlags& flags, Context& context) {
  kafka::ClientOptions client = flags.client;
  for (const std::string& property : flags.properties) {
    client.properties.push_back(kafka::parse_property(property));
  }
  return context.kafka.make_admin(client, context.stop);
}

void require_seconds(long seconds) {
  if (seconds < 1 || seconds > 86'400) {
    throw UsageError(fmt::format("--timeout must be from 1 to 86400 s, got {}", seconds));
  }
}

kafka::DestroyOptions destroy_options(const CreateFlags& flags, const std::stop_token& stop) {
  return {flags.force, std::chrono::seconds(flags.timeout_s),
          [yes = flags.yes, stop](const std::string& what_goes) { confirm(what_goes, yes, stop); }};
}

void create(kafka::Admin& admin, const kafka::CreateTopicsOptions& options, Context& context) {
  for (const kafka::CreatedTopic& topic : kafka::create_topics(admin, context.clock, options, context.stop)) {
    context.out << fmt::format("{}: {} partition{}, {}\n", topic.name, topic.partitions,
                               topic.partitions == 1 ? "" : "s",
                               topic.existed ? "exists already" : "created");
  }
}

ExitCode run_create(const CreateFlags& flags, Context& context) {
  kafka::CreateTopicsOptions options = flags.options;
  options.topics = flags.topics;
  require_seconds(flags.timeout_s);
  options.timeout = std::chrono::seconds(flags.timeout_s);
  kafka::validate(options);
  const auto admin = make_admin(flags, context);
  if (flags.reset) {
    kafka::destroy_topics(*admin, context.clock, kafka::plan_reset(*admin, options.topics),
                          destroy_options(flags, context.stop), context.stop);
  }
  create(*admin, options, context);
  return ExitCode::ok;
}

ExitCode run_reset(const CreateFlags& flags, Context& context) {
  kafka::validate(flags.topics);
  require_seconds(flags.timeout_s);
  const auto admin = make_admin(flags, context);
  const kafka::ResetPlan plan = kafka::plan_reset(*admin, flags.topics);
  const auto options = kafka::recreation(plan, flags.topics, std::chrono::seconds(flags.timeout_s));
  kafka::destroy_topics(*admin, context.clock, plan, destroy_options(flags, context.stop), context.stop);
  create(*admin, options, context);
  return ExitCode::ok;
}

ExitCode run_describe(const DescribeFlags& flags, Context& context) {
  kafka::validate(flags.topics);
  const auto admin = make_admin(flags, context);
  Json json = Json::array();
  for (const auto& [use, topic] : {std::pair(kafka::TopicUse::images, flags.topics.input),
                                   std::pair(kafka::TopicUse::answers, flags.topics.output)}) {
    const kafka::TopicReport report = kafka::describe_topic(*admin, topic, use);
    for (const std::string& warning : report.warnings) {
      context.log.warn("topics: topic={} warning=\"{}\"", topic, warning);
    }
    json.push_back(kafka::to_json(report));
    if (!flags.json) {
      context.out << kafka::to_text(report);
    }
  }
  if (flags.json) {
    context.out << json.dump(2) << '\n';
  }
  return ExitCode::ok;
}

ExitCode run_lag(const LagFlags& flags, Context& context) {
  kafka::validate(flags.topics);
  require_seconds(flags.timeout_s);
  if (!flags.group.empty()) {
    kafka::validate_name(flags.group, "--group");
  }
  const std::string group = flags.group.empty() ? kafka::consumer_group(flags.topics.input) : flags.group;
  const auto admin = make_admin(flags, context);
  const kafka::LagReport report =
      flags.until_zero ? kafka::wait_until_drained(*admin, context.clock, flags.topics.input, group,
                                                   std::chrono::seconds(flags.timeout_s), context.stop)
                       : kafka::read_lag(*admin, flags.topics.input, group);
  const bool is_drained = flags.until_zero && report.total() == 0;
  if (!flags.group.empty() && !is_drained) {  // That of the consumers may be still to come.
    kafka::require_group(report);
  }
  context.out << (flags.json ? kafka::to_json(report).dump(2) + '\n' : kafka::to_text(report));
  if (flags.until_zero && report.total() > 0) {
    context.log.error("topics: {} records of {} are left after --timeout {} s", report.total(),
                      flags.topics.input, flags.timeout_s);
    return ExitCode::unmet;
  }
  return ExitCode::ok;
}

void add_shared(CLI::App& command, TopicsFlags& flags) {
  add_servers(command, flags.client.servers);
  add_kafka_properties(command, flags.properties);
  command.add_option("--input-topic", flags.topics.input, "Topic of the images (KAFKA_INPUT_TOPIC)")
      ->capture_default_str();
  command.add_option("--output-topic", flags.topics.output, "Topic of the results (KAFKA_OUTPUT_TOPIC)")
      ->capture_default_str();
}

void add_destroying(CLI::App& command, CreateFlags& flags) {
  command.add_option("--timeout", flags.timeout_s, "Seconds until a topic must be seen, or gone")
      ->capture_default_str();
  command.add_flag("--yes", flags.yes, "Delete without asking");
  command.add_flag("--force", flags.force, "Discard what is not processed");
}

}  // namespace

CommandRun add_topics(CLI::App& command) {
  auto create_flags = std::make_shared<CreateFlags>();
  auto describe_flags = std::make_shared<DescribeFlags>();
  auto lag_flags = std::make_shared<LagFlags>();
  auto reset_flags = std::make_shared<CreateFlags>();

  CLI::App* create_command = command.add_subcommand("create", "Create both topics and verify them");
  add_shared(*create_command, *create_flags);
  create_command
      ->add_option("--partitions", create_flags->options.partitions,
                   "Of the input topic: the most consumers that will run")
      ->required();
  create_command
      ->add_option("--output-partitions", create_flags->options.output_partitions, "Of the output topic")
      ->capture_default_str();
  create_command->add_option("--replication", create_flags->options.replication, "Copies of each partition")
      ->capture_default_str();
  create_command->add_flag("--reset", create_flags->reset, "Delete topics of these names first");
  add_destroying(*create_command, *create_flags);

  CLI::App* describe_command =
      command.add_subcommand("describe", "Partitions, leaders, records and settings of both topics");
  add_shared(*describe_command, *describe_flags);
  add_json(*describe_command, describe_flags->json);

  CLI::App* lag_command = command.add_subcommand("lag", "Records that the consumers have not processed yet");
  add_shared(*lag_command, *lag_flags);
  lag_command->add_option("--group", lag_flags->group, "Group of the consumers [<input topic>.consumers]");
  add_json(*lag_command, lag_flags->json);
  lag_command->add_flag("--until-zero", lag_flags->until_zero, "Wait until nothing is left; else exit 4");
  lag_command->add_option("--timeout", lag_flags->timeout_s, "Seconds to wait at most")
      ->capture_default_str();

  CLI::App* reset_command =
      command.add_subcommand("reset", "Delete both topics and create them with the partitions they had");
  add_shared(*reset_command, *reset_flags);
  add_destroying(*reset_command, *reset_flags);

  for (CLI::App* nested : {create_command, describe_command, lag_command, reset_command}) {
    nested->fallthrough();
  }
  return [=](Context& context) {
    if (create_command->parsed()) {
      return run_create(*create_flags, context);
    }
    if (describe_command->parsed()) {
      return run_describe(*describe_flags, context);
    }
    if (lag_command->parsed()) {
      return run_lag(*lag_flags, context);
    }
    if (reset_command->parsed()) {
      return run_reset(*reset_flags, context);
    }
    throw UsageError("topics needs a command: create, describe, lag or reset");
  };
}

}  // namespace kexp::cli
