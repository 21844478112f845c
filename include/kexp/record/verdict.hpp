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

/// Shares of all sends; stored beside the verdict in run.json. Source: reference figures in docs/results.md.
struct VerdictThresholds {
  double late_over_1ms_perturbed = 0.01;
  double late_over_100ms_invalid = 0.001;
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
