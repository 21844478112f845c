#include "kexp/record/feeds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/json.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/record/sends.hpp"
#include "kexp/record/verdict.hpp"

#include "run_files.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using record::FeedPart;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(SendStatusTest, EveryStatusIsReadAsItIsWritten) {
  using record::Fate;
  for (const auto& [text, fate, failure] :
       {std::tuple{"acknowledged", Fate::acknowledged, ""}, std::tuple{"dropped", Fate::dropped, ""},
        std::tuple{"unknown", Fate::unknown, ""}, std::tuple{"failed", Fate::failed, ""},
        std::tuple{"failed:_MSG_TIMED_OUT", Fate::failed, "_MSG_TIMED_OUT"}}) {
    const auto status = record::parse_send_status(text);
    ASSERT_TRUE(status) << text;
    EXPECT_EQ(status->fate, fate);
    EXPECT_EQ(status->failure, failure);
    EXPECT_EQ(to_text(*status), text);
  }
  for (const char* text : {"", "sent", "failure", "failedX", "dropped:X", "Acknowledged"}) {
    EXPECT_FALSE(record::parse_send_status(text)) << text;
  }
}

/// A plan of ten images that is played in parts.
class FeedsTest : public testing::Test {
 protected:
  static Json ended(std::int64_t images) {
    return {{"planned", images},
            {"sent", images},
            {"acknowledged", images},
            {"late_over_1ms_fraction", 0.0},
            {"late_over_100ms_fraction", 0.0}};
  }
  static std::vector<std::string> acknowledged(std::size_t count) {
    return std::vector<std::string>(count, "acknowledged");
  }
  Json derive(const char* plan = R"({"images": 10})") {
    files_.write("plan.json", plan);
    return record::derive(files_.path());
  }

  TempDir temp_;
  RunFiles files_{temp_.path() / "run"};
};

TEST_F(FeedsTest, APartIsCalledByItsIndexUnlessItIsAll) {
  EXPECT_EQ(FeedPart().role(), "feed");
  EXPECT_EQ(FeedPart().csv("sends"), "sends.csv");
  EXPECT_EQ((FeedPart{2, 3}).role(), "feed-2");
  EXPECT_EQ((FeedPart{2, 3}).csv("seconds"), "seconds-2.csv");
}

TEST_F(FeedsTest, EveryImageIsOfOnePart) {
  for (const std::int64_t images : {0, 1, 2, 3, 10, 11}) {
    std::int64_t sum = 0;
    for (std::uint32_t index = 1; index <= 3; ++index) {
      const FeedPart part{index, 3};
      std::int64_t plays = 0;
      for (std::uint64_t id = 0; id < static_cast<std::uint64_t>(images); ++id) {
        plays += part.plays(id) ? 1 : 0;
      }
      EXPECT_EQ(part.share_of(images), plays) << images << " images, part " << index;
      sum += plays;
    }
    EXPECT_EQ(sum, images);
  }
}

TEST_F(FeedsTest, TheLedgerIsOfAllParts) {
  files_.shard({1, 2}, ended(5));
  files_.shard({2, 2}, ended(5));
  files_.sends({1, 2}, acknowledged(5));
  files_.sends({2, 2}, acknowledged(5));

  const Json run = derive();

  EXPECT_EQ(run["counts"]["planned"], 10);
  EXPECT_EQ(run["counts"]["acknowledged"], 10);
  EXPECT_TRUE(record::all_feeds_finished(files_.path()));
  EXPECT_THAT(record::joined_feeds(files_.path()), ElementsAre(FeedPart{1, 2}, FeedPart{2, 2}));
  EXPECT_EQ(run["verdict"]["reasons"], Json({"no tracker took part: nobody counted the answers"}));
}

TEST_F(FeedsTest, APartThatIsNotHereIsNamedAndItsImagesAreUnknown) {
  files_.shard({1, 3}, ended(4));
  files_.shard({3, 3}, ended(3));
  files_.sends({1, 3}, acknowledged(4));
  files_.sends({3, 3}, acknowledged(3));

  const Json run = derive();

  EXPECT_EQ(run["verdict"]["state"], "PARTIAL");
  EXPECT_THAT(run["verdict"]["reasons"].dump(), HasSubstr("feed-2.json is not here"));
  EXPECT_EQ(run["counts"]["unknown"], 3);
  EXPECT_FALSE(record::all_feeds_finished(files_.path()));
  EXPECT_EQ(read_json(files_.path() / "ledger.json")["unknown"]["ids"], Json({"1", "4", "7"}));
}

TEST_F(FeedsTest, APartThatWasKilledLeavesItsOwnImagesUnknown) {
  files_.shard({1, 2}, std::nullopt);
  files_.shard({2, 2}, ended(5));
  files_.sends({1, 2}, {"acknowledged", "acknowledged"});
  files_.sends({2, 2}, acknowledged(5));

  const Json run = derive();

  EXPECT_EQ(run["counts"]["acknowledged"], 7);
  EXPECT_EQ(run["counts"]["unknown"], 3);
  EXPECT_THAT(run["verdict"]["reasons"].dump(), HasSubstr("feed-1 has not finished"));
  EXPECT_TRUE(run["phases"]["feed_end"].is_null());
}

TEST_F(FeedsTest, APartThatWasCutShortHasDroppedItsRest) {
  Json cut = ended(2);
  cut.update(Json{{"planned", 5}, {"dropped", 3}, {"interrupted", true}});
  files_.shard({1, 2}, cut);
  files_.shard({2, 2}, ended(5));
  files_.sends({1, 2}, acknowledged(2));
  files_.sends({2, 2}, acknowledged(5));

  const Json run = derive();

  EXPECT_EQ(run["counts"]["dropped"], 3);
  EXPECT_EQ(run["verdict"]["state"], "PARTIAL");
  EXPECT_THAT(run["verdict"]["reasons"].dump(), testing::Not(HasSubstr("instead of being sent late")));
}

TEST_F(FeedsTest, EachPartHasAVerdictOfItsOwn) {
  Json cut = ended(2);
  cut.update(Json{{"planned", 5},
                  {"acknowledged", 1},
                  {"failed", 1},
                  {"dropped", 3},
                  {"never_sent", 3},
                  {"interrupted", true}});
  files_.shard({1, 3}, ended(4));
  files_.shard({2, 3}, cut);
  files_.sends({1, 3}, acknowledged(4));
  files_.sends({2, 3}, {"acknowledged", "failed:_PURGE_QUEUE"});
  const auto judge = [&](std::uint32_t index) { return record::judge_feed(files_.path(), {index, 3}); };

  EXPECT_EQ(judge(1).state, record::VerdictState::valid);
  EXPECT_THAT(judge(1).reasons, testing::IsEmpty());
  EXPECT_EQ(judge(2).state, record::VerdictState::partial);
  EXPECT_THAT(derive()["verdict"]["reasons"].dump(), HasSubstr("feed-3.json is not here"));
}

TEST_F(FeedsTest, ALossIsInTheVerdictOfItsPart) {
  files_.shard({1, 2}, ended(5));
  files_.shard({2, 2}, ended(5));
  files_.sends({1, 2}, acknowledged(5));
  files_.sends({2, 2}, {"acknowledged", "acknowledged", "acknowledged", "failed:X"});

  EXPECT_EQ(record::judge_feed(files_.path(), {1, 2}).state, record::VerdictState::valid);
  const record::Verdict verdict = record::judge_feed(files_.path(), {2, 2});
  EXPECT_EQ(verdict.state, record::VerdictState::invalid);
  ASSERT_EQ(verdict.reasons.size(), 2U);
  EXPECT_THAT(verdict.reasons[0].text, HasSubstr("1 images were refused"));
  EXPECT_THAT(verdict.reasons[1].text, HasSubstr("5 planned, but 4 sent and 0 dropped"));
}

TEST_F(FeedsTest, AWrongCountIsNamedByItsPart) {
  files_.shard({1, 2}, ended(5));
  files_.shard({2, 2}, ended(5));
  files_.sends({1, 2}, acknowledged(5));
  files_.sends({2, 2}, {"acknowledged", "acknowledged", "acknowledged", "acknowledged", "failed:X"});

  EXPECT_THAT(derive()["verdict"]["reasons"].dump(),
              HasSubstr("feed-2.json says acknowledged=5, the files have 4"));
}

TEST_F(FeedsTest, TimeThatSendsWaitedForTheirImagesIsAReason) {
  Json starved = ended(5);
  starved["starved_s"] = 0.25;
  files_.shard({1, 2}, starved);
  files_.shard({2, 2}, starved);
  files_.sends({1, 2}, acknowledged(5));
  files_.sends({2, 2}, acknowledged(5));

  EXPECT_THAT(derive()["verdict"]["reasons"].dump(), HasSubstr("sends waited 0.5 s for their images"));
}

TEST_F(FeedsTest, FeedsOfDifferentPlansAreNamed) {
  files_.shard({1, 2}, ended(5));
  files_.shard({2, 3}, ended(5));

  EXPECT_THAT(derive()["verdict"]["reasons"].dump(), HasSubstr("feed-1.json plays part 1 of 2, others of 3"));
}

TEST_F(FeedsTest, TheLatenessOfAllIsWeighedByTheirSends) {
  Json late = ended(5);
  late["late_over_1ms_fraction"] = 0.5;
  files_.shard({1, 2}, late);
  files_.shard({2, 2}, ended(5));
  files_.sends({1, 2}, acknowledged(5));
  files_.sends({2, 2}, acknowledged(5));

  EXPECT_THAT(derive()["verdict"]["reasons"].dump(), HasSubstr("25 % of the sends were later than 1 ms"));
}

TEST_F(FeedsTest, WhatTheTopicDecidedCounts) {
  files_.join("feed");
  files_.sends({"acknowledged", "unknown", "", "unknown"});
  files_.write("feed-topic.csv",
               "id,partition,offset,status\n"
               "0,,,failed:NOT_IN_TOPIC\n"  // Not unknown: the feed's own row counts.
               "1,0,7,acknowledged\n"
               "2,0,8,acknowledged\n"
               "3,,,failed:NOT_IN_TOPIC\n"
               "4,,,dropped\n");

  const Json run = derive();

  EXPECT_EQ(run["counts"]["acknowledged"], 3);
  EXPECT_EQ(run["counts"]["failed"], 1);
  EXPECT_EQ(run["counts"]["dropped"], 1);
  EXPECT_EQ(run["counts"]["unknown"], 5);  // 5 to 9 were not looked for.
  EXPECT_EQ(read_json(files_.path() / "ledger.json")["failures"], Json({{"NOT_IN_TOPIC", 1}}));
}

// The counts of feed.json are of its own rows, so a later look into the topic does not contradict them.
TEST_F(FeedsTest, WhatTheTopicDecidedIsHeldAgainstNoFeed) {
  files_.finish("feed", {{"planned", 2}, {"sent", 2}, {"acknowledged", 1}, {"unknown", 1}});
  files_.sends({"acknowledged", "unknown"});
  files_.write("feed-topic.csv", "id,partition,offset,status\n1,0,7,acknowledged\n");

  EXPECT_THAT(derive(R"({"images": 2})")["verdict"]["reasons"].dump(),
              testing::Not(HasSubstr("does not add up")));
}

}  // namespace
}  // namespace kexp::test
