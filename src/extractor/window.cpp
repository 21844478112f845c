#include "window.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::extractor {

namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kMargin = 10s;  // Before and after a run: the idle state beside the load.

WallTime time_in(const Json& event, const char* field) {
  return parse_time(event.at(field).get<std::string>(), "--run");
}

WallTime start_of(const ExtractorOptions& options) {
  std::optional<WallTime> start;
  for (const record::FeedPart& part : record::joined_feeds(options.run)) {
    if (const Json sending = record::last_event(options.run, part.role(), "sending"); !sending.is_null()) {
      const WallTime t0 = time_in(sending, "t0");
      start = std::min(start.value_or(t0), t0);
    }
  }
  if (!start) {
    throw UsageError(
        fmt::format("--run {} has no feed that began to send: give --start and --end", options.run.string()));
  }
  return *start - kMargin;
}

WallTime end_of(const ExtractorOptions& options, Log& log, WallTime now) {
  if (!record::all_feeds_finished(options.run)) {
    throw UsageError(
        fmt::format("--run {} has a feed that is at work or was killed: give --end", options.run.string()));
  }
  WallTime end{};
  for (const record::FeedPart& part : record::joined_feeds(options.run)) {
    end = std::max(end, time_in(record::last_event(options.run, part.role(), "finished"), "time"));
  }
  if (const Json tracked = record::last_event(options.run, "track", "finished"); !tracked.is_null()) {
    end = std::max(end, time_in(tracked, "time"));
  } else if (!record::last_event(options.run, "track", "started").is_null()) {
    log.warn("extract: the tracker of this run has not finished; the window ends with the feed");
  }
  return std::min(end + kMargin, now);
}

}  // namespace

prom::Window resolve_window(const ExtractorOptions& options, Log& log, WallTime now) {
  if (!options.start || !options.end) {
    static_cast<void>(record::RunDirectory::open(options.run));  // What is no run is named.
  }
  // As samples are, and as times are told: an extraction that is told how to go on is then the same.
  const auto to_ms = [](WallTime time) { return std::chrono::floor<std::chrono::milliseconds>(time); };
  const prom::Window window{to_ms(options.start ? *options.start : start_of(options)),
                            to_ms(options.end ? *options.end : end_of(options, log, now))};
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
