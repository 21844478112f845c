#include "worker.hpp"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "kexp/record/message.hpp"
#include "kexp/record/result.hpp"

#include "metrics.hpp"

namespace kexp::consumer {

namespace {

/// Answers that are too large say so in place of their detections.
void shorten(Answer& answer) {
  record::Result& result = answer.result;
  result.errors = 1;
  result.error = fmt::format("the answer with {} detections has {} bytes, more than the output topic takes",
                             result.detections.size(), answer.text.size());
  result.detections.clear();
  answer.text = record::to_json_text(result);
  answer.shortened = true;
}

}  // namespace

Worker::~Worker() { finish(); }

void Worker::start() {
  idle_since_ = parts_.clock.now();
  thread_ = std::jthread([this] { run(); });
}

void Worker::finish() {
  parts_.exchange.close();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Worker::Progress Worker::take_progress() {
  const std::lock_guard lock(mutex_);
  Progress taken = progress_;
  progress_.inference.clear();
  return taken;
}

void Worker::run() {
  try {
    while (auto work = parts_.exchange.next()) {
      if (auto* task = std::get_if<Task>(&*work)) {
        work_on(std::move(*task));
      } else {
        send_again(std::get<std::shared_ptr<Answer>>(*work));
      }
    }
  } catch (...) {
    parts_.exchange.fail(std::current_exception());
  }
}

void Worker::work_on(Task task) {
  record::Result result = parts_.processor.process(std::move(task.message), parts_.clock.now() - idle_since_);
  count(result);
  if (parts_.producer == nullptr) {
    parts_.exchange.complete(task.ticket);
  } else {
    auto answer = std::make_shared<Answer>();
    answer->ticket = task.ticket;
    answer->text = record::to_json_text(result);
    answer->result = std::move(result);
    if (parts_.exchange.post(answer)) {
      send(answer);
    }
  }
  idle_since_ = parts_.clock.now();
}

void Worker::send_again(const std::shared_ptr<Answer>& answer) {
  if (answer->too_large > 1 && !answer->shortened) {  // The first time, its neighbours may be to blame.
    shorten(*answer);
  }
  send(answer);
}

void Worker::send(const std::shared_ptr<Answer>& answer) {
  const record::Result& result = answer->result;
  const kafka::Header run{record::kRunHeader, result.run};
  kafka::OutgoingRecord record;
  record.topic = parts_.output_topic;
  record.key = result.id;
  record.value = {reinterpret_cast<const std::uint8_t*>(answer->text.data()), answer->text.size()};
  record.headers = {&run, result.run.empty() ? 0U : 1U};
  record.tag = answer->ticket.number;
  try {
    if (parts_.producer->send(record) == kafka::SendOutcome::queue_full) {
      parts_.exchange.postpone(answer->ticket);
    }
  } catch (const kafka::KafkaError& e) {
    parts_.exchange.refused(answer->ticket, e);
  }
}

void Worker::count(const record::Result& result) {
  count_image(parts_.metrics, result);
  const auto from_ms = [](double ms) {
    return std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double, std::milli>(ms));
  };
  const std::lock_guard lock(mutex_);
  ++progress_.processed;
  if (result.errors != 0) {
    ++progress_.errors;
  } else {
    progress_.inference.record(from_ms(result.inf_ms));
  }
}

}  // namespace kexp::consumer
