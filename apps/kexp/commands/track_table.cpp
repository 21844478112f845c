#include "commands/track_table.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <string>

#include <fmt/format.h>

namespace kexp::cli {
namespace {

// ECMA-48: to the line's start and clear it; the same for the line above.
constexpr const char* kClearLine = "\r\033[K";
constexpr const char* kClearLineAbove = "\033[1A\033[K";

struct Column {
  const char* title;
  const char* key;  ///< Of the event.
  double factor;
  int decimals;
};
constexpr std::array kColumns = {
    Column{"answered", "processed", 1, 0},       Column{"answers/s", "answers_per_s", 1, 0},
    Column{"unanswered", "unanswered", 1, 0},    Column{"duplicates", "duplicates", 1, 0},
    Column{"p50 ms", "end_to_end_p50_ms", 1, 1}, Column{"p95 ms", "end_to_end_p95_ms", 1, 1},
    Column{"p99 ms", "end_to_end_p99_ms", 1, 1}, Column{"in time %", "in_time_share", 100, 2}};
constexpr int kWidth = 11;

std::string header() {
  std::string line;
  for (const Column& column : kColumns) {
    line += fmt::format("{:>{}}", column.title, kWidth);
  }
  return line;
}

// "-" for what was not measured.
std::string cell(const ProgressEvent& event, const Column& column) {
  // Once the feed has finished, the images without an answer are those that are awaited.
  const std::string_view other = std::string_view(column.key) == "unanswered" ? "awaited" : column.key;
  const auto found = std::find_if(event.fields.begin(), event.fields.end(), [&](const auto& field) {
    return field.first == column.key || field.first == other;
  });
  if (found == event.fields.end()) {
    return "-";
  }
  const auto* count = std::get_if<std::int64_t>(&found->second);
  const auto* number = std::get_if<double>(&found->second);
  const double value = count != nullptr ? static_cast<double>(*count) : number != nullptr ? *number : 0;
  return fmt::format("{:.{}f}", value * column.factor, column.decimals);
}

/// The log without the terminal.
class CopiesOnly final : public Log {
 public:
  explicit CopiesOnly(Log& log) : log_(log) {}
  void write(LogLevel level, std::string_view line) override { log_.write_to_copies(level, line); }
  [[nodiscard]] bool enabled(LogLevel level) const override { return log_.enabled(level); }

 private:
  Log& log_;
};

}  // namespace

LiveTable::~LiveTable() {
  if (is_drawn_) {
    terminal_ << '\n' << std::flush;  // The last row stays.
  }
}

void LiveTable::report(const ProgressEvent& event) {
  if (event.event != "progress") {
    LogProgress(*this).report(event);
    return;
  }
  CopiesOnly copies(log_);
  LogProgress(copies).report(event);
  draw(event);
}

void LiveTable::write(LogLevel level, std::string_view line) {
  erase();
  log_.write(level, line);
}

void LiveTable::draw(const ProgressEvent& event) {
  if (!is_drawn_) {
    terminal_ << header() << '\n';
    is_drawn_ = true;
  }
  terminal_ << kClearLine;
  for (const Column& column : kColumns) {
    terminal_ << fmt::format("{:>{}}", cell(event, column), kWidth);
  }
  terminal_ << std::flush;
  terminal_.clear();  // A terminal that is gone ends no job.
}

void LiveTable::erase() {
  if (is_drawn_) {
    terminal_ << kClearLine << kClearLineAbove << std::flush;
    is_drawn_ = false;
  }
}

}  // namespace kexp::cli
