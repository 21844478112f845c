#include "kexp/consumer/consumer.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/cpu_quota.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/units.hpp"
#include "kexp/kafka/topics.hpp"

#include "exchange.hpp"
#include "health.hpp"
#include "image_processor.hpp"
#include "lag_watch.hpp"
#include "metrics.hpp"
#include "worker.hpp"

namespace kexp::consumer {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollTime(100);
constexpr milliseconds kBrokerPause(500);
constexpr milliseconds kCloseTime(10'000);
constexpr milliseconds kShortestCloseTime(1'000);
/// All of a stop, so that a pod is done within its grace period (30 s).
constexpr milliseconds kStopTime(25'000);
constexpr std::chrono::seconds kMetricsInterval(1);
constexpr std::chrono::seconds kProgressInterval(10);

/// Serves the group's rebalances, on the poll thread.
class GroupListener final : public kafka::RebalanceListener {
 public:
  GroupListener(Exchange& exchange, const ConsumerPorts& ports, milliseconds revoke_wait)
      : exchange_(exchange), ports_(ports), revoke_wait_(revoke_wait) {}

  /// The consumer that calls us, once it is made.
  void serve(kafka::Consumer& consumer) { consumer_ = &consumer; }
  /// What is revoked from now on was drained already.
  void stop_waiting() { revoke_wait_ = milliseconds(0); }

  void on_assigned(const std::vector<std::int32_t>& partitions) override {
    exchange_.assign(partitions);
    report("assigned", partitions);
  }

  void on_revoked(const std::vector<std::int32_t>& partitions) override {
    for (const kafka::PartitionOffset& next : exchange_.revoke(partitions, revoke_wait_)) {
      consumer_->store_offset(next.partition, next.offset);
    }
    report("revoked", partitions);
  }

  void on_lost(const std::vector<std::int32_t>& partitions) override {
    exchange_.lose(partitions);
    report("lost", partitions);
  }

 private:
  void report(const std::string& event, const std::vector<std::int32_t>& partitions) {
    ports_.metrics.add("rebalances_total", 1, {event});
    ports_.progress.report({"consume",
                            event,
                            {{"partitions", fmt::format("{}", fmt::join(partitions, ","))},
                             {"now", static_cast<std::int64_t>(exchange_.state().partitions.size())}}});
  }

  Exchange& exchange_;
  const ConsumerPorts& ports_;
  milliseconds revoke_wait_;
  kafka::Consumer* consumer_ = nullptr;
};

kafka::ClientOptions client_of(const ConsumerOptions& options) {
  kafka::ClientOptions client = options.client;
  client.client_id = options.identity.pod;
  return client;
}

inference::DetectorOptions detector_options(const ConsumerOptions& options, const CpuLimits& limits) {
  inference::DetectorOptions detector = options.detector;
  detector.threads = options.threads > 0 ? options.threads : limits.threads();
  return detector;
}

/// Says which number of threads was chosen and why: one too many would be throttled all the time.
void announce_threads(Log& log, int threads, int asked, const CpuLimits& limits) {
  log.info("consume: threads={} chosen_by={} quota_cpus={} affinity_cpus={} source=\"{}\"", threads,
           asked == 0 ? "limits" : "--threads",
           limits.quota_cpus > 0 ? fmt::format("{:.2f}", limits.quota_cpus) : "none", limits.affinity_cpus,
           limits.source);
  if (limits.quota_cpus > 0 && threads > limits.threads()) {
    log.warn("consume: --threads {} is more than the quota of {:.2f} CPUs: expect throttling", threads,
             limits.quota_cpus);
  }
}

void check_topics(kafka::Admin& admin, const ConsumerOptions& options) {
  static_cast<void>(kafka::partitions_of(admin, options.input_topic, "--input-topic"));
  if (options.answers == ConsumerOptions::Answers::send) {
    static_cast<void>(kafka::partitions_of(admin, options.output_topic, "--output-topic"));
  }
}

/// Waits until a broker shows the topics; false when stopped before. A pod may be there before its broker.
bool wait_for_topics(kafka::Admin& admin, const ConsumerOptions& options, const ConsumerPorts& ports,
                     std::stop_token stop) {
  Clock& clock = ports.clock;
  const SteadyTime deadline = clock.now() + options.broker_wait;
  bool told = false;
  for (;;) {
    try {
      check_topics(admin, options);
      return true;
    } catch (const InterruptedError&) {
      return false;
    } catch (const Error& e) {
      if (e.code() != ExitCode::unavailable) {
        throw;
      }
      if (clock.now() >= deadline) {
        throw UnavailableError(fmt::format("waited {} for a broker at {} (--servers): {}",
                                           format_duration(options.broker_wait), options.client.servers,
                                           e.what()));
      }
    }
    if (!std::exchange(told, true)) {
      ports.log.warn("consume: waiting_for=broker servers={} at_most_s={:.0f}", options.client.servers,
                     seconds(options.broker_wait));
    }
    if (!clock.sleep_for(kBrokerPause, stop)) {
      return false;
    }
  }
}

/// One life of a consumer whose model is loaded and whose topics exist. Members are in the order in which
/// they need each other.
class Membership {
 public:
  Membership(const ConsumerOptions& options, const ConsumerPorts& ports, Exchange& exchange, Health& health,
             ImageProcessor& processor, std::unique_ptr<kafka::Admin> admin, const ThrottleMeter& throttling)
      : options_(options),
        ports_(ports),
        exchange_(exchange),
        health_(health),
        meters_(ports.metrics, throttling),
        producer_(make_producer()),
        worker_({exchange, processor, ports.clock, ports.metrics, producer_.get(), options.output_topic}),
        listener_(exchange, ports, options.revoke_wait),
        consumer_(make_consumer()),
        lag_({std::move(admin), options.input_topic, group_of(options), exchange, ports.metrics, ports.log}) {
    listener_.serve(*consumer_);
  }

  ConsumerResult run(const std::stop_token& stop) {
    health_.enter(Phase::member);
    progress_since_ = metrics_since_ = ports_.clock.now();
    worker_.start();
    lag_.start();
    consumer_->subscribe(options_.input_topic, listener_);
    try {
      poll_until(stop);
      health_.enter(Phase::stopping);
      meters_.show(exchange_.state(), false);
      lag_.request_stop();
      drain();
    } catch (...) {
      lag_.request_stop();
      leave();  // What is acknowledged stays so; the error goes on.
      throw;
    }
    leave();
    exchange_.rethrow_failure();
    return result();
  }

 private:
  std::unique_ptr<kafka::Producer> make_producer() {
    if (options_.answers == ConsumerOptions::Answers::none) {
      return nullptr;
    }
    kafka::ProducerOptions producer;
    producer.client = client_of(options_);
    return ports_.kafka.make_producer(producer, [&exchange = exchange_](const kafka::DeliveryReport& report) {
      exchange.on_report(report);
    });
  }

  std::unique_ptr<kafka::Consumer> make_consumer() {
    kafka::ConsumerOptions consumer;
    consumer.client = client_of(options_);
    consumer.group = group_of(options_);
    return ports_.kafka.make_consumer(consumer);
  }

  void poll_until(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      health_.alive();
      exchange_.rethrow_failure();
      if (exchange_.wait_for_room(kPollTime, stop)) {
        consumer_->resume();
        poll(kPollTime);
      } else if (is_blocked()) {
        consumer_->pause();  // What was fetched is fetched again, so not for every slow image.
        poll(milliseconds(0));
      }
      store_offsets();
      show_figures();
    }
  }

  /// A member that does not poll holds up its group, and is thrown out in the end.
  [[nodiscard]] bool is_blocked() const {
    const std::optional<SteadyTime> since = exchange_.state().full_since;
    return since && ports_.clock.now() - *since >= options_.pause_after;
  }

  void poll(milliseconds timeout) {
    if (auto message = consumer_->poll(timeout)) {
      ports_.metrics.add("records_received_total", 1, {options_.input_topic});
      exchange_.give(std::move(message));
    }
  }

  void store_offsets() {
    for (const kafka::PartitionOffset& next : exchange_.take_storable()) {
      consumer_->store_offset(next.partition, next.offset);
    }
  }

  void drain() {
    leave_by_ = ports_.clock.now() + kStopTime;
    if (!exchange_.drain(options_.drain_wait)) {
      ports_.log.warn("consume: unacknowledged={} their images will be processed again",
                      exchange_.state().unacknowledged);
    }
  }

  void leave() {
    listener_.stop_waiting();
    try_to("store the last offsets", [this] { store_offsets(); });
    try_to("say goodbye to the group", [this] {
      const auto left = std::chrono::duration_cast<milliseconds>(leave_by_ - ports_.clock.now());
      consumer_->close(std::clamp(left, kShortestCloseTime, kCloseTime));
    });
    worker_.finish();
  }

  /// Cleaning up never renames the cause, and no step keeps the next from being done.
  template <typename Step>
  void try_to(const char* what, const Step& step) {
    try {
      step();
    } catch (const std::exception& e) {
      ports_.log.warn("consume: could not {}: {}", what, e.what());
    }
  }

  void show_figures() {
    const SteadyTime now = ports_.clock.now();
    if (now - metrics_since_ >= kMetricsInterval) {
      metrics_since_ = now;
      meters_.show(exchange_.state(), health_.ready().ok);
    }
    if (now - progress_since_ >= kProgressInterval) {
      report_progress(now);
    }
  }

  void report_progress(SteadyTime now) {
    const Worker::Progress progress = worker_.take_progress();
    const double rate = static_cast<double>(progress.processed - reported_) / seconds(now - progress_since_);
    reported_ = progress.processed;
    progress_since_ = now;
    ProgressEvent event{"consume",
                        "progress",
                        {{"processed", static_cast<std::int64_t>(progress.processed)},
                         {"errors", static_cast<std::int64_t>(progress.errors)},
                         {"images_per_s", rate}}};
    if (progress.inference.count() > 0) {
      event.fields.emplace_back("inference_p50_ms", milliseconds_of(progress.inference.percentile(50)));
      event.fields.emplace_back("inference_p95_ms", milliseconds_of(progress.inference.percentile(95)));
    }
    if (const auto lag = lag_.total()) {
      event.fields.emplace_back("lag_records", *lag);
    }
    ports_.progress.report(event);
  }

  static double milliseconds_of(Nanoseconds duration) { return kexp::milliseconds(duration); }

  ConsumerResult result() {
    const Worker::Progress progress = worker_.take_progress();
    const Exchange::State state = exchange_.state();
    ConsumerResult result;
    result.processed = progress.processed;
    result.errors = progress.errors;
    result.acknowledged = state.acknowledged;
    result.resent = state.resent;
    result.open = state.unacknowledged;
    return result;
  }

  const ConsumerOptions& options_;
  const ConsumerPorts& ports_;
  Exchange& exchange_;
  Health& health_;
  Meters meters_;
  std::unique_ptr<kafka::Producer> producer_;
  Worker worker_;
  GroupListener listener_;
  std::unique_ptr<kafka::Consumer> consumer_;
  LagWatch lag_;
  SteadyTime metrics_since_{};
  SteadyTime progress_since_{};
  SteadyTime leave_by_ = SteadyTime::max();
  std::uint64_t reported_ = 0;
};

}  // namespace

ConsumerResult run_consumer(const ConsumerOptions& options, ConsumerPorts ports, std::stop_token stop) {
  validate(options);
  const CpuLimits limits = read_cpu_limits(ports.system_root);
  const inference::DetectorOptions chosen = detector_options(options, limits);
  announce_threads(ports.log, chosen.threads, options.threads, limits);
  show_limits(ports.metrics, chosen.threads, limits);

  Exchange exchange(ports.clock);
  Health health(ports.clock, exchange, options.stuck_after);
  const auto endpoint =
      ports.serve ? ports.serve([&] { return health.healthy(); }, [&] { return health.ready(); }) : nullptr;
  const auto detector = ports.load_detector(options.model, options.models_dir, chosen);
  health.enter(Phase::waiting_for_broker);
  auto admin = ports.kafka.make_admin(client_of(options), stop);
  if (!wait_for_topics(*admin, options, ports, stop)) {
    return {};
  }
  const ThrottleMeter throttling(ports.system_root);
  ImageProcessor processor(*detector, ports.clock, throttling, {options.identity, chosen.threads});
  ports.progress.report({"consume",
                         "started",
                         {{"model", detector->model_name()},
                          {"engine", detector->engine()},
                          {"topic", options.input_topic},
                          {"group", group_of(options)},
                          {"pod", options.identity.pod}}});
  Membership membership(options, ports, exchange, health, processor, std::move(admin), throttling);
  const ConsumerResult result = membership.run(stop);
  ports.progress.report({"consume",
                         "finished",
                         {{"processed", static_cast<std::int64_t>(result.processed)},
                          {"errors", static_cast<std::int64_t>(result.errors)},
                          {"acknowledged", static_cast<std::int64_t>(result.acknowledged)},
                          {"resent", static_cast<std::int64_t>(result.resent)},
                          {"open", static_cast<std::int64_t>(result.open)}}});
  return result;
}

}  // namespace kexp::consumer
