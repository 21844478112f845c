#include "worker.hpp"

#include <exception>
#include <memory>
#include <utility>

#include "metrics.hpp"

namespace kexp::consumer {

Worker::Progress Worker::take_progress() {
  const std::lock_guard lock(mutex_);
  Progress taken = progress_;
  progress_.inference.clear();
  return taken;
}

void Worker::run() {
  idle_since_ = parts_.clock.now();
  try {
    while (auto work = parts_.exchange.next()) {
      if (auto* task = std::get_if<Task>(&*work)) {
        work_on(std::move(*task));
      } else {
        parts_.sender->send(std::get<std::shared_ptr<Answer>>(*work));
      }
    }
  } catch (...) {
    parts_.exchange.fail(std::current_exception());
  }
}

void Worker::work_on(Task task) {
  const Ticket ticket = task.ticket;
  record::Result result = parts_.processor.process(std::move(task), parts_.clock.now() - idle_since_);
  const SteadyTime processed = parts_.clock.now();
  count(result);
  if (parts_.sender == nullptr) {
    parts_.exchange.complete(ticket);
  } else {
    answer(ticket, std::move(result));
  }
  observe_stage(parts_.metrics, "answer", seconds(parts_.clock.now() - processed));
  parts_.metrics.add("quota_pauses_seconds_total", seconds(parts_.pace.pause(parts_.ending)));
  idle_since_ = parts_.clock.now();  // A pause is no wait for a message.
}

void Worker::answer(const Ticket& ticket, record::Result result) {
  auto answer = std::make_shared<Answer>();
  answer->ticket = ticket;
  answer->text = record::to_json_text(result);
  answer->result = std::move(result);
  if (parts_.exchange.post(answer)) {
    parts_.sender->send(answer);
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
