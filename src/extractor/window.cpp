#include "window.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::extractor {

namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kMargin = 10s;  // Before and after a run: the idle state beside the load.

WallTime time_in(const Json& event, const char* field) {
  return parse_time(event.at(field).get<std::string>(), "--run");
}

WallTime start_of(const ExtractorOptions& options) {
  (void)record::RunDirectory::open(options.run);  // What is no run is named.
  const Json sending = record::last_event(options.run, "feed", "sending");
  if (sending.is_null()) {
    throw UsageError(
        fmt::format("--run {} has no feed that began to send: give --start and --end", options.run.string()));
  }
  return time_in(sending, "t0") - kMargin;
}

WallTime end_of(const ExtractorOptions& options, Log& log, WallTime now) {
  const Json fed = record::last_event(options.run, "feed", "finished");
  if (fed.is_null()) {
    throw UsageError(
        fmt::format("--run {} has a feed that is at work or was killed: give --end", options.run.string()));
  }
  WallTime end = time_in(fed, "time");
  if (const Json tracked = record::last_event(options.run, "track", "finished"); !tracked.is_null()) {
    end = std::max(end, time_in(tracked, "time"));
  } else if (!record::last_event(options.run, "track", "started").is_null()) {
    log.warn("extract: the tracker of this run has not finished; the window ends with the feed");
  }
  return std::min(end + kMargin, now);
}

}  // namespace

prom::Window resolve_window(const ExtractorOptions& options, Log& log, WallTime now) {
  const prom::Window window{options.start ? *options.start : start_of(options),
                            options.end ? *options.end : end_of(options, log, now)};
  if (window.start >= window.end) {
    throw UsageError(fmt::format("--start must be before --end, got {} and {}", format_utc(window.start),
                                 format_utc(window.end)));
  }
  if (window.end > now) {
    throw UsageError(fmt::format("--end must not be in the future, got {}; now it is {}",
                                 format_utc(window.end), format_utc(now)));
  }
  return window;
}

}  // namespace kexp::extractor
