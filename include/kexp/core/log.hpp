#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace kexp {

enum class LogLevel { trace, debug, info, warn, error };

/// Diagnostics: one line per event, `part: key=value key=value` with units in the keys; never on
/// stdout.
///
/// Threads: any.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
  [[nodiscard]] virtual bool enabled(LogLevel level) const = 0;
  /// From now on also appends every line to `file`, where it goes on when the terminal is gone.
  /// A log that keeps no lines ignores it. Errors: FailedError naming the file.
  virtual void copy_to(const std::filesystem::path& /*file*/) {}
  /// Appends a line to the files of copy_to alone: for what stderr has in another form.
  virtual void write_to_copies(LogLevel /*level*/, std::string_view /*line*/) {}

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::debug, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::info, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::warn, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::error, format, std::forward<Args>(args)...);
  }

 private:
  template <typename... Args>
  void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(level)) {
      write(level, fmt::format(format, std::forward<Args>(args)...));
    }
  }
};

/// A log on stderr (spdlog), UTC with milliseconds: `2026-11-21T18:03:04.250Z info feed: phase=07h`.
/// What can no longer be written (the terminal is gone, the disk is full) is dropped silently.
[[nodiscard]] std::unique_ptr<Log> make_stderr_log(LogLevel least);

}  // namespace kexp
