#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "kexp/core/log.hpp"

namespace kexp::test {

/// Keeps every line. Threads: any.
class CapturingLog final : public Log {
 public:
  struct Line {
    LogLevel level;
    std::string text;
    bool operator==(const Line&) const = default;
  };

  explicit CapturingLog(LogLevel least = LogLevel::trace) : least_(least) {}
  void write(LogLevel level, std::string_view line) override;
  [[nodiscard]] bool enabled(LogLevel level) const override { return level >= least_; }

  [[nodiscard]] std::vector<Line> lines() const;
  /// Lines of `level` that hold `part`.
  [[nodiscard]] std::size_t count(LogLevel level, std::string_view part = {}) const;
  /// True when a line of any level holds `part`.
  [[nodiscard]] bool contains(std::string_view part) const;

 private:
  const LogLevel least_;
  mutable std::mutex mutex_;
  std::vector<Line> lines_;  // Guarded by mutex_.
};

}  // namespace kexp::test
