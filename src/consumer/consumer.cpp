#include "kexp/consumer/consumer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/cpu_quota.hpp"
#include "kexp/core/free_memory.hpp"

#include "cpu_plan.hpp"
#include "exchange.hpp"
#include "health.hpp"
#include "membership.hpp"
#include "metrics.hpp"
#include "picture_memory.hpp"
#include "start.hpp"

namespace kexp::consumer {

namespace {

/// Says which number of threads was chosen and why: one too many would be throttled all the time.
void announce_threads(Log& log, const CpuPlan& plan, int asked, const CpuLimits& limits) {
  log.info(
      "consume: threads={} chosen_by={} quota_cpus={} affinity_cpus={} source=\"{}\" streams={} "
      "decode_ahead={}",
      plan.threads(), asked == 0 ? "limits" : "--threads",
      limits.quota_cpus > 0 ? fmt::format("{:.2f}", limits.quota_cpus) : "none", limits.affinity_cpus,
      limits.source, plan.streams, plan.decode_ahead ? "yes" : "no");
  if (const int all = asked == 0 ? limits.threads() : asked; plan.threads() < all) {
    log.warn("consume: {} threads do not divide into --streams {}: {} are used", all, plan.streams,
             plan.threads());
  }
  if (limits.quota_cpus > 0 && plan.threads() > std::max(limits.quota_cpus, 1.0)) {
    log.warn("consume: --threads {} is more than the quota of {:.2f} CPUs: expect throttling", plan.threads(),
             limits.quota_cpus);
  }
}

void warn_of_model(const ConsumerOptions& options, const inference::Detector& detector, Log& log) {
  for (const std::string& warning : detector.preparation().warnings) {
    log.warn("consume: --model {}: {}", options.model, warning);
  }
}

/// Only once the models are warm: what they take is no longer left.
image::DecodeLimits limit_pictures(const ConsumerPorts& ports, const CpuPlan& plan) {
  const std::optional<FreeMemory> left = read_group_memory(ports.system_root);
  const image::DecodeLimits limits = plan_picture_memory(plan, left);
  if (left) {
    constexpr double kMegabyte = 1e6;
    ports.log.info("consume: picture_memory_mb={:.0f} left_mb={:.0f} source=\"{}\"",
                   static_cast<double>(limits.memory_bytes) / kMegabyte,
                   static_cast<double>(left->bytes) / kMegabyte, left->source);
  }
  return limits;
}

std::unique_ptr<kafka::Producer> make_producer(const ConsumerOptions& options, kafka::ClientFactory& factory,
                                               Exchange& exchange) {
  if (options.answers == ConsumerOptions::Answers::none) {
    return nullptr;
  }
  kafka::ProducerOptions producer;
  producer.client = client_of(options);
  producer.batch_records = 1;  // Brokers refuse a batch for its size: one answer alone tells whose it is.
  return factory.make_producer(
      producer, [&exchange](const kafka::DeliveryReport& report) { exchange.on_report(report); });
}

void report_started(const ConsumerOptions& options, const inference::Detector& detector, Progress& progress) {
  progress.report({"consume",
                   "started",
                   {{"model", detector.model_name()},
                    {"engine", detector.engine()},
                    {"topic", options.input_topic},
                    {"group", group_of(options)},
                    {"pod", options.identity.pod}}});
}

void report_finished(const ConsumerResult& result, Progress& progress) {
  progress.report({"consume",
                   "finished",
                   {{"processed", static_cast<std::int64_t>(result.processed)},
                    {"errors", static_cast<std::int64_t>(result.errors)},
                    {"acknowledged", static_cast<std::int64_t>(result.acknowledged)},
                    {"resent", static_cast<std::int64_t>(result.resent)},
                    {"open", static_cast<std::int64_t>(result.open)}}});
}

}  // namespace

ConsumerResult run_consumer(const ConsumerOptions& options, ConsumerPorts ports, std::stop_token stop) {
  validate(options);
  const SteadyTime begun = ports.clock.now();
  const CpuLimits limits = read_cpu_limits(ports.system_root);
  const CpuPlan plan = plan_cpus(options.threads, options.streams, limits);
  announce_threads(ports.log, plan, options.threads, limits);
  show_limits(ports.metrics, plan, limits);

  const auto streams = static_cast<std::size_t>(plan.streams);
  Exchange exchange(ports.clock, {.streams = streams, .queued_messages = streams + 1});
  Health health(ports.clock, exchange, options.stuck_after);
  const auto endpoint =
      ports.serve ? ports.serve([&] { return health.healthy(); }, [&] { return health.ready(); }) : nullptr;
  const auto producer = make_producer(options, ports.kafka, exchange);  // Connects while the model is loaded.
  std::optional<Ready> ready = get_ready(options, ports, plan, health, stop);
  if (!ready) {
    return {};
  }
  const image::DecodeLimits picture_limits = limit_pictures(ports, plan);
  const ThrottleMeter throttling(ports.system_root);
  warn_of_model(options, *ready->detectors.front(), ports.log);
  report_started(options, *ready->detectors.front(), ports.progress);
  show_model(ports.metrics, *ready->detectors.front());
  Membership membership({.options = options,
                         .ports = ports,
                         .plan = plan,
                         .picture_limits = picture_limits,
                         .exchange = exchange,
                         .health = health,
                         .throttling = throttling,
                         .producer = producer.get(),
                         .begun = begun},
                        std::move(*ready));
  const ConsumerResult result = membership.run(stop);
  report_finished(result, ports.progress);
  return result;
}

}  // namespace kexp::consumer
