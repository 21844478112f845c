#pragma once

#include <functional>
#include <string>

#include "kexp/core/log.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::feeder {

/// A topic of this process's own, made for one measurement and deleted again whatever becomes of it.
class ScratchTopic {
 public:
  /// `create` makes the topic of the name it is given: `prefix` and a random end. Errors: those of `create`.
  ScratchTopic(kafka::Admin& admin, Log& log, const std::string& prefix,
               const std::function<void(const std::string& name)>& create);
  /// A topic that cannot be deleted is named in a warning.
  ~ScratchTopic();
  ScratchTopic(const ScratchTopic&) = delete;
  ScratchTopic& operator=(const ScratchTopic&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void remove() const noexcept;

  kafka::Admin& admin_;
  Log& log_;
  const std::string name_;
};

/// What keeps a scratch topic small when its maker was killed, and lets its space go at once when it was not.
[[nodiscard]] kafka::Properties scratch_settings();

}  // namespace kexp::feeder
