#pragma once

#include <filesystem>
#include <iosfwd>
#include <string_view>

#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"

namespace kexp::cli {

/// A tracker's progress on a terminal: a header, and under it one row that is written anew with each event.
/// Log lines go above it; the files that the log is copied to get every event as a line.
///
/// It stands in for both the log and the progress, so that neither writes into the row. Threads: one at a
/// time. Lifetime: `terminal` and `log` outlive it.
class LiveTable final : public Progress, public Log {
 public:
  LiveTable(std::ostream& terminal, Log& log) : terminal_(terminal), log_(log) {}
  ~LiveTable() override;

  void report(const ProgressEvent& event) override;

  void write(LogLevel level, std::string_view line) override;
  [[nodiscard]] bool enabled(LogLevel level) const override { return log_.enabled(level); }
  void copy_to(const std::filesystem::path& file) override { log_.copy_to(file); }
  void write_to_copies(LogLevel level, std::string_view line) override { log_.write_to_copies(level, line); }

 private:
  void draw(const ProgressEvent& event);
  void erase();

  std::ostream& terminal_;
  Log& log_;
  bool is_drawn_ = false;
};

}  // namespace kexp::cli
