#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/run_directory.hpp"

#include "run_files.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using record::count_ledger;
using record::Ledger;
using testing::HasSubstr;

class LedgerTest : public testing::Test {
 protected:
  void finish_feed(std::int64_t planned, const Json& more = Json::object()) {
    Json fields{{"planned", planned}};
    fields.update(more);
    files_.finish("feed", fields);
  }
  [[nodiscard]] Ledger count() const { return count_ledger(files_.path()); }

  TempDir temp_;
  RunFiles files_{temp_.path() / "run"};
};

void expect_identities(const Ledger& l) {
  EXPECT_EQ(l.planned, l.sent + l.dropped);
  EXPECT_EQ(l.sent, l.acknowledged + l.failed + l.unknown);
  EXPECT_EQ(l.acknowledged, l.processed + l.missing);
  EXPECT_EQ(l.answers, l.processed + l.duplicates + l.unexpected);
}

TEST_F(LedgerTest, CountsEveryFateOfAnImage) {
  finish_feed(7);
  files_.sends({"acknowledged", "acknowledged", "acknowledged", "failed:MSG_TIMED_OUT", "dropped", "unknown",
                "acknowledged"});
  files_.answers("a", {"0", "1", "1", "3", "1"});
  files_.answers("b", {"2"}, 1);
  const Ledger l = count();
  EXPECT_EQ(l.planned, 7);
  EXPECT_EQ(l.sent, 6);
  EXPECT_EQ(l.dropped, 1);
  EXPECT_EQ(l.acknowledged, 4);
  EXPECT_EQ(l.failed, 1);
  EXPECT_EQ(l.unknown, 1);
  EXPECT_EQ(l.answers, 6);
  EXPECT_EQ(l.processed, 3);
  EXPECT_EQ(l.missing, 1);
  EXPECT_EQ(l.duplicates, 2);
  EXPECT_EQ(l.unexpected, 1);
  EXPECT_EQ(l.errors, 1);
  EXPECT_EQ(l.unreadable_rows, 0);
  EXPECT_TRUE(l.feed_finished);
  EXPECT_FALSE(l.track_finished);
  expect_identities(l);
}

// track.json counts the error of an id by its first answer, so both counts must go by it.
TEST_F(LedgerTest, TheFirstAnswerDecidesWhetherAnImageFailed) {
  finish_feed(2);
  files_.sends({"acknowledged", "acknowledged"});
  files_.answers("20261121T180000Z", {"0"}, 1);
  files_.answers("20261121T190000Z", {"0", "1"});
  files_.answers("20261121T200000Z", {"0", "1"}, 1);
  const Ledger l = count();
  EXPECT_EQ(l.duplicates, 3);
  EXPECT_EQ(l.errors, 1);
}

TEST_F(LedgerTest, AFolderThatCannotBeReadIsNamed) {
  finish_feed(0);
  std::filesystem::create_directory_symlink("results", files_.path() / "results");  // Leads to itself.
  EXPECT_THAT(message_of<FailedError>([this] { return count(); }), HasSubstr("run/results: "));
}

TEST_F(LedgerTest, AnEmptyRunCountsNothing) {
  files_.join("track");
  const Ledger l = count();
  EXPECT_EQ(l.planned, 0);
  EXPECT_EQ(l.answers, 0);
  expect_identities(l);
}

TEST_F(LedgerTest, OfAFeedThatWasKilledTheRestIsUnknown) {
  files_.join("feed");
  files_.write("plan.json", "{\"images\": 10}");
  files_.sends({"acknowledged", "acknowledged", "", "acknowledged"});
  const Ledger l = count();
  EXPECT_EQ(l.planned, 10);
  EXPECT_EQ(l.acknowledged, 3);
  EXPECT_EQ(l.unknown, 7);
  expect_identities(l);
}

TEST_F(LedgerTest, OfAFeedThatWasCutShortTheRestIsDropped) {
  finish_feed(10, {{"interrupted", false}, {"failed_early", true}});
  files_.sends({"acknowledged", "acknowledged", "acknowledged"});
  const Ledger l = count();
  EXPECT_EQ(l.dropped, 7);
  EXPECT_EQ(l.unknown, 0);
  expect_identities(l);
}

TEST_F(LedgerTest, OfAFeedThatFinishedNothingIsExcused) {
  finish_feed(4);
  files_.sends({"acknowledged", "acknowledged"});
  const Ledger l = count();
  EXPECT_EQ(l.planned, 4);
  EXPECT_EQ(l.sent, 2);
  EXPECT_NE(l.planned, l.sent + l.dropped);
}

TEST_F(LedgerTest, ATornLastLineIsNoRow) {
  finish_feed(2);
  files_.sends({"acknowledged", "acknowledged"});
  files_.answers("a", {"0"});
  files_.append("results/a.csv", "10.0.0.1,yolov5n,\"[1, 3");
  const Ledger l = count();
  EXPECT_EQ(l.processed, 1);
  EXPECT_EQ(l.unreadable_rows, 0);
}

TEST_F(LedgerTest, AnEmptyFileOfAKilledWriterIsNoMistake) {
  finish_feed(1);
  files_.write("sends.csv", "");
  files_.write("results/a.csv", "source,mod");
  const Ledger l = count();
  EXPECT_EQ(l.answers, 0);
  EXPECT_EQ(l.unreadable_rows, 0);
}

TEST_F(LedgerTest, RowsThatAreNoneAreCounted) {
  finish_feed(2);
  files_.sends({"acknowledged", "sent"});
  files_.append("sends.csv", "3,100\n");
  files_.write("results/a.csv", "a,b\n1,2\n");
  EXPECT_EQ(count().unreadable_rows, 3);
  EXPECT_EQ(count().first_unreadable_row, "sends.csv:3");
  files_.sends({"acknowledged", "acknowledged"});
  EXPECT_EQ(count().first_unreadable_row, "results/a.csv:1");
}

TEST_F(LedgerTest, IdsOfOtherProducersAreIds) {
  finish_feed(0);
  files_.answers("a", {"0-17", "0-18", "0-17"});
  const Ledger l = count();
  EXPECT_EQ(l.unexpected, 2);
  EXPECT_EQ(l.duplicates, 1);
  expect_identities(l);
}

TEST_F(LedgerTest, WithoutAnswersOffsetsAreCounted) {
  finish_feed(4);
  files_.sends({"acknowledged", "acknowledged", "acknowledged", "acknowledged"});  // Offsets 0 to 3.
  files_.finish("track", {{"answers", 0}, {"committed", {{"0", 3}}}});
  const Ledger l = count();
  EXPECT_FALSE(l.identities_checked);
  EXPECT_EQ(l.processed, 3);
  EXPECT_EQ(l.missing, 1);
}

TEST_F(LedgerTest, ForeignAnswersAreWhatTheTrackerCounted) {
  files_.finish("track", {{"answers", 0}, {"foreign", 12}});
  EXPECT_EQ(count().foreign, 12);
}

// Whatever becomes of the images, each is in exactly one place on both sides of every identity.
TEST(LedgerPropertyTest, TheIdentitiesHoldOverRandomRuns) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const TempDir temp;
    const RunFiles files(temp.path() / "run");
    const std::size_t planned = random() % 300;
    const bool finished = random() % 2 == 0;
    const bool interrupted = finished && random() % 2 == 0;
    std::vector<std::string> statuses(planned);
    for (std::string& status : statuses) {
      const char* fates[] = {"acknowledged", "acknowledged", "failed:X", "dropped", "unknown", ""};
      status = fates[random() % (finished && !interrupted ? 5 : 6)];
    }
    std::vector<std::string> answered;
    for (std::size_t i = 0; i < planned; ++i) {
      answered.push_back(random() % 20 == 0 ? fmt::format("x{}", random() % 5)
                                            : fmt::format("{}", random() % (planned + 3)));
    }
    files.join("track");
    files.write("plan.json", fmt::format("{{\"images\": {}}}", planned));
    finished ? files.finish("feed", {{"planned", planned}, {"interrupted", interrupted}})
             : files.join("feed");
    files.sends(statuses);
    files.answers("a", answered);
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Ledger l = count_ledger(files.path());
    EXPECT_EQ(l.answers, static_cast<std::int64_t>(planned));
    expect_identities(l);
  }
}

}  // namespace
}  // namespace kexp::test
