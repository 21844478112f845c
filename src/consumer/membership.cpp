#include "membership.hpp"

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kexp/record/message.hpp"

#include "names.hpp"
#include "prefetch.hpp"

namespace kexp::consumer {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollTime(100);
constexpr milliseconds kCloseTime(10'000);
/// What a step of the end gets at least, however long those before it took.
constexpr milliseconds kShortestStep(1'000);
constexpr std::chrono::seconds kMetricsInterval(1);
constexpr std::chrono::seconds kProgressInterval(10);

std::int64_t whole_ms(Nanoseconds duration) {
  return std::chrono::duration_cast<milliseconds>(duration).count();
}

/// What keeps answers from being larger: the client's own limit is looked at first.
std::string_view limit_of_answers(const kafka::Properties& properties) {
  const bool is_ours = std::any_of(properties.begin(), properties.end(), [](const auto& property) {
    return property.first == "message.max.bytes";
  });
  return is_ours ? "-X message.max.bytes, or the topic's max.message.bytes" : "its max.message.bytes";
}

/// Cleaning up never renames the cause, and no step keeps the next from being done.
template <typename Step>
void try_to(Log& log, const char* what, const Step& step) {
  try {
    step();
  } catch (const std::exception& e) {
    log.warn("consume: could not {}: {}", what, e.what());
  }
}

}  // namespace

// --- The group
// ----------------------------------------------------------------------------------------------

void GroupListener::on_assigned(const std::vector<std::int32_t>& partitions) {
  exchange_.assign(partitions);
  joined_ = true;
  report("assigned", partitions);
}

void GroupListener::on_revoked(const std::vector<std::int32_t>& partitions) {
  for (const kafka::PartitionOffset& next : exchange_.revoke(partitions, revoke_wait_)) {
    consumer_->store_offset(next.partition, next.offset);
  }
  report("revoked", partitions);
}

void GroupListener::on_lost(const std::vector<std::int32_t>& partitions) {
  exchange_.lose(partitions);
  report("lost", partitions);
}

void GroupListener::report(const std::string& event, const std::vector<std::int32_t>& partitions) {
  ports_.metrics.add("rebalances_total", 1, {event});
  ports_.progress.report({"consume",
                          event,
                          {{"partitions", fmt::format("{}", fmt::join(partitions, ","))},
                           {"now", static_cast<std::int64_t>(exchange_.state().partitions.size())}}});
}

// --- One life
// -----------------------------------------------------------------------------------------------

Membership::Membership(const Parts& parts, Ready ready)
    : parts_(parts),
      options_(parts.options),
      ports_(parts.ports),
      exchange_(parts.exchange),
      ready_(std::move(ready)),
      meters_(ports_.metrics, parts.throttling),
      streams_({exchange_, ready_.detectors, ports_.clock, parts.throttling, ports_.metrics, ports_.log,
                parts.producer == nullptr
                    ? nullptr
                    : &sender_.emplace(*parts.producer, options_.output_topic, exchange_),
                options_.identity, parts.plan, parts.picture_limits}),
      listener_(exchange_, ports_, options_.revoke_wait),
      consumer_(make_consumer()),
      lag_({std::move(ready_.admin), options_.input_topic, group_of(options_), exchange_, ports_.metrics,
            ports_.log}) {
  listener_.serve(*consumer_);
}

ConsumerResult Membership::run(const std::stop_token& stop) {
  parts_.health.enter(Phase::member);
  progress_since_ = metrics_since_ = ports_.clock.now();
  streams_.start();
  lag_.start();
  try {
    consumer_->subscribe(options_.input_topic, listener_);
    poll_until(stop);
    parts_.health.enter(Phase::stopping);
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

std::unique_ptr<kafka::Consumer> Membership::make_consumer() const {
  const Prefetch prefetch = plan_prefetch(ready_.image_time, parts_.plan.streams);
  kafka::ConsumerOptions consumer;
  consumer.client = client_of(options_);
  consumer.group = group_of(options_);
  consumer.prefetch_records = prefetch.records;
  consumer.fetch_bytes = prefetch.fetch_bytes;
  consumer.assignment = options_.assignment;
  consumer.instance_id = options_.instance_id;
  return ports_.kafka.make_consumer(consumer);
}

void Membership::poll_until(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    parts_.health.alive();
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
bool Membership::is_blocked() const {
  const std::optional<SteadyTime> since = exchange_.state().full_since;
  return since && ports_.clock.now() - *since >= options_.pause_after;
}

void Membership::poll(milliseconds timeout) {
  if (auto message = consumer_->poll(timeout)) {
    count_message(ports_.metrics, options_.input_topic, *message);
    check_names(*message);
    exchange_.give(std::move(message));
  }
}

void Membership::check_names(const kafka::Message& message) {
  const Names names = names_of(message);
  if (names.key_ignored) {
    ignore_name("key", message);
  }
  if (names.run_ignored) {
    ignore_name("run", message);
  }
}

void Membership::ignore_name(const char* name, const kafka::Message& message) {
  count_ignored_name(ports_.metrics, name);
  if (ignored_told_.insert(name).second) {
    ports_.log.warn(
        "consume: ignored={} partition={} offset={} text=\"longer than {} bytes, or no printable ASCII: it "
        "counts as none; more are counted only\"",
        name, message.partition(), message.offset(), record::kMaxNameBytes);
  }
}

void Membership::store_offsets() {
  for (const kafka::PartitionOffset& next : exchange_.take_storable()) {
    consumer_->store_offset(next.partition, next.offset);
  }
}

// --- The end
// ------------------------------------------------------------------------------------------------

void Membership::drain() {
  stop_by_ = ports_.clock.now() + options_.stop_wait;
  if (!exchange_.drain(std::min(options_.drain_wait, options_.stop_wait))) {
    ports_.log.warn("consume: unacknowledged={} their images will be processed again",
                    exchange_.state().unacknowledged);
  }
}

void Membership::leave() {
  stop_by_ = std::min(stop_by_, ports_.clock.now() + options_.stop_wait);
  listener_.stop_waiting();
  before_leaving_ = exchange_.state();
  try_to(ports_.log, "store the last offsets", [this] { store_offsets(); });
  try_to(ports_.log, "say goodbye to the group",
         [this] { consumer_->close(std::min(left_to_stop(), kCloseTime)); });
  end_streams();
}

/// A detector that does not come back would keep the process for ever.
void Membership::end_streams() {
  if (streams_.finish(left_to_stop())) {
    return;
  }
  for (const Exchange::Work& work : exchange_.state().in_work) {
    ports_.log.error(
        "consume: partition={} offset={} in_work_s={:.0f} text=\"the detector does not return: the process "
        "ends without it, and the image is processed again\"",
        work.ticket.partition, work.ticket.offset, seconds(ports_.clock.now() - work.since));
  }
  ports_.end_process();
}

milliseconds Membership::left_to_stop() const {
  return std::max(std::chrono::duration_cast<milliseconds>(stop_by_ - ports_.clock.now()), kShortestStep);
}

// --- Figures
// ------------------------------------------------------------------------------------------------

void Membership::show_figures() {
  const SteadyTime now = ports_.clock.now();
  if (listener_.joined() && !std::exchange(start_told_, true)) {
    tell_start();
  }
  if (now - metrics_since_ >= kMetricsInterval) {
    metrics_since_ = now;
    const Exchange::State state = exchange_.state();
    meters_.show(state, parts_.health.ready().ok);
    meters_.show_prefetched(consumer_->prefetched() + state.queued);
    tell_refusals(state);
  }
  if (now - progress_since_ >= kProgressInterval) {
    report_progress(now);
  }
}

void Membership::tell_start() {
  ports_.progress.report({"consume",
                          "joined",
                          {{"model_ms", whole_ms(ready_.model_after)},
                           {"first_image_ms", whole_ms(ready_.image_time)},
                           {"topics_ms", whole_ms(ready_.topics_after)},
                           {"joined_ms", whole_ms(ports_.clock.now() - parts_.begun)}}});
}

void Membership::tell_refusals(const Exchange::State& state) {
  if (state.shortened > 0 && !std::exchange(shortened_told_, true)) {
    ports_.log.warn(
        "consume: shortened={} text=\"{} takes no larger answers, so these have no detections and say why; "
        "raise {}\"",
        state.shortened, options_.output_topic, limit_of_answers(options_.client.properties));
  }
  if (!state.refused.empty() && state.refused != refused_told_) {
    ports_.log.warn(
        "consume: refused={} unacknowledged={} text=\"{} does not take answers now; they are kept "
        "and sent again\"",
        state.refused, state.unacknowledged, options_.output_topic);
  }
  refused_told_ = state.refused;
}

void Membership::report_progress(SteadyTime now) {
  const Worker::Progress progress = streams_.take_progress();
  const double rate = static_cast<double>(progress.processed - reported_) / seconds(now - progress_since_);
  reported_ = progress.processed;
  progress_since_ = now;
  ProgressEvent event{"consume",
                      "progress",
                      {{"processed", static_cast<std::int64_t>(progress.processed)},
                       {"errors", static_cast<std::int64_t>(progress.errors)},
                       {"images_per_s", rate}}};
  if (progress.inference.count() > 0) {
    event.fields.emplace_back("inference_p50_ms", kexp::milliseconds(progress.inference.percentile(50)));
    event.fields.emplace_back("inference_p95_ms", kexp::milliseconds(progress.inference.percentile(95)));
  }
  if (const auto lag = lag_.total()) {
    event.fields.emplace_back("lag_records", *lag);
  }
  ports_.progress.report(event);
}

ConsumerResult Membership::result() {
  const Worker::Progress progress = streams_.take_progress();
  const Exchange::State state = exchange_.state();
  ConsumerResult result;
  result.processed = progress.processed;
  result.errors = progress.errors;
  result.acknowledged = state.acknowledged;
  result.resent = state.resent;
  // Leaving has forgotten what waited to be sent again.
  result.open = before_leaving_.unacknowledged -
                std::min(before_leaving_.unacknowledged, state.acknowledged - before_leaving_.acknowledged);
  return result;
}

}  // namespace kexp::consumer
