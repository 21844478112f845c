#include "kexp/record/verdict.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kexp::record {

namespace {

class Judge {
 public:
  Judge(const RunFacts& facts, const VerdictThresholds& thresholds)
      : facts_(facts), ledger_(facts.ledger), thresholds_(thresholds) {}

  Verdict run() {
    judge_completeness();
    judge_losses();
    judge_sums();
    judge_lateness();
    return std::move(verdict_);
  }

 private:
  template <typename... Args>
  void add_when(bool applies, VerdictState state, fmt::format_string<Args...> format, Args&&... args) {
    if (applies) {
      verdict_.state = std::max(verdict_.state, state);
      verdict_.reasons.push_back({state, fmt::format(format, std::forward<Args>(args)...)});
    }
  }

  void judge_completeness() {
    add_when(!facts_.feed_joined, VerdictState::partial,
             "no feed took part: there is nothing to hold the answers against");
    add_when(!facts_.track_joined, VerdictState::partial, "no tracker took part: nobody counted the answers");
    for (const std::string& role : facts_.unfinished_roles) {
      add_when(true, VerdictState::partial, "{} has not finished", role);
    }
    add_when(facts_.feed_cut_short, VerdictState::partial, "the feed was cut short after {} of {} images",
             ledger_.sent, ledger_.planned);
    add_when(ledger_.unknown > 0, VerdictState::partial,
             "{} images have no report of the broker: nobody knows whether they arrived", ledger_.unknown);
  }

  void judge_losses() {
    add_when(ledger_.failed > 0, VerdictState::invalid, "{} images were refused by the broker or timed out",
             ledger_.failed);
    add_when(ledger_.missing > 0 && ledger_.track_finished, VerdictState::invalid,
             "{} acknowledged images have no answer", ledger_.missing);
    add_when(ledger_.dropped > 0 && !facts_.feed_cut_short, VerdictState::perturbed,
             "{} images were dropped, as chosen, instead of being sent late", ledger_.dropped);
    add_when(ledger_.unexpected > 0, VerdictState::perturbed,
             "{} answers are for images that were not acknowledged", ledger_.unexpected);
  }

  void judge_sums() {
    // Of the identities, only this one can fail by itself: the others hold by the way they are counted.
    add_when(facts_.feed_joined && ledger_.planned != ledger_.sent + ledger_.dropped, VerdictState::invalid,
             "the ledger does not add up: {} planned, but {} sent and {} dropped", ledger_.planned,
             ledger_.sent, ledger_.dropped);
    for (const std::string& mismatch : facts_.mismatches) {
      add_when(true, VerdictState::invalid, "the ledger does not add up: {}", mismatch);
    }
    add_when(ledger_.unreadable_rows > 0, VerdictState::invalid,
             "{} lines of sends.csv or results cannot be read", ledger_.unreadable_rows);
  }

  void judge_lateness() {
    if (!ledger_.feed_finished) {
      return;
    }
    add_when(!facts_.late_over_1ms || !facts_.late_over_100ms, VerdictState::partial,
             "the lateness of the sends was not recorded");
    const double over_1ms = facts_.late_over_1ms.value_or(0);
    const double over_100ms = facts_.late_over_100ms.value_or(0);
    add_when(over_100ms > thresholds_.late_over_100ms_invalid, VerdictState::invalid,
             "{:.3g} % of the sends were later than 100 ms; {:.3g} % is the limit", over_100ms * 100,
             thresholds_.late_over_100ms_invalid * 100);
    add_when(over_1ms > thresholds_.late_over_1ms_perturbed, VerdictState::perturbed,
             "{:.3g} % of the sends were later than 1 ms; {:.3g} % is the limit", over_1ms * 100,
             thresholds_.late_over_1ms_perturbed * 100);
    // The segments after a cut carry less than planned, which the cut explains.
    add_when(facts_.segments_out_of_bound > 0,
             facts_.feed_cut_short ? VerdictState::partial : VerdictState::invalid,
             "{} segments carried another load than planned", facts_.segments_out_of_bound);
  }

  const RunFacts& facts_;
  const Ledger& ledger_;
  const VerdictThresholds& thresholds_;
  Verdict verdict_;
};

}  // namespace

std::string_view to_text(VerdictState state) {
  switch (state) {
    case VerdictState::valid:
      return "VALID";
    case VerdictState::perturbed:
      return "PERTURBED";
    case VerdictState::partial:
      return "PARTIAL";
    case VerdictState::invalid:
      break;
  }
  return "INVALID";
}

Verdict judge(const RunFacts& facts, const VerdictThresholds& thresholds) {
  return Judge(facts, thresholds).run();
}

}  // namespace kexp::record
