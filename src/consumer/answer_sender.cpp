#include "answer_sender.hpp"

#include <fmt/format.h>

#include "kexp/record/message.hpp"

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

void AnswerSender::send(const std::shared_ptr<Answer>& answer) {
  const record::Result& result = answer->result;
  const kafka::Header run{record::kRunHeader, result.run};
  kafka::OutgoingRecord record;
  record.topic = topic_;
  record.key = result.id;
  record.value = {reinterpret_cast<const std::uint8_t*>(answer->text.data()), answer->text.size()};
  record.headers = {&run, result.run.empty() ? 0U : 1U};
  record.tag = answer->ticket.number;
  try {
    const std::lock_guard lock(mutex_);
    if (producer_.send(record) == kafka::SendOutcome::queue_full) {
      exchange_.postpone(answer->ticket);
    }
  } catch (const kafka::KafkaError& e) {
    exchange_.refused(answer->ticket, e);
  }
}

void AnswerSender::send_again(const std::shared_ptr<Answer>& answer) {
  if (answer->too_large > 1 && !answer->shortened) {  // The first time, its neighbours may be to blame.
    shorten(*answer);
  }
  send(answer);
}

}  // namespace kexp::consumer
