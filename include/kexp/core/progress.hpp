#pragma once

#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"

namespace kexp {

/// One thing a job reports while it works: `{part, event, key = value …}`, units in the keys.
struct ProgressEvent {
  using Value = std::variant<std::int64_t, double, std::string>;
  std::string part;   ///< The job: "feed".
  std::string event;  ///< "started", "progress", "finished", "warning", …
  std::vector<std::pair<std::string, Value>> fields;
};

/// Receives a job's events. Threads: any.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void report(const ProgressEvent& event) = 0;
};

/// Events as lines `feed: progress sent=4920 rate_mbps=8.2` of the log.
class LogProgress final : public Progress {
 public:
  explicit LogProgress(Log& log) : log_(log) {}
  void report(const ProgressEvent& event) override;

 private:
  Log& log_;
};

/// Events as one JSON object a line on `out`, with `time` in RFC 3339; and as lines of text in the files that
/// `log` is copied to. What `out` can no longer take (the terminal is gone, the disk is full) is dropped
/// silently.
class JsonProgress final : public Progress {
 public:
  JsonProgress(std::ostream& out, Log& log, const Clock& clock) : out_(out), log_(log), clock_(clock) {}
  void report(const ProgressEvent& event) override;

 private:
  std::ostream& out_;
  Log& log_;
  const Clock& clock_;
  std::mutex mutex_;
};

/// Drops all events.
class NoProgress final : public Progress {
 public:
  void report(const ProgressEvent&) override {}
};

}  // namespace kexp
