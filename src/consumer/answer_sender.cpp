#include "answer_sender.hpp"

#include <fmt/format.h>

#include "kexp/record/message.hpp"

namespace kexp::consumer {

namespace {

/// An answer that is too large says so in place of its detections.
std::string shortened(const Answer& answer) {
  record::Result result = answer.result;
  result.errors = 1;
  result.error = fmt::format(
      "the answer with {} detections has {} bytes, more than the output topic or the client takes",
      result.detections.size(), answer.text.size());
  result.detections.clear();
  return record::to_json_text(result);
}

}  // namespace

void AnswerSender::send(const std::shared_ptr<Answer>& answer) {
  const record::Result& result = answer->result;
  const std::string shorter = answer->form == Answer::Form::shortened ? shortened(*answer) : std::string();
  const std::string& text = shorter.empty() ? answer->text : shorter;
  const kafka::Header run{record::kRunHeader, result.run};
  kafka::OutgoingRecord record;
  record.topic = topic_;
  record.key = result.id;
  record.value = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
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

}  // namespace kexp::consumer
