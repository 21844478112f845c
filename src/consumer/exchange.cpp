#include "exchange.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/error.hpp"

namespace kexp::consumer {

namespace {

bool contains(const std::vector<std::int32_t>* partitions, std::int32_t partition) {
  return partitions == nullptr ||
         std::find(partitions->begin(), partitions->end(), partition) != partitions->end();
}

constexpr std::string_view kTooLarge = "MSG_SIZE_TOO_LARGE";

/// Failed deliveries that sending again cannot mend; every other may pass.
bool is_hopeless(std::string_view name) {
  constexpr std::array<std::string_view, 9> kHopeless = {"FATAL",
                                                         "FENCED",
                                                         "AUTHENTICATION",
                                                         "UNKNOWN_TOPIC",
                                                         "UNKNOWN_PARTITION",
                                                         "UNKNOWN_TOPIC_OR_PART",
                                                         "TOPIC_EXCEPTION",
                                                         "TOPIC_AUTHORIZATION_FAILED",
                                                         "CLUSTER_AUTHORIZATION_FAILED"};
  name.remove_prefix(name.starts_with('_') ? 1 : 0);  // The client's own errors have one in front.
  return std::find(kHopeless.begin(), kHopeless.end(), name) != kHopeless.end();
}

}  // namespace

void Exchange::assign(const std::vector<std::int32_t>& partitions) {
  const std::lock_guard lock(mutex_);
  ledger_.assign(partitions);
}

std::vector<kafka::PartitionOffset> Exchange::revoke(const std::vector<std::int32_t>& partitions,
                                                     std::chrono::milliseconds bound) {
  std::unique_lock lock(mutex_);
  drop_queued(&partitions);
  static_cast<void>(wait_until_answered(lock, bound, &partitions));  // The rest is redelivered elsewhere.
  std::vector<kafka::PartitionOffset> storable = ledger_.take_storable();
  forget(partitions);
  return storable;
}

void Exchange::lose(const std::vector<std::int32_t>& partitions) {
  const std::lock_guard lock(mutex_);
  drop_queued(&partitions);
  forget(partitions);
}

bool Exchange::wait_for_room(std::chrono::milliseconds timeout, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  room_.wait_for(lock, stop, timeout, [&] { return failure_ || queue_.size() < options_.queued_messages; });
  return !failure_ && !stop.stop_requested() && queue_.size() < options_.queued_messages;
}

void Exchange::give(std::unique_ptr<kafka::Message> message) {
  const std::lock_guard lock(mutex_);
  if (const auto ticket = ledger_.take(message->partition(), message->offset())) {
    queue_.push_back(std::make_shared<QueuedTask>(QueuedTask{{*ticket, std::move(message), std::nullopt}}));
    if (!full_since_ && queue_.size() >= options_.queued_messages) {
      full_since_ = clock_.now();
    }
    changed_.notify_all();
  }
}

std::vector<kafka::PartitionOffset> Exchange::take_storable() {
  const std::lock_guard lock(mutex_);
  return ledger_.take_storable();
}

bool Exchange::drain(std::chrono::milliseconds bound) {
  std::unique_lock lock(mutex_);
  drop_queued(nullptr);
  return wait_until_answered(lock, bound, nullptr);
}

void Exchange::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void Exchange::rethrow_failure() {
  const std::lock_guard lock(mutex_);
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

std::optional<std::variant<Task, std::shared_ptr<Answer>>> Exchange::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_ || failure_) {
      return std::nullopt;
    }
    if (std::shared_ptr<Answer> answer = take_due_answer()) {
      return answer;
    }
    if (has_message_for_stream()) {
      Task task = std::move(queue_.front()->task);
      queue_.pop_front();
      in_work_.push_back({task.ticket, clock_.now()});
      messages_gone();
      return task;
    }
    if (const auto resend = next_resend()) {
      changed_.wait_until(lock, *resend);
    } else {
      changed_.wait(lock);
    }
  }
}

bool Exchange::post(const std::shared_ptr<Answer>& answer) {
  const std::lock_guard lock(mutex_);
  leave_work(answer->ticket);
  if (!ledger_.is_current(answer->ticket)) {
    return false;
  }
  unacknowledged_[answer->ticket.number] = {answer, 0, std::nullopt, {}};
  return true;
}

void Exchange::complete(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  leave_work(ticket);
  ledger_.done(ticket);
}

void Exchange::refused(const Ticket& ticket, const kafka::KafkaError& error) {
  const std::lock_guard lock(mutex_);
  not_delivered(ticket.number, error);
}

void Exchange::postpone(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (const auto found = unacknowledged_.find(ticket.number); found != unacknowledged_.end()) {
    schedule(found->second);
  }
}

void Exchange::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  end(std::move(failure));
}

std::shared_ptr<QueuedTask> Exchange::next_to_decode() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_ || failure_) {
      return nullptr;
    }
    if (in_work_.size() >= options_.streams) {  // Else a stream takes the message and decodes it itself.
      const auto end =
          queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.streams));
      const auto found = std::find_if(queue_.begin(), end, [](const auto& queued) {
        return queued->stage == QueuedTask::Stage::waiting;
      });
      if (found != end) {
        (*found)->stage = QueuedTask::Stage::decoding;
        return *found;
      }
    }
    changed_.wait(lock);
  }
}

void Exchange::decoded(QueuedTask& queued) {
  const std::lock_guard lock(mutex_);
  queued.stage = QueuedTask::Stage::decoded;
  changed_.notify_all();
}

void Exchange::on_report(const kafka::DeliveryReport& report) {
  const std::lock_guard lock(mutex_);
  const auto found = unacknowledged_.find(report.tag);
  if (found == unacknowledged_.end()) {
    return;
  }
  if (!report.error.empty()) {
    not_delivered(report.tag,
                  kafka::KafkaError(ExitCode::failed, report.error, !is_hopeless(report.error),
                                    fmt::format("an answer was not delivered: {}", report.error)));
    return;
  }
  ++acknowledged_;
  shortened_ += found->second.answer->form == Answer::Form::shortened ? 1U : 0U;
  ledger_.done(found->second.answer->ticket);
  unacknowledged_.erase(found);
  changed_.notify_all();
}

Exchange::State Exchange::state() const {
  const std::lock_guard lock(mutex_);
  State state;
  state.partitions = ledger_.partitions();
  state.unacknowledged = unacknowledged_.size();
  state.in_work = in_work_;
  state.queued = queue_.size();
  state.full_since = full_since_;
  state.acknowledged = acknowledged_;
  state.resent = resent_;
  state.shortened = shortened_;
  for (const auto& [number, waiting] : unacknowledged_) {
    if (!waiting.refused.empty()) {
      state.refused = waiting.refused;
      break;
    }
  }
  return state;
}

void Exchange::messages_gone() {
  full_since_.reset();
  if (queue_.size() >= options_.queued_messages) {
    full_since_ = clock_.now();
  }
  room_.notify_all();
  changed_.notify_all();
}

void Exchange::drop_queued(const std::vector<std::int32_t>* partitions) {
  std::erase_if(queue_,
                [&](const auto& queued) { return contains(partitions, queued->task.ticket.partition); });
  messages_gone();
}

void Exchange::forget(const std::vector<std::int32_t>& partitions) {
  ledger_.forget(partitions);
  std::erase_if(unacknowledged_, [&](const auto& entry) {  // What is under way still gets its report.
    return entry.second.resend_at && contains(&partitions, entry.second.answer->ticket.partition);
  });
  changed_.notify_all();  // Streams may have waited for fewer of them.
}

bool Exchange::wait_until_answered(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds bound,
                                   const std::vector<std::int32_t>* partitions) {
  const auto answered = [&] {
    const bool working = std::any_of(in_work_.begin(), in_work_.end(), [&](const Work& work) {
      return contains(partitions, work.ticket.partition);
    });
    return !working && std::none_of(unacknowledged_.begin(), unacknowledged_.end(), [&](const auto& entry) {
      return contains(partitions, entry.second.answer->ticket.partition);
    });
  };
  if (bound.count() > 0) {
    const Nanoseconds for_slow_images = std::min<Nanoseconds>(2 * longest_work_, options_.longest_wait);
    changed_.wait_for(lock, std::max<Nanoseconds>(bound, for_slow_images),
                      [&] { return failure_ || answered(); });
  }
  return answered();
}

std::optional<Exchange::RealTime> Exchange::next_resend() const {
  std::optional<RealTime> first;
  for (const auto& [number, waiting] : unacknowledged_) {
    if (waiting.resend_at && (!first || *waiting.resend_at < *first)) {
      first = waiting.resend_at;
    }
  }
  return first;
}

std::shared_ptr<Answer> Exchange::take_due_answer() {
  const RealTime now = std::chrono::steady_clock::now();
  for (auto entry = unacknowledged_.begin(); entry != unacknowledged_.end(); ++entry) {
    Unacknowledged& waiting = entry->second;
    if (waiting.resend_at && *waiting.resend_at <= now) {
      waiting.resend_at.reset();
      ++resent_;
      return waiting.answer;
    }
  }
  return nullptr;
}

void Exchange::schedule(Unacknowledged& waiting) {
  const int doublings = std::min(waiting.failures++, 16);
  const auto pause = std::min(options_.first_retry * (1 << doublings), options_.last_retry);
  waiting.resend_at = std::chrono::steady_clock::now() + pause;
  changed_.notify_all();
}

void Exchange::not_delivered(std::uint64_t number, const kafka::KafkaError& error) {
  const auto found = unacknowledged_.find(number);
  if (found == unacknowledged_.end()) {
    return;
  }
  Unacknowledged& waiting = found->second;
  if (!ledger_.is_current(waiting.answer->ticket)) {
    unacknowledged_.erase(found);  // Whoever has the partition answers.
    changed_.notify_all();
    return;
  }
  waiting.refused = error.name();
  if (error.name() == kTooLarge) {
    send_shorter(waiting);
  } else if (error.retriable()) {
    schedule(waiting);
  } else {
    end(std::make_exception_ptr(error));
  }
}

/// Where the topic takes not even the shortened answer it takes none, until somebody changes it. Ending
/// would only begin all over again, so the whole answer is kept and tried, and the shortened one after it.
void Exchange::send_shorter(Unacknowledged& waiting) {
  Answer& answer = *waiting.answer;
  if (answer.form == Answer::Form::shortened) {
    answer.form = Answer::Form::whole;
    schedule(waiting);
    return;
  }
  answer.form = Answer::Form::shortened;
  waiting.resend_at = std::chrono::steady_clock::now();
  changed_.notify_all();
}

void Exchange::end(std::exception_ptr failure) {
  if (!failure_) {
    failure_ = std::move(failure);
  }
  room_.notify_all();
  changed_.notify_all();
}

void Exchange::leave_work(const Ticket& ticket) {
  const auto work = std::find_if(in_work_.begin(), in_work_.end(),
                                 [&](const Work& entry) { return entry.ticket.number == ticket.number; });
  longest_work_ = std::max(longest_work_, clock_.now() - work->since);
  in_work_.erase(work);
  changed_.notify_all();
}

/// A message that is being decoded is ready in a moment: nobody overtakes it.
bool Exchange::has_message_for_stream() const {
  return !queue_.empty() && queue_.front()->stage != QueuedTask::Stage::decoding &&
         unacknowledged_.size() < options_.unacknowledged_answers;
}

}  // namespace kexp::consumer
