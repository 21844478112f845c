#pragma once

#include <string>

#include "kexp/core/error.hpp"

namespace kexp::kafka {

/// What Kafka or its client said no to. `name` is the protocol's name of it: "UNKNOWN_TOPIC_OR_PART"; the
/// client's own begin with "_": "_MSG_TIMED_OUT".
class KafkaError : public Error {
 public:
  KafkaError(ExitCode code, std::string name, bool retriable, const std::string& message)
      : Error(code, message), name_(std::move(name)), retriable_(retriable) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool retriable() const noexcept { return retriable_; }

 private:
  std::string name_;
  bool retriable_;
};

}  // namespace kexp::kafka
