#include "json_log.hpp"

#include <ostream>
#include <utility>

#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"

namespace kexp::cli {
namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "trace";
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      break;
  }
  return "error";
}

/// In one piece, as other threads write to `out`, too; what it can no longer take is dropped.
void write_line(std::ostream& out, const Clock& clock, std::string_view event, const Json& fields) {
  Json line{{"time", format_utc(clock.wall_now())}, {"part", "kexp"}, {"event", event}};
  line.update(fields);
  out << line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n' << std::flush;
  out.clear();
}

}  // namespace

JsonLog::JsonLog(std::ostream& out, const Clock& clock, std::unique_ptr<Log> text)
    : out_(out), clock_(clock), text_(std::move(text)) {}

void JsonLog::write(LogLevel level, std::string_view line) {
  if (enabled(level)) {
    write_line(out_, clock_, "log", {{"level", name_of(level)}, {"text", line}});
    text_->write_to_copies(level, line);
  }
}

void write_json_error(std::ostream& out, const Clock& clock, std::string_view why, int exit_code) {
  write_line(out, clock, "error", {{"text", why}, {"exit_code", exit_code}});
}

}  // namespace kexp::cli
