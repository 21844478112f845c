#include "streams.hpp"

#include <exception>
#include <utility>

namespace kexp::consumer {

Streams::Stream::Stream(const Parts& parts, QuotaPace& pace, std::stop_token ending,
                        inference::Detector& detector)
    : processor(detector, parts.clock, parts.throttling, parts.log,
                {parts.identity, parts.plan.threads_per_stream, parts.picture_limits}),
      worker({parts.exchange, processor, parts.clock, parts.metrics, pace, std::move(ending), parts.sender}) {
}

Streams::Streams(Parts parts)
    : parts_(std::move(parts)),
      pace_({parts_.plan.quota_cpus, parts_.plan.threads(), parts_.plan.threads_per_stream}, parts_.clock) {
  for (const auto& detector : parts_.detectors) {
    streams_.push_back(std::make_unique<Stream>(parts_, pace_, ending_.get_token(), *detector));
  }
}

Streams::~Streams() {
  parts_.exchange.close();
  ending_.request_stop();
}

void Streams::start() {
  running_ = streams_.size() + (parts_.plan.decode_ahead ? 1 : 0);
  for (const auto& stream : streams_) {
    threads_.emplace_back([this, &worker = stream->worker] { run([&worker] { worker.run(); }); });
  }
  if (parts_.plan.decode_ahead) {
    threads_.emplace_back([this] { run([this] { decode_ahead(); }); });
  }
}

bool Streams::finish(std::chrono::milliseconds bound) {
  parts_.exchange.close();
  ending_.request_stop();
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, bound, [this] { return running_ == 0; });
}

Worker::Progress Streams::take_progress() {
  Worker::Progress sum;
  for (const auto& stream : streams_) {
    const Worker::Progress part = stream->worker.take_progress();
    sum.processed += part.processed;
    sum.errors += part.errors;
    sum.inference.merge(part.inference);
  }
  return sum;
}

void Streams::run(const std::function<void()>& work) {
  work();
  const std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_all();
}

void Streams::decode_ahead() {
  try {
    while (const auto queued = parts_.exchange.next_to_decode()) {
      decode_message(*queued->task.message, parts_.clock, parts_.picture_limits,
                     queued->task.decoded.emplace());
      parts_.exchange.decoded(*queued);
    }
  } catch (...) {
    parts_.exchange.fail(std::current_exception());
  }
}

}  // namespace kexp::consumer
