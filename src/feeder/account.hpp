#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kexp/core/json.hpp"
#include "kexp/record/verdict.hpp"

namespace kexp::feeder {

/// Percentiles of one kind of duration, in ms; NaN when nothing was measured.
struct Percentiles {
  double p50_ms, p99_ms, max_ms;
};

/// What was planned, sent and acknowledged within one stretch of time: each image counts in the stretch in
/// which it was due, was sent, and was acknowledged or failed.
struct Stretch {
  std::int64_t planned_bytes = 0, planned_images = 0;
  std::int64_t sent_bytes = 0, sent_images = 0;
  std::int64_t acknowledged_bytes = 0, acknowledged_images = 0;
  std::int64_t failed_images = 0, dropped_images = 0;
  Percentiles lateness;  ///< Sent − intended, of those sent within it.
  Percentiles delivery;  ///< Acknowledged − intended, of those acknowledged within it.
};

/// Everything that is said of a feed's sending, computed from the run's files alone: plan.json, plan.csv,
/// sends.csv and the outages of feed.json. The feed writes it at its end, `feed verify` computes it again.
struct Account {
  struct Segment {
    double start_s = 0, duration_s = 0, target_bytes_per_s = 0;
    Stretch done;
  };
  std::vector<Segment> segments;
  std::vector<Stretch> seconds;
  Json summary;  ///< Counts, percentiles, shares of late images, segments out of bound, partition skew.
};

/// Errors: FailedError naming the file that cannot be read.
[[nodiscard]] Account account_for(const std::filesystem::path& run);

/// Replaces feed.csv (a row a segment) and seconds.csv (a row a second) of `run`.
void write_feed_tables(const std::filesystem::path& run, const Account& account);

}  // namespace kexp::feeder
