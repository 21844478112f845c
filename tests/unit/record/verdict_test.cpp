#include "kexp/record/verdict.hpp"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

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
    {"Dropped", [](RunFacts& f) { f.ledger.dropped = 3, f.ledger.sent = 997; }, VerdictState::perturbed,
     "3 images were dropped"},
    {"Unexpected", [](RunFacts& f) { f.ledger.unexpected = 2; }, VerdictState::perturbed, "2 answers"},
    {"LateByMoreThanATenthOfASecond", [](RunFacts& f) { f.late_over_100ms = 0.0011; }, VerdictState::invalid,
     "later than 100 ms"},
    {"Missing", [](RunFacts& f) { f.ledger.missing = 1; }, VerdictState::invalid, "1 acknowledged"},
    {"Failed", [](RunFacts& f) { f.ledger.failed = 4; }, VerdictState::invalid, "4 images were refused"},
    {"DoesNotAddUp", [](RunFacts& f) { f.ledger.sent = 999; }, VerdictState::invalid, "does not add up"},
    {"CountsDisagree", [](RunFacts& f) { f.mismatches = {"feed.json says sent=1"}; }, VerdictState::invalid,
     "feed.json says sent=1"},
    {"UnreadableRows", [](RunFacts& f) { f.ledger.unreadable_rows = 1; }, VerdictState::invalid,
     "cannot be read"},
    {"SegmentsOutOfBound", [](RunFacts& f) { f.segments_out_of_bound = 2; }, VerdictState::invalid,
     "2 segments"},
    {"Unknown", [](RunFacts& f) { f.ledger.unknown = 3; }, VerdictState::partial, "3 images have no report"},
    {"CutShort",
     [](RunFacts& f) {
       f.feed_cut_short = true;
       f.ledger.dropped = 400;
       f.ledger.sent = 600;
       f.segments_out_of_bound = 2;  // The one in which it was cut, and the rest.
     },
     VerdictState::partial, "cut short after 600 of 1000"},
    {"RoleUnfinished", [](RunFacts& f) { f.unfinished_roles = {"extract"}; }, VerdictState::partial,
     "extract has not finished"},
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

}  // namespace
}  // namespace kexp::test
