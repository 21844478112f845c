#include "kexp/record/verdict.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"

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
    judge_disturbances();
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
    for (const std::string& failure : facts_.failures) {
      add_when(true, VerdictState::partial, "{}", failure);
    }
    for (const std::string& role : facts_.missing_feeds) {
      add_when(true, VerdictState::partial,
               "{}.json is not here: nobody knows what that part of the feed sent", role);
    }
    add_when(facts_.feed_cut_short, VerdictState::partial, "the feed was cut short after {} of {} images",
             ledger_.sent, ledger_.planned);
    add_when(ledger_.unknown > 0, VerdictState::partial,
             "{} images have no report of the broker: nobody knows whether they arrived", ledger_.unknown);
  }

  void judge_losses() {
    add_when(facts_.given_up_at_stop > 0, VerdictState::partial,
             "{} images had not left the feeder when it was stopped", facts_.given_up_at_stop);
    const std::int64_t failed = ledger_.failed - facts_.given_up_at_stop;
    add_when(failed > 0, VerdictState::invalid,
             "{} images were refused by the broker, timed out, had not left a feed that gave up, or are not "
             "in the topic",
             failed);
    add_when(facts_.offsets_repeated + facts_.offsets_before_older > 0, VerdictState::invalid,
             "the topic was made anew in mid-run: {} offsets stand twice, {} lie before one that had been "
             "acknowledged earlier",
             facts_.offsets_repeated, facts_.offsets_before_older);
    add_when(ledger_.lost > 0, VerdictState::invalid,
             "{} acknowledged images are not in the topic where they were acknowledged", ledger_.lost);
    add_when(ledger_.missing > 0 && ledger_.track_finished, VerdictState::invalid,
             "{} acknowledged images have no answer", ledger_.missing);
    add_when(facts_.dropped_by_policy > 0, VerdictState::perturbed,
             "{} images were dropped, as chosen, instead of being sent late", facts_.dropped_by_policy);
    add_when(facts_.overload_debt_s.has_value(), VerdictState::invalid,
             "the feed gave up, as chosen: it could not send an image that had been due for {:.3g} s",
             facts_.overload_debt_s.value_or(0));
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
             "{} lines of sends.csv or results cannot be read, the first is {}", ledger_.unreadable_rows,
             ledger_.first_unreadable_row);
  }

  void judge_disturbances() {
    for (std::size_t i = 0; i < facts_.outages.size() && i < kNamedOutages; ++i) {
      add_when(true, VerdictState::perturbed, "{}", text_of(facts_.outages[i]));
    }
    add_when(facts_.outages.size() > kNamedOutages, VerdictState::perturbed,
             "the broker took nothing at {} more times", facts_.outages.size() - kNamedOutages);
    add_when(facts_.stalled_s.has_value(), VerdictState::perturbed,
             "the feeding process stood still for {:.3g} s", facts_.stalled_s.value_or(0));
    add_when(facts_.starved_s > 0, VerdictState::perturbed,
             "the dataset could not be read in time: sends waited {:.3g} s for their images",
             facts_.starved_s);
    add_when(facts_.clock_stepped_s > 0, VerdictState::perturbed,
             "the wall clock was set by {:.3g} s meanwhile: times before and after it do not compare",
             facts_.clock_stepped_s);
    add_when(facts_.generator_cpu.value_or(0) > thresholds_.generator_cpu_perturbed, VerdictState::perturbed,
             "the feed used {:.3g} % of its CPUs; {:.3g} % is the limit",
             facts_.generator_cpu.value_or(0) * 100, thresholds_.generator_cpu_perturbed * 100);
  }

  static std::string text_of(const Outage& outage) {
    const WallTime start{Nanoseconds(outage.start_unix_ns)};
    const std::string cause = outage.cause.empty() ? "" : fmt::format(" ({})", outage.cause);
    if (outage.end_unix_ns == 0) {
      return fmt::format("the broker took nothing from {} on{}", format_utc(start), cause);
    }
    const auto s = [](std::int64_t ns) { return seconds(Nanoseconds(ns)); };
    const std::string caught_up =
        outage.caught_up_unix_ns == 0
            ? "the feed did not come back to its plan"
            : fmt::format("the feed was on its plan again {:.3g} s later",
                          s(std::max<std::int64_t>(0, outage.caught_up_unix_ns - outage.end_unix_ns)));
    return fmt::format("the broker took nothing for {:.3g} s from {}{}; {}",
                       s(outage.end_unix_ns - outage.start_unix_ns), format_utc(start), cause, caught_up);
  }

  void judge_lateness() {
    if (!ledger_.feed_finished || facts_.all_due_at_once) {
      return;
    }
    add_when(!facts_.late_over_1ms || !facts_.late_over_100ms, VerdictState::partial,
             "the lateness of the sends was not recorded");
    const double over_1ms = facts_.late_over_1ms.value_or(0);
    const double over_100ms = facts_.late_over_100ms.value_or(0);
    const double unexplained = facts_.late_unexplained.value_or(over_100ms);
    add_when(unexplained > thresholds_.late_over_100ms_invalid,
             facts_.drop_was_chosen ? VerdictState::perturbed : VerdictState::invalid,
             "{:.3g} % of the sends were later than 100 ms{}; {:.3g} % is the limit", unexplained * 100,
             facts_.outages.empty() ? "" : " apart from the outages",
             thresholds_.late_over_100ms_invalid * 100);
    add_when(over_1ms > thresholds_.late_over_1ms_perturbed, VerdictState::perturbed,
             "{:.3g} % of the sends were later than 1 ms; {:.3g} % is the limit", over_1ms * 100,
             thresholds_.late_over_1ms_perturbed * 100);
    add_when(facts_.segments_out_of_bound > 0, VerdictState::invalid,
             "{} segments carried another load than planned", facts_.segments_out_of_bound);
  }

  static constexpr std::size_t kNamedOutages = 10;

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

Json to_json(const VerdictThresholds& thresholds) {
  return {{"late_over_1ms_perturbed", thresholds.late_over_1ms_perturbed},
          {"late_over_100ms_invalid", thresholds.late_over_100ms_invalid},
          {"segment_error_invalid", thresholds.segment_error_invalid},
          {"generator_cpu_perturbed", thresholds.generator_cpu_perturbed}};
}

VerdictThresholds thresholds_in(const Json& settings) {
  VerdictThresholds thresholds;
  const auto read = [&](const char* name, double& into) {
    const Json::json_pointer at(fmt::format("/thresholds/{}", name));
    if (settings.contains(at) && settings[at].is_number()) {
      into = settings[at].get<double>();
    }
  };
  read("late_over_1ms_perturbed", thresholds.late_over_1ms_perturbed);
  read("late_over_100ms_invalid", thresholds.late_over_100ms_invalid);
  read("segment_error_invalid", thresholds.segment_error_invalid);
  read("generator_cpu_perturbed", thresholds.generator_cpu_perturbed);
  return thresholds;
}

Verdict judge(const RunFacts& facts, const VerdictThresholds& thresholds) {
  return Judge(facts, thresholds).run();
}

}  // namespace kexp::record
