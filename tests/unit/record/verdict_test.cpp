#include "kexp/record/verdict.hpp"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "kexp/core/json.hpp"

namespace kexp::test {
namespace {

using record::judge;
using record::RunFacts;
using record::VerdictState;

RunFacts sound_run() {
  RunFacts facts;
  facts.ledger.planned = facts.ledger.sent = facts.ledger.acknowledged = 1000;
  facts.ledger.answers = facts.ledger.processed = 1000;
  facts.ledger.feed_finished = facts.ledger.track_finished = true;
  facts.feed_joined = facts.track_joined = true;
  facts.late_over_1ms = 0.01;  // At the limit, not above.
  facts.late_over_100ms = 0.001;
  return facts;
}

struct VerdictCase {
  const char* name;
  std::function<void(RunFacts&)> change;
  VerdictState state;
  const char* reason;  ///< Part of one of the reasons; empty: there are none.
};

class VerdictTest : public testing::TestWithParam<VerdictCase> {};

TEST_P(VerdictTest, FollowsFromTheFacts) {
  RunFacts facts = sound_run();
  GetParam().change(facts);
  const auto verdict = judge(facts);
  EXPECT_EQ(to_text(verdict.state), to_text(GetParam().state));
  const std::string_view wanted = GetParam().reason;
  EXPECT_EQ(verdict.reasons.empty(), wanted.empty());
  EXPECT_TRUE(wanted.empty() || std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                                            [&](const auto& reason) {
                                              return reason.text.find(wanted) != std::string::npos &&
                                                     reason.state <= verdict.state;
                                            }))
      << wanted;
}

const VerdictCase kCases[] = {
    {"SoundRun", [](RunFacts&) {}, VerdictState::valid, ""},
    {"DuplicatesAreCountedOnly", [](RunFacts& f) { f.ledger.duplicates = 5; }, VerdictState::valid, ""},
    {"ImagesThatCannotBeProcessedAreTheSystemsAnswer", [](RunFacts& f) { f.ledger.errors = 5; },
     VerdictState::valid, ""},
    {"ForeignAnswersAreCountedOnly", [](RunFacts& f) { f.ledger.foreign = 5; }, VerdictState::valid, ""},
    {"WithoutIdentitiesOffsetsSuffice", [](RunFacts& f) { f.ledger.identities_checked = false; },
     VerdictState::valid, ""},
    {"LateByMoreThanAMillisecond", [](RunFacts& f) { f.late_over_1ms = 0.011; }, VerdictState::perturbed,
     "later than 1 ms"},
    {"ADatasetThatCouldNotBeReadInTime", [](RunFacts& f) { f.starved_s = 1.5; }, VerdictState::perturbed,
     "sends waited 1.5 s for their images"},
    {"LatenessBecauseOfADatasetThatCouldNotBeReadInTime",
     [](RunFacts& f) { f.starved_s = 1.5, f.late_over_100ms = 0.002; }, VerdictState::invalid,
     "sends waited 1.5 s for their images"},
    {"Dropped", [](RunFacts& f) { f.ledger.dropped = f.dropped_by_policy = 3, f.ledger.sent = 997; },
     VerdictState::perturbed, "3 images were dropped"},
    {"LatenessWithinTheChosenDebt", [](RunFacts& f) { f.late_over_100ms = 0.2, f.drop_was_chosen = true; },
     VerdictState::perturbed, "20 % of the sends were later than 100 ms"},
    {"LatenessOfANamedOutage",
     [](RunFacts& f) {
       f.late_over_100ms = 0.3;
       f.late_unexplained = 0.001;
       f.outages = {{1'795'284'000'000'000'000, 1'795'284'020'500'000'000, 1'795'284'031'000'000'000,
                     "Connection refused"}};
     },
     VerdictState::perturbed,
     "took nothing for 20.5 s from 2026-11-21T18:00:00.000Z (Connection refused); the feed was on its plan "
     "again 10.5 s later"},
    {"LatenessBesideANamedOutage",
     [](RunFacts& f) {
       f.late_over_100ms = 0.3;
       f.late_unexplained = 0.1;
       f.outages.resize(1);
     },
     VerdictState::invalid, "10 % of the sends were later than 100 ms apart from the outages"},
    {"AnOutageToTheEnd",
     [](RunFacts& f) {
       f.outages = {{1'795'284'000'000'000'000, 0, 0, ""}};
     },
     VerdictState::perturbed, "the broker took nothing from 2026-11-21T18:00:00.000Z on"},
    {"ManyOutages", [](RunFacts& f) { f.outages.resize(12); }, VerdictState::perturbed, "at 2 more times"},
    {"AStall", [](RunFacts& f) { f.stalled_s = 5.25; }, VerdictState::perturbed, "stood still for 5.25 s"},
    {"AStallThatMadeImagesLate", [](RunFacts& f) { f.stalled_s = 5, f.late_over_100ms = 0.5; },
     VerdictState::invalid, "stood still for 5 s"},
    {"TheClockWasSet", [](RunFacts& f) { f.clock_stepped_s = 2; }, VerdictState::perturbed, "set by 2 s"},
    {"TheGeneratorWasBusy", [](RunFacts& f) { f.generator_cpu = 0.85; }, VerdictState::perturbed,
     "used 85 % of its CPUs; 80 % is the limit"},
    {"TheGeneratorHadRoom", [](RunFacts& f) { f.generator_cpu = 0.8; }, VerdictState::valid, ""},
    {"ItGaveUpAsChosen", [](RunFacts& f) { f.overload_debt_s = 0.5; }, VerdictState::invalid,
     "had been due for 0.5 s"},
    {"AllDueAtOnceIsLateByItsNature",
     [](RunFacts& f) { f.late_over_1ms = f.late_over_100ms = 1, f.all_due_at_once = true; },
     VerdictState::valid, ""},
    {"APartOfTheFeedIsNotHere", [](RunFacts& f) { f.missing_feeds = {"feed-2"}; }, VerdictState::partial,
     "feed-2.json is not here"},
    {"Unexpected", [](RunFacts& f) { f.ledger.unexpected = 2; }, VerdictState::perturbed, "2 answers"},
    {"LateByMoreThanATenthOfASecond", [](RunFacts& f) { f.late_over_100ms = 0.0011; }, VerdictState::invalid,
     "later than 100 ms"},
    {"Missing", [](RunFacts& f) { f.ledger.missing = 1; }, VerdictState::invalid, "1 acknowledged"},
    {"Failed", [](RunFacts& f) { f.ledger.failed = 4; }, VerdictState::invalid, "4 images were refused"},
    {"GivenUpAtAStop",
     [](RunFacts& f) {
       f.feed_cut_short = true;
       f.ledger.failed = f.given_up_at_stop = 4;
     },
     VerdictState::partial, "4 images had not left"},
    {"FailedBesideThoseOfAStop", [](RunFacts& f) { f.ledger.failed = 4, f.given_up_at_stop = 3; },
     VerdictState::invalid, "1 images were refused"},
    {"SegmentsBeforeACut", [](RunFacts& f) { f.feed_cut_short = true, f.segments_out_of_bound = 1; },
     VerdictState::invalid, "1 segments"},
    {"DoesNotAddUp", [](RunFacts& f) { f.ledger.sent = 999; }, VerdictState::invalid, "does not add up"},
    {"CountsDisagree", [](RunFacts& f) { f.mismatches = {"feed.json says sent=1"}; }, VerdictState::invalid,
     "feed.json says sent=1"},
    {"UnreadableRows",
     [](RunFacts& f) { f.ledger.unreadable_rows = 1, f.ledger.first_unreadable_row = "sends.csv:17"; },
     VerdictState::invalid, "1 lines of sends.csv or results cannot be read, the first is sends.csv:17"},
    {"SegmentsOutOfBound", [](RunFacts& f) { f.segments_out_of_bound = 2; }, VerdictState::invalid,
     "2 segments"},
    {"Unknown", [](RunFacts& f) { f.ledger.unknown = 3; }, VerdictState::partial, "3 images have no report"},
    {"CutShort",
     [](RunFacts& f) {
       f.feed_cut_short = true;
       f.ledger.dropped = 400;
       f.ledger.sent = 600;
     },
     VerdictState::partial, "cut short after 600 of 1000"},
    {"RoleUnfinished", [](RunFacts& f) { f.unfinished_roles = {"extract"}; }, VerdictState::partial,
     "extract has not finished"},
    {"RoleFailed", [](RunFacts& f) { f.failures = {"feed failed: the disk is full"}; }, VerdictState::partial,
     "feed failed: the disk is full"},
    {"MissingSoFar",
     [](RunFacts& f) {
       f.ledger.missing = 7;
       f.ledger.track_finished = false;
       f.unfinished_roles = {"track"};
     },
     VerdictState::partial, "track has not finished"},
    {"NoFeed", [](RunFacts& f) { f.feed_joined = f.ledger.feed_finished = false; }, VerdictState::partial,
     "no feed"},
    {"NoTracker", [](RunFacts& f) { f.track_joined = f.ledger.track_finished = false; },
     VerdictState::partial, "no tracker"},
    {"LatenessNotRecorded", [](RunFacts& f) { f.late_over_1ms.reset(); }, VerdictState::partial,
     "not recorded"},
    {"TheWorstReasonDecides",
     [](RunFacts& f) {
       f.late_over_1ms = 0.5;
       f.ledger.unknown = 1;
       f.ledger.failed = 1;
     },
     VerdictState::invalid, "no report"},
};

INSTANTIATE_TEST_SUITE_P(All, VerdictTest, testing::ValuesIn(kCases),
                         [](const auto& instance) { return instance.param.name; });

TEST(VerdictThresholdsTest, AreChangeable) {
  record::VerdictThresholds strict;
  strict.late_over_1ms_perturbed = 0.001;
  EXPECT_EQ(judge(sound_run(), strict).state, VerdictState::perturbed);
}

TEST(VerdictThresholdsTest, AreReadBackAsTheyWereStored) {
  record::VerdictThresholds stored;
  stored.late_over_100ms_invalid = 0.25;
  stored.generator_cpu_perturbed = 0.5;
  const auto read = record::thresholds_in({{"thresholds", record::to_json(stored)}});
  EXPECT_EQ(record::to_json(read), record::to_json(stored));
}

TEST(VerdictThresholdsTest, AreTheDefaultsWhereARunDoesNotSay) {
  const auto defaults = record::to_json(record::VerdictThresholds());
  EXPECT_EQ(record::to_json(record::thresholds_in({{"topic", "t"}})), defaults);
  EXPECT_EQ(record::to_json(record::thresholds_in({{"thresholds", {{"segment_error_invalid", "x"}}}})),
            defaults);
}

}  // namespace
}  // namespace kexp::test
