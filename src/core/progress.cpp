#include "kexp/core/progress.hpp"

#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"

namespace kexp {

namespace {

// At most three decimals, below 1 three significant digits, no trailing zeros.
std::string number_text(double value) {
  if (!std::isfinite(value) || std::abs(value) < 1 || std::abs(value) >= 1e15) {
    return fmt::format("{:.3g}", value);
  }
  std::string text = fmt::format("{:.3f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) {
    text.pop_back();
  }
  return text;
}

std::string value_text(const ProgressEvent::Value& value) {
  if (const auto* count = std::get_if<std::int64_t>(&value)) {
    return fmt::format("{}", *count);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return number_text(*number);
  }
  const std::string& text = std::get<std::string>(value);
  const bool plain = !text.empty() && text.find_first_of(" \t\r\n\"=") == std::string::npos;
  return plain ? text : Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

LogLevel level_of(const ProgressEvent& event) {
  return event.event == "error"     ? LogLevel::error
         : event.event == "warning" ? LogLevel::warn
                                    : LogLevel::info;
}

std::string line_of(const ProgressEvent& event) {
  std::string line = fmt::format("{}: {}", event.part, event.event);
  for (const auto& [key, value] : event.fields) {
    line += fmt::format(" {}={}", key, value_text(value));
  }
  return line;
}

}  // namespace

void LogProgress::report(const ProgressEvent& event) {
  const LogLevel level = level_of(event);
  if (log_.enabled(level)) {
    log_.write(level, line_of(event));
  }
}

void JsonProgress::report(const ProgressEvent& event) {
  Json line;
  line["part"] = event.part;
  line["event"] = event.event;
  for (const auto& [key, value] : event.fields) {
    std::visit([&, &name = key](const auto& v) { line[name] = v; }, value);
  }
  const std::lock_guard lock(mutex_);
  Json timed;
  timed["time"] = format_utc(clock_.wall_now());  // Under the lock, so that lines are in order of time.
  timed.update(line);
  // In one piece: others write lines to the same stream.
  out_ << timed.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n' << std::flush;
  out_.clear();  // One failed write must not silence the events and the error message that follow.
  log_.write_to_copies(level_of(event), line_of(event));
}

}  // namespace kexp
