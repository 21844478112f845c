#pragma once

/// Was a run sound? Apart from whether the system under test met its objectives. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/record/run_directory.hpp"

namespace kexp::record {

/// From good to bad; the worst reason decides. `partial`: not all of it is known yet, or it was cut short.
enum class VerdictState { valid, perturbed, partial, invalid };

/// "VALID", "PERTURBED", "PARTIAL", "INVALID".
[[nodiscard]] std::string_view to_text(VerdictState state);

/// Settings of a run, stored with those of its feed and beside the verdict in run.json.
/// Source: reference figures in docs/results.md.
struct VerdictThresholds {
  double late_over_1ms_perturbed = 0.01;   ///< Share of all sends.
  double late_over_100ms_invalid = 0.001;  ///< Share of all sends; those of a named outage do not count.
  double segment_error_invalid = 0.01;     ///< Of a segment's bytes, and two of the largest images besides.
  double generator_cpu_perturbed = 0.8;    ///< Of the CPUs that the feed may use.
};

/// A time in which the broker took nothing although images were on their way.
struct Outage {
  std::int64_t start_unix_ns = 0;      ///< Of the last answer before it.
  std::int64_t end_unix_ns = 0;        ///< Of the first answer after it.
  std::int64_t caught_up_unix_ns = 0;  ///< When the feed was on its plan again.
  std::string cause;                   ///< What the client said: "Connection refused".
};

/// What a verdict rests on.
struct RunFacts {
  Ledger ledger;
  bool feed_joined = false;
  bool track_joined = false;
  bool feed_cut_short = false;
  std::vector<std::string> unfinished_roles;
  /// Shares of the sends that were later than that; none: not recorded.
  std::optional<double> late_over_1ms, late_over_100ms;
  /// As late_over_100ms, without what was due from an outage's start until it was caught up.
  std::optional<double> late_unexplained;
  std::vector<Outage> outages;
  /// Longest time that the feeding process itself stood still.
  std::optional<double> stalled_s;
  /// Sum of the steps that the wall clock made against the steady one, as absolute values.
  double clock_stepped_s = 0;
  std::optional<double> generator_cpu;  ///< Share of the CPUs that the feed may use.
  std::int64_t segments_out_of_bound = 0;
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

}  // namespace kexp::record
