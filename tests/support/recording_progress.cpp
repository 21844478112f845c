#include "support/recording_progress.hpp"

#include <algorithm>

namespace kexp::test {

void RecordingProgress::report(const ProgressEvent& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

std::vector<ProgressEvent> RecordingProgress::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::size_t RecordingProgress::count(std::string_view event) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      events_.begin(), events_.end(), [&](const ProgressEvent& seen) { return seen.event == event; }));
}

std::optional<ProgressEvent::Value> RecordingProgress::last(std::string_view event,
                                                            std::string_view key) const {
  const std::lock_guard lock(mutex_);
  for (auto seen = events_.rbegin(); seen != events_.rend(); ++seen) {
    if (seen->event != event) {
      continue;
    }
    for (const auto& [name, value] : seen->fields) {
      if (name == key) {
        return value;
      }
    }
  }
  return std::nullopt;
}

}  // namespace kexp::test
