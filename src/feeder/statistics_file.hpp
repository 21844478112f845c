#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>

#include "kexp/core/clock.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/log.hpp"

namespace kexp::feeder {

/// librdkafka.jsonl: the client's statistics as they come, a line {"time","thread","statistics"} each.
/// They help to explain a run and are no part of its account: when the file cannot be written, that is said
/// once and the run goes on.
///
/// Threads: any.
class StatisticsFile {
 public:
  StatisticsFile(const Clock& clock, Log& log) : clock_(clock), log_(log) {}
  /// What comes before is dropped. Errors: FailedError.
  void open(const std::filesystem::path& file);
  /// `statistics` is one JSON object, of the producer of pacing thread `thread`.
  void add(std::uint32_t thread, std::string_view statistics);

 private:
  const Clock& clock_;
  Log& log_;
  std::mutex mutex_;
  std::optional<AppendFile> file_;  // Guarded by mutex_.
};

}  // namespace kexp::feeder
