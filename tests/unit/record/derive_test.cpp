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

using record::derive;
using testing::HasSubstr;
using testing::Not;

class DeriveTest : public testing::Test {
 protected:
  void feed(std::vector<std::string> statuses, Json fields = Json::object()) {
    Json end{{"planned", statuses.size()},       {"late_over_1ms_fraction", 0.0},
             {"late_over_100ms_fraction", 0.0},  {"segments_out_of_bound", 0},
             {"t0", "2026-11-21T18:00:02.000Z"}, {"lateness", {{"p99_ms", 0.2}}},
             {"delivery", {{"p99_ms", 4.5}}}};
    end.update(fields);
    files_.finish("feed", end);
    files_.sends(statuses);
  }
  Json run_json() { return derive(files_.path()); }
  [[nodiscard]] Json ledger_json() const { return read_json(files_.path() / "ledger.json"); }

  TempDir temp_;
  RunFiles files_{temp_.path() / "run"};
};

TEST_F(DeriveTest, ASoundRunIsValid) {
  feed({"acknowledged", "acknowledged"});
  files_.answers("a", {"0", "1"});
  files_.finish("track", {{"answers", 2}, {"foreign", 1}, {"latency", {{"end_to_end", {{"p99_ms", 99.5}}}}}});
  files_.finish("extract", {{"start", "2026-11-21T18:00:00.000Z"}, {"end", "2026-11-21T18:02:00.000Z"}});
  files_.write("plan.json", R"({"images": 2, "seed": 7, "plan_sha256": "ab"})");
  const Json run = run_json();

  EXPECT_EQ(run["verdict"]["state"], "VALID");
  EXPECT_TRUE(run["verdict"]["reasons"].empty());
  EXPECT_EQ(run["verdict"]["thresholds"]["late_over_100ms_invalid"], 0.001);
  EXPECT_EQ(run["created"], "2026-11-21T18:00:00.000Z");
  EXPECT_EQ(run["counts"]["processed"], 2);
  EXPECT_EQ(run["counts"]["foreign"], 1);
  EXPECT_EQ(run["phases"]["feed_start"], "2026-11-21T18:00:02.000Z");
  EXPECT_EQ(run["phases"]["feed_end"], "2026-11-21T18:01:00.000Z");
  EXPECT_EQ(run["phases"]["extract_end"], "2026-11-21T18:02:00.000Z");
  EXPECT_EQ(run["latency"]["lateness"]["p99_ms"], 0.2);
  EXPECT_EQ(run["latency"]["delivery"]["p99_ms"], 4.5);
  EXPECT_EQ(run["latency"]["end_to_end"]["p99_ms"], 99.5);
  EXPECT_EQ(run["plan"]["seed"], 7);
  EXPECT_EQ(run["roles"]["feed"]["settings"]["topic"], "t");
  EXPECT_EQ(run["roles"]["track"]["result"]["answers"], 2);
  EXPECT_EQ(read_json(files_.path() / "run.json"), run);
}

TEST_F(DeriveTest, CanBeRepeatedAndKeepsTheId) {
  feed({"acknowledged"});
  const Json first = run_json();
  EXPECT_EQ(run_json(), first);
  EXPECT_EQ(record::RunDirectory::open(files_.path()).id(), first["id"].get<std::string>());
}

TEST_F(DeriveTest, ATopicThatWasMadeAnewInMidRunIsNamed) {
  feed({"acknowledged", "acknowledged", "acknowledged", "acknowledged"});
  const auto write = [&](std::vector<std::string> rows) {
    files_.write("sends.csv",
                 fmt::format("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n{}\n",
                             fmt::join(rows, "\n")));
  };
  const auto reasons = [&] { return run_json()["verdict"]["reasons"].dump(); };

  // Image 2 gets the offset of image 0 once more; partition 1 has its own offsets.
  write({"0,9,0,0,1,10,20,acknowledged", "1,9,1,0,1,11,21,acknowledged", "2,9,0,0,1,30,40,acknowledged",
         "3,9,0,1,1,31,41,acknowledged"});
  EXPECT_THAT(reasons(), HasSubstr("made anew in mid-run: 1 offsets stand twice, 0 lie"));

  // The new log begins below where the old one was: image 3 was sent after image 1 was acknowledged.
  write({"0,9,0,100,1,10,20,acknowledged", "1,9,0,101,1,11,21,acknowledged", "2,9,0,0,1,30,40,acknowledged",
         "3,9,0,1,1,31,41,acknowledged"});
  EXPECT_THAT(reasons(), HasSubstr("made anew in mid-run: 0 offsets stand twice, 2 lie"));

  // Two producers: what was on its way at the same time may lie in any order.
  write({"1,9,0,101,1,11,21,acknowledged", "0,9,0,100,1,10,22,acknowledged", "3,9,0,102,1,21,40,acknowledged",
         "2,9,1,0,1,31,41,acknowledged"});
  EXPECT_THAT(reasons(), Not(HasSubstr("made anew")));
}

TEST_F(DeriveTest, ARoleThatFailedIsNamedWithItsError) {
  files_.join("feed");
  files_.append("feed.json", "{\"event\": \"failed\", \"time\": \"t\", \"error\": \"the disk is full\"}\n");
  const Json verdict = run_json()["verdict"];
  EXPECT_EQ(verdict["state"], "PARTIAL");
  EXPECT_THAT(verdict["reasons"].dump(), HasSubstr("feed failed: the disk is full"));
  EXPECT_THAT(verdict["reasons"].dump(), Not(HasSubstr("has not finished")));
}

TEST_F(DeriveTest, WithoutATrackerNothingIsMissing) {
  feed({"acknowledged", "acknowledged"});
  const Json counts = run_json()["counts"];
  EXPECT_TRUE(counts["missing"].is_null());
  EXPECT_TRUE(counts["processed"].is_null());
  EXPECT_EQ(counts["identities_checked"], false);
  EXPECT_TRUE(ledger_json()["missing"].is_null());
}

TEST_F(DeriveTest, TheLedgerNamesTheIds) {
  feed({"acknowledged", "acknowledged", "failed:MSG_TIMED_OUT", "dropped", "unknown", "acknowledged"});
  files_.answers("a", {"0", "0", "2"});
  static_cast<void>(run_json());
  const Json ledger = ledger_json();
  EXPECT_EQ(ledger["counts"]["planned"], 6);
  EXPECT_EQ(ledger["missing"]["ids"], Json({"1", "5"}));
  EXPECT_EQ(ledger["duplicate"]["ids"], Json({"0"}));
  EXPECT_EQ(ledger["failed"]["ids"], Json({"2"}));
  EXPECT_EQ(ledger["failures"]["MSG_TIMED_OUT"], 1);
  EXPECT_EQ(ledger["dropped"]["ids"], Json({"3"}));
  EXPECT_EQ(ledger["unknown"]["ids"], Json({"4"}));
  EXPECT_EQ(ledger["unexpected"]["ids"], Json({"2"}));
}

TEST_F(DeriveTest, TheLedgerListsAThousandIdsAndCountsAll) {
  feed(std::vector<std::string>(1500, "acknowledged"));
  files_.answers("a", {});
  static_cast<void>(run_json());
  EXPECT_EQ(ledger_json()["missing"]["total"], 1500);
  EXPECT_EQ(ledger_json()["missing"]["listed"], 1000);
  EXPECT_EQ(ledger_json()["missing"]["ids"].size(), 1000U);
}

TEST_F(DeriveTest, ALossIsInvalid) {
  feed({"acknowledged", "acknowledged"});
  files_.answers("a", {"0"});
  files_.finish("track", {{"answers", 1}});
  const Json verdict = run_json()["verdict"];
  EXPECT_EQ(verdict["state"], "INVALID");
  EXPECT_THAT(verdict["reasons"][0].get<std::string>(), HasSubstr("1 acknowledged"));
}

TEST_F(DeriveTest, CountsThatTheFilesDoNotBearOutAreInvalid) {
  feed({"acknowledged", "acknowledged"}, {{"sent", 3}});
  files_.answers("a", {"0", "1"});
  files_.finish("track", {{"answers", 4}});
  const Json verdict = run_json()["verdict"];
  EXPECT_EQ(verdict["state"], "INVALID");
  EXPECT_THAT(verdict["reasons"].dump(), HasSubstr("feed.json says sent=3, the files have 2"));
  EXPECT_THAT(verdict["reasons"].dump(), HasSubstr("track.json says answers=4, the files have 2"));
}

TEST_F(DeriveTest, ItIsJudgedByTheThresholdsOfItsFeed) {
  files_.join("feed", {{"thresholds", {{"late_over_1ms_perturbed", 0.5}}}});
  files_.append(
      "feed.json",
      R"({"event":"finished","planned":0,"late_over_1ms_fraction":0.4,"late_over_100ms_fraction":0})"
      "\n");
  files_.finish("track", {{"answers", 0}});
  const Json verdict = run_json()["verdict"];
  EXPECT_EQ(verdict["state"], "VALID") << verdict;
  EXPECT_EQ(verdict["thresholds"]["late_over_1ms_perturbed"], 0.5);
  EXPECT_EQ(verdict["thresholds"]["segment_error_invalid"], 0.01);
}

TEST_F(DeriveTest, WhatAFeedNotedBecomesReasons) {
  feed({"acknowledged"},
       {{"generator_cpu", 0.9}, {"late_over_100ms_fraction", 0.5}, {"late_unexplained_fraction", 0.0}});
  files_.append("feed.json",
                R"({"event":"outage","start_unix_ns":1795284000000000000,"end_unix_ns":1795284020000000000,)"
                R"("caught_up_unix_ns":1795284030000000000,"cause":"Connection refused"})"
                "\n"
                R"({"event":"stall","start_unix_ns":1795284000000000000,"duration_s":5.5})"
                "\n"
                R"({"event":"clock_stepped","by_s":-1.5})"
                "\n");
  files_.answers("a", {"0"});
  files_.finish("track", {{"answers", 1}});
  const Json verdict = run_json()["verdict"];
  EXPECT_EQ(verdict["state"], "PERTURBED");
  for (const char* reason : {"for 20 s from 2026-11-21T18:00:00.000Z (Connection refused)",
                             "stood still for 5.5 s", "set by 1.5 s", "used 90 % of its CPUs"}) {
    EXPECT_THAT(verdict["reasons"].dump(), HasSubstr(reason));
  }
}

TEST_F(DeriveTest, AFeedThatGaveUpIsInvalid) {
  feed({"acknowledged", ""}, {{"failed_early", true}});
  files_.append("feed.json", R"({"event":"overload","image":1,"debt_s":0.25})"
                             "\n");
  const Json verdict = run_json()["verdict"];
  EXPECT_EQ(verdict["state"], "INVALID");
  EXPECT_THAT(verdict["reasons"].dump(), HasSubstr("had been due for 0.25 s"));
}

TEST_F(DeriveTest, ARunThatWasKilledIsPartial) {
  files_.join("feed");
  files_.join("track");
  files_.write("plan.json", R"({"images": 5})");
  files_.sends({"acknowledged", "acknowledged"});
  files_.append("sends.csv", "2,100000,0");
  files_.answers("a", {"0"});
  files_.append("results/a.csv", "10.244.1.7,yolo");
  const Json run = run_json();
  EXPECT_EQ(run["verdict"]["state"], "PARTIAL");
  EXPECT_EQ(run["counts"]["acknowledged"], 2);
  EXPECT_EQ(run["counts"]["unknown"], 3);
  EXPECT_EQ(run["counts"]["processed"], 1);
  EXPECT_TRUE(run["roles"]["feed"]["finished"].is_null());
}

TEST_F(DeriveTest, AJsonFileOfSomebodyElseIsNoRole) {
  feed({"acknowledged"});
  files_.write("notes.json", "{\"a\": 1}\n");
  files_.write("hpa.json", "");
  EXPECT_FALSE(run_json()["roles"].contains("notes"));
  EXPECT_FALSE(run_json()["roles"].contains("hpa"));
}

TEST_F(DeriveTest, AFileThatCannotBeReadIsNamed) {
  feed({"acknowledged"});
  std::filesystem::create_symlink("plan.json", files_.path() / "plan.json");  // Leads to itself.
  EXPECT_THAT(message_of<FailedError>([this] { return run_json(); }), HasSubstr("plan.json: "));
}

TEST_F(DeriveTest, NeedsARun) {
  EXPECT_THAT(message_of<UsageError>([&] { return derive(temp_.path()); }), HasSubstr("--run"));
}

}  // namespace
}  // namespace kexp::test
