#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "kexp/kafka/client.hpp"

#include "exchange.hpp"

namespace kexp::consumer {

/// Sends the answers of all streams through the one producer. Threads: any; `producer` and `exchange` outlive
/// it.
class AnswerSender {
 public:
  AnswerSender(kafka::Producer& producer, std::string topic, Exchange& exchange)
      : producer_(producer), topic_(std::move(topic)), exchange_(exchange) {}

  /// Sends it in the form that it says. What cannot be sent now is told to the exchange, which hands it out
  /// again.
  void send(const std::shared_ptr<Answer>& answer);

 private:
  kafka::Producer& producer_;
  const std::string topic_;
  Exchange& exchange_;
  std::mutex mutex_;  // A producer takes records from one thread at a time.
};

}  // namespace kexp::consumer
