#pragma once

#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "kexp/core/progress.hpp"

namespace kexp::test {

/// Keeps every event. Threads: any.
class RecordingProgress final : public Progress {
 public:
  void report(const ProgressEvent& event) override;

  [[nodiscard]] std::vector<ProgressEvent> events() const;
  /// How often `event` was reported.
  [[nodiscard]] std::size_t count(std::string_view event) const;
  /// The value of `key` in the latest event of this name that has it.
  [[nodiscard]] std::optional<ProgressEvent::Value> last(std::string_view event, std::string_view key) const;

 private:
  mutable std::mutex mutex_;
  std::vector<ProgressEvent> events_;  // Guarded by mutex_.
};

}  // namespace kexp::test
