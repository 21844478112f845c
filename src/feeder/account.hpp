#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/stats/histogram.hpp"

namespace kexp::feeder {

/// Percentiles of one kind of duration, in ms, by nearest rank; NaN when nothing was measured.
struct Percentiles {
  double p50_ms, p99_ms, max_ms;
};

/// What was planned, sent and acknowledged within one stretch of time: each image counts in the stretch in
/// which it was due (planned, dropped), was sent, and was acknowledged or failed.
struct Stretch {
  std::int64_t planned_bytes = 0, planned_images = 0;
  std::int64_t sent_bytes = 0, sent_images = 0;
  std::int64_t acknowledged_bytes = 0, acknowledged_images = 0;
  std::int64_t failed_images = 0, dropped_images = 0;
  Percentiles lateness;  ///< Sent − intended, of those sent within it.
  Percentiles delivery;  ///< Acknowledged − intended, of those acknowledged within it.
};

/// How true the sending of a whole run was.
struct AccountSummary {
  std::int64_t planned = 0, sent = 0, dropped = 0, acknowledged = 0, failed = 0, unknown = 0;
  std::int64_t sent_bytes = 0, acknowledged_bytes = 0;
  stats::Summary lateness, delivery;
  /// Shares of the sends. Unexplained is what was due while no outage kept it back.
  double late_over_1ms = 0, late_over_100ms = 0, late_unexplained = 0;
  std::int64_t segments = 0;
  /// Segments within which other bytes were sent or dropped than planned, by more than the threshold and two
  /// of the largest images: out of bound, or excused by an outage. Long ones also in windows of their own.
  /// What was sent no later than may be counts where it was due.
  std::int64_t segments_out_of_bound = 0, segments_excused = 0;
  std::int64_t segments_cut = 0;  ///< Segments that have images which were never sent nor dropped.
  cycle::PartitionSkew skew;      ///< Of the bytes sent.
  std::optional<std::int64_t> first_sent_unix_ns, last_sent_unix_ns;
};
/// As feed.json holds it.
[[nodiscard]] Json to_json(const AccountSummary& summary);

/// Everything that is said of a feed's sending, computed from the run's files: plan.json, plan.csv,
/// sends.csv, and of feed.json the settings, t0, the outages and when it was cut short; and from the plan,
/// where it is at hand. The feed writes it at its end, `feed verify` computes it again.
struct Account {
  struct Segment {
    double start_s = 0, duration_s = 0, target_bytes_per_s = 0;
    Stretch done;
  };
  /// What was planned is that of the whole plan.
  std::vector<Segment> segments;
  /// At least those of the plan; of a feed that was cut short, those until then or in which something
  /// happened. What was planned is what was due until the cut.
  std::vector<Stretch> seconds;
  AccountSummary summary;
};

/// The account of the whole feed, or of one part of it. Memory: 8 bytes an image, and the stretches.
///
/// Without `plan` an image is known by its row in sends.csv: those that a feed which was cut short had not
/// sent yet are missing from what was planned for its seconds, and for the segments of a part. Nothing else
/// rests on the plan. Only a feed that says so ("cut") was cut short: a row that is missing otherwise is
/// nothing but a row less. Errors: FailedError naming the file that cannot be read, or that is not what a
/// feed wrote.
[[nodiscard]] Account account_for(const std::filesystem::path& run, const record::FeedPart& part = {},
                                  const cycle::Plan* plan = nullptr);

/// The texts of feed.csv (a row a segment) and seconds.csv (a row a second).
[[nodiscard]] std::string segments_table(const Account& account);
[[nodiscard]] std::string seconds_table(const Account& account);
/// Replaces both tables of `run`.
void write_feed_tables(const std::filesystem::path& run, const Account& account,
                       const record::FeedPart& part = {});

}  // namespace kexp::feeder
