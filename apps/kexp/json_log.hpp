#pragma once

#include <filesystem>
#include <iosfwd>
#include <memory>
#include <string_view>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"

namespace kexp::cli {

/// The log beside `--progress json`: on `out` each line is an event of its own, {"time", "part": "kexp",
/// "event": "log", "level", "text"}, so that whoever reads the events meets nothing but JSON. The files that
/// the log is copied to get text, as always.
///
/// Threads: any.
class JsonLog final : public Log {
 public:
  /// `text` says what is logged at all, and has the files; nothing goes to its own stream.
  JsonLog(std::ostream& out, const Clock& clock, std::unique_ptr<Log> text);

  void write(LogLevel level, std::string_view line) override;
  [[nodiscard]] bool enabled(LogLevel level) const override { return text_->enabled(level); }
  void copy_to(const std::filesystem::path& file) override { text_->copy_to(file); }
  void write_to_copies(LogLevel level, std::string_view line) override {
    text_->write_to_copies(level, line);
  }

 private:
  std::ostream& out_;
  const Clock& clock_;
  std::unique_ptr<Log> text_;
};

/// Why a command failed, as the last line beside `--progress json`.
void write_json_error(std::ostream& out, const Clock& clock, std::string_view why, int exit_code);

}  // namespace kexp::cli
