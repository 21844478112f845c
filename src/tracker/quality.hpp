#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/stats/histogram.hpp"
#include "kexp/stats/interval.hpp"

namespace kexp::tracker {

/// Answers within the deadline, of all images that were sent.
struct Goodput {
  double deadline_s = 0;
  std::int64_t sent = 0, in_time = 0, late = 0, errors = 0, missing = 0;
  std::optional<double> share;         ///< in_time / sent.
  stats::Interval interval;            ///< Of the share, at `kConfidence`.
  std::optional<double> images_per_s;  ///< Over the duration of the plan.
  static constexpr double kConfidence = 0.95;
};

/// How well the system did, by the files of a run alone: apart from whether the run was sound.
struct Quality {
  /// Where the time went, from the intended time on; empty without a feed.
  std::vector<std::pair<std::string, stats::Summary>> stages;
  std::optional<Goodput> goodput;  ///< None without a feed.
  /// The first ones of the images whose answer came after the deadline.
  std::vector<std::string> late_ids;
  /// Images whose answer came when a tracker of the run had ended already.
  std::int64_t after_end = 0;
  /// What cannot be if the clocks of the hosts agree.
  struct Clocks {
    std::int64_t received_before_sent = 0;  ///< Images: by the consumer, before the feed sent them.
    std::int64_t answered_before_done = 0;  ///< Answers: by the tracker, before the consumer was done.
    double worst_ms = 0;                    ///< By so much at least they differ.
    [[nodiscard]] bool differ() const { return received_before_sent + answered_before_done > 0; }
  } clocks;
  /// The table goodput.csv, a row a segment of the plan; empty without a plan.
  std::string goodput_csv;
};

/// Reads plan.csv, sends.csv and results/*.csv of `run`; `first_end` is when a tracker of it first came to
/// its end before. Memory: some 100 bytes an image. Errors: FailedError naming the file.
[[nodiscard]] Quality assess(const std::filesystem::path& run, Nanoseconds deadline,
                             std::optional<WallTime> first_end);

/// "stages", "clocks", "goodput" and "late", as track.json holds them; null without a feed.
[[nodiscard]] Json to_json(const Quality& quality);

}  // namespace kexp::tracker
