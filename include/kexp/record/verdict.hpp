#pragma once

/// Was a run sound? Apart from whether the system under test met its objectives. `judge` is pure.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/run_directory.hpp"

namespace kexp::record {

/// From good to bad; the worst reason decides. `partial`: not all of it is known yet, or it was cut short.
enum class VerdictState { valid, perturbed, partial, invalid };

/// "VALID", "PERTURBED", "PARTIAL", "INVALID".
[[nodiscard]] std::string_view to_text(VerdictState state);

/// Settings of a run, stored with those of its feed and beside the verdict in run.json.
/// Source: docs/results.md, "The verdict".
struct VerdictThresholds {
  double late_over_1ms_perturbed = 0.01;   ///< Share of all sends.
  double late_over_100ms_invalid = 0.001;  ///< Share of all sends; those of a named outage do not count.
  double segment_error_invalid = 0.01;     ///< Of a segment's bytes, and two of the largest images besides.
  double generator_cpu_perturbed = 0.8;    ///< Of the CPUs that the feed may use.
};

/// The fields under their own names.
[[nodiscard]] Json to_json(const VerdictThresholds& thresholds);
/// Those in `settings` under "thresholds"; the defaults for what is not there.
[[nodiscard]] VerdictThresholds thresholds_in(const Json& settings);

/// A time in which the broker took nothing although images were on their way.
struct Outage {
  std::int64_t start_unix_ns = 0;      ///< Of the last answer before it.
  std::int64_t end_unix_ns = 0;        ///< Of the first answer after it; 0: none came.
  std::int64_t caught_up_unix_ns = 0;  ///< When the feed was on its plan again; 0: never.
  std::string cause;                   ///< What the client said: "Connection refused".

  /// Whether an image due then could not be sent in time because of it.
  [[nodiscard]] bool explains(std::int64_t intended_unix_ns) const {
    return intended_unix_ns >= start_unix_ns &&
           (caught_up_unix_ns == 0 || intended_unix_ns <= caught_up_unix_ns);
  }
};
/// The "outage" events in <role>.json of `run`. Errors: FailedError naming the file.
[[nodiscard]] std::vector<Outage> read_outages(const std::filesystem::path& run, const std::string& role);

/// What a verdict rests on.
struct RunFacts {
  Ledger ledger;
  bool feed_joined = false;
  bool track_joined = false;
  bool feed_cut_short = false;
  /// Of the failed: had not left the client yet when the feed was interrupted.
  std::int64_t given_up_at_stop = 0;
  std::vector<std::string> unfinished_roles;
  std::vector<std::string> failures;       ///< Why roles ended before their time, in words.
  std::vector<std::string> missing_feeds;  ///< Roles of parts of the plan whose feed is not here.
  /// Shares of the sends that were later than that; none: not recorded.
  std::optional<double> late_over_1ms, late_over_100ms;
  /// As late_over_100ms, without what was due from an outage's start until it was caught up.
  std::optional<double> late_unexplained;
  std::vector<Outage> outages;
  /// Longest time that the feeding process itself stood still.
  std::optional<double> stalled_s;
  /// Time that sends waited for images of a dataset that is read while it is fed.
  double starved_s = 0;
  /// Sum of the steps that the wall clock made against the steady one, as absolute values.
  double clock_stepped_s = 0;
  std::optional<double> generator_cpu;  ///< Share of the CPUs that the feed may use.
  std::int64_t segments_out_of_bound = 0;
  std::int64_t dropped_by_policy = 0;  ///< Those of the ledger's dropped that were not for a cut.
  bool drop_was_chosen = false;        ///< --on-overload drop: a lateness within --max-debt, too.
  /// Lateness of the image at which --on-overload fail ended the feed.
  std::optional<double> overload_debt_s;
  bool all_due_at_once = false;  ///< The burst profile: its lateness is the time that it takes.
  /// Acknowledged offsets that were given twice, or that lie before one that had been acknowledged earlier.
  std::int64_t offsets_repeated = 0, offsets_before_older = 0;
  /// Counts of feed.json or track.json that the files beside them do not bear out, in words.
  std::vector<std::string> mismatches;
};

struct VerdictReason {
  VerdictState state;  ///< What this reason alone makes of the run.
  std::string text;
};
struct Verdict {
  VerdictState state = VerdictState::valid;
  std::vector<VerdictReason> reasons;
};

[[nodiscard]] Verdict judge(const RunFacts& facts, const VerdictThresholds& thresholds = {});

/// The verdict on what one feed of `run` sent, whatever its other feeds and its tracker did: by <role>.json
/// and sends.csv of that feed alone. Errors: FailedError naming the file.
[[nodiscard]] Verdict judge_feed(const std::filesystem::path& run, const FeedPart& part);

}  // namespace kexp::record
