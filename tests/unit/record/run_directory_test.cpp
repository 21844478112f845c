#include "kexp/record/run_directory.hpp"

#include <fstream>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/version.hpp"

#include "run_files.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;
using record::RunDirectory;
using testing::AllOf;
using testing::HasSubstr;

class RunDirectoryTest : public testing::Test {
 protected:
  [[nodiscard]] Json started(const fs::path& run, std::string_view role) const {
    return record::last_event(run, role, "started");
  }
  void write(const fs::path& file, std::string_view text) const { std::ofstream(file) << text; }

  TempDir temp_;
  fs::path run_ = temp_.path() / "run";
};

TEST_F(RunDirectoryTest, TheFirstToJoinMakesTheRun) {
  const auto run = RunDirectory::join(run_, "feed", {{"seed", 7}}, kNow);
  EXPECT_TRUE(run.id().starts_with("20261121T180000Z-")) << run.id();
  const Json json = read_json(run_ / "run.json");
  EXPECT_EQ(json["id"], run.id());
  EXPECT_EQ(json["created"], "2026-11-21T18:00:00.000Z");
}

TEST_F(RunDirectoryTest, TheStartedLineTellsWhoWhereAndWithWhat) {
  const auto run = RunDirectory::join(run_, "feed", {{"seed", 7}}, kNow);
  const Json line = started(run_, "feed");
  EXPECT_EQ(line["time"], "2026-11-21T18:00:00.000Z");
  EXPECT_EQ(line["role"], "feed");
  EXPECT_EQ(line["run"], run.id());
  EXPECT_FALSE(line["host"].get<std::string>().empty());
  EXPECT_EQ(line["pid"], getpid());
  EXPECT_EQ(line["version"], version());
  EXPECT_EQ(line["settings"]["seed"], 7);
}

TEST_F(RunDirectoryTest, OthersJoinUnderTheSameId) {
  const auto feed = RunDirectory::join(run_, "feed", Json::object(), kNow);
  const auto track = RunDirectory::join(run_, "track", Json::object(), kNow);
  EXPECT_EQ(feed.id(), track.id());
  EXPECT_EQ(RunDirectory::open(run_).id(), feed.id());
}

TEST_F(RunDirectoryTest, AnIdThatOthersKnowIsTakenOrRefused) {
  EXPECT_EQ(RunDirectory::join(run_, "feed-1", Json::object(), kNow, "shared").id(), "shared");
  EXPECT_EQ(RunDirectory::join(run_, "feed-2", Json::object(), kNow, "shared").id(), "shared");
  EXPECT_THAT(message_of<UsageError>(
                  [&] { return RunDirectory::join(run_, "feed-3", Json::object(), kNow, "another"); }),
              AllOf(HasSubstr("--run"), HasSubstr("shared"), HasSubstr("another")));
  EXPECT_FALSE(fs::exists(run_ / "feed-3.json"));
}

TEST_F(RunDirectoryTest, TheSameRoleTwiceIsRefused) {
  static_cast<void>(RunDirectory::join(run_, "track", Json::object(), kNow));
  EXPECT_THAT(message_of<UsageError>([&] { return RunDirectory::join(run_, "track", {}, kNow); }),
              AllOf(HasSubstr("--run"), HasSubstr("track.json")));
}

TEST_F(RunDirectoryTest, ARoleThatHasDiedIsTakenUpAgain) {
  { RunDirectory killed = RunDirectory::join(run_, "track", Json::object(), kNow); }
  std::ofstream(run_ / "track.json", std::ios::app) << R"({"event":"fini)";  // Killed within a line.
  RunDirectory again = RunDirectory::join_again(run_, "track", {{"second", true}}, kNow);
  again.append("reading", {{"from", 7}}, kNow);
  EXPECT_EQ(record::last_event(run_, "track", "started")["settings"]["second"], true);
  EXPECT_EQ(record::last_event(run_, "track", "reading")["from"], 7);
}

TEST_F(RunDirectoryTest, ARoleAtWorkIsNotTakenUpAgain) {
  const RunDirectory first = RunDirectory::join_again(run_, "track", Json::object(), kNow);
  EXPECT_THAT(
      message_of<UsageError>([&] { return RunDirectory::join_again(run_, "track", Json::object(), kNow); }),
      AllOf(HasSubstr("--run"), HasSubstr(fmt::format("process {}", getpid()))));
  EXPECT_TRUE(record::is_at_work(run_, "track"));
}

// Else a run whose tracker was killed in its second life would be reported on by the end of its first.
TEST_F(RunDirectoryTest, AnEndBeforeTheLastStartIsNone) {
  {
    RunDirectory first = RunDirectory::join(run_, "track", Json::object(), kNow);
    first.append("finished", {{"answers", 1}}, kNow);
  }
  RunDirectory again = RunDirectory::join_again(run_, "track", Json::object(), kNow);
  EXPECT_TRUE(record::last_event(run_, "track", "finished").is_null());
  again.append("finished", {{"answers", 2}}, kNow);
  EXPECT_EQ(record::last_event(run_, "track", "finished")["answers"], 2);
}

TEST_F(RunDirectoryTest, ManyThatJoinAtOnceShareOneRunAndEachRoleIsTakenOnce) {
  constexpr int kEach = 4;
  std::atomic<int> joined{0};
  std::atomic<int> refused{0};
  std::vector<std::jthread> threads;
  for (const char* role : {"feed", "track", "extract", "monitor"}) {
    for (int i = 0; i < kEach; ++i) {
      threads.emplace_back([&, role] {
        try {
          static_cast<void>(RunDirectory::join(run_, role, Json::object(), kNow));
          ++joined;
        } catch (const UsageError&) {
          ++refused;
        }
      });
    }
  }
  threads.clear();
  EXPECT_EQ(joined, 4);
  EXPECT_EQ(refused, 12);
  const std::string id = RunDirectory::open(run_).id();
  for (const char* role : {"feed", "track", "extract", "monitor"}) {
    EXPECT_EQ(started(run_, role)["run"], id);
  }
}

TEST_F(RunDirectoryTest, AnEmptyFolderBecomesARun) {
  fs::create_directories(run_);
  EXPECT_NO_THROW(static_cast<void>(RunDirectory::join(run_, "feed", {}, kNow)));
}

TEST_F(RunDirectoryTest, WhatAKilledJoinLeftIsJoined) {
  fs::create_directories(run_);
  write(run_ / ".lock", "");
  write(run_ / ".run.json.4711.1.tmp", "{");
  EXPECT_NO_THROW(static_cast<void>(RunDirectory::join(run_, "feed", {}, kNow)));
}

TEST_F(RunDirectoryTest, AFolderWithOtherThingsIsRefusedAndLeftAlone) {
  fs::create_directories(run_);
  write(run_ / "thesis.tex", "x");
  EXPECT_THAT(message_of<UsageError>([&] { return RunDirectory::join(run_, "feed", {}, kNow); }),
              AllOf(HasSubstr("--run"), HasSubstr(run_.string())));
  EXPECT_EQ(std::distance(fs::directory_iterator(run_), fs::directory_iterator()), 1);
}

TEST_F(RunDirectoryTest, ANameThatNoFileCanHaveIsAFailure) {
  const fs::path endless = temp_.path() / std::string(300, 'x');
  const auto about_run = AllOf(HasSubstr("--run"), HasSubstr("too long"));
  EXPECT_THAT(message_of<FailedError>([&] { return RunDirectory::join(endless, "feed", {}, kNow); }),
              about_run);
  EXPECT_THAT(message_of<FailedError>([&] { return RunDirectory::open(endless); }), about_run);
  EXPECT_THAT(
      message_of<FailedError>([&] { return RunDirectory::create_default(endless, "feed", {}, kNow); }),
      about_run);
}

TEST_F(RunDirectoryTest, AFileInItsPlaceIsRefused) {
  write(run_, "x");
  EXPECT_THAT(message_of<UsageError>([&] { return RunDirectory::join(run_, "feed", {}, kNow); }),
              HasSubstr("--run"));
}

TEST_F(RunDirectoryTest, ARunJsonOfSomebodyElseIsRefused) {
  fs::create_directories(run_);
  write(run_ / "run.json", "{\"scripts\": {}}");
  EXPECT_THAT(message_of<UsageError>([&] { return RunDirectory::join(run_, "feed", {}, kNow); }),
              HasSubstr("run.json"));
}

TEST_F(RunDirectoryTest, AFolderThatCannotBeMadeIsAFailure) {
  write(run_, "x");
  EXPECT_THAT(message_of<FailedError>([&] { return RunDirectory::join(run_ / "below", "feed", {}, kNow); }),
              HasSubstr("--run"));
}

TEST_F(RunDirectoryTest, WithoutARunANewOneIsNamedByItsId) {
  const auto run = RunDirectory::create_default(temp_.path() / "runs", "feed", {}, kNow);
  EXPECT_EQ(run.path(), temp_.path() / "runs" / run.id());
  EXPECT_TRUE(is_plain_name(run.id()));
  const auto other = RunDirectory::create_default(temp_.path() / "runs", "feed", {}, kNow);
  EXPECT_NE(run.id(), other.id());
}

TEST_F(RunDirectoryTest, EventsAreLinesInTheirOrder) {
  auto run = RunDirectory::join(run_, "feed", {}, kNow);
  run.append("progress", {{"sent", 5}}, kNow);
  run.append("progress", {{"sent", 9}}, kNow);
  run.append("finished", {{"sent", 10}}, kNow);
  EXPECT_EQ(record::last_event(run_, "feed", "progress")["sent"], 9);
  EXPECT_EQ(record::last_event(run_, "feed", "finished")["sent"], 10);
  const std::string text = read_file(run_ / "feed.json");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
}

TEST_F(RunDirectoryTest, AnEventThatIsNotThereYetIsNull) {
  EXPECT_TRUE(record::last_event(run_, "feed", "finished").is_null());
  static_cast<void>(RunDirectory::join(run_, "feed", {}, kNow));
  EXPECT_TRUE(record::last_event(run_, "feed", "finished").is_null());
}

TEST_F(RunDirectoryTest, ATornLastLineIsNoEvent) {
  static_cast<void>(RunDirectory::join(run_, "feed", {}, kNow));
  RunFiles(run_).append("feed.json", "{\"event\":\"finished\",\"time\"");
  EXPECT_TRUE(record::last_event(run_, "feed", "finished").is_null());
  EXPECT_FALSE(started(run_, "feed").is_null());
}

TEST_F(RunDirectoryTest, OpeningNeedsARun) {
  EXPECT_THAT(message_of<UsageError>([&] { return RunDirectory::open(run_); }),
              AllOf(HasSubstr("--run"), HasSubstr(run_.string()), HasSubstr("there is no such folder")));
}

TEST_F(RunDirectoryTest, TheNamesOfDerivedFilesAreNoRoles) {
  for (const char* role : {"run", "ledger", "plan", "../feed", ""}) {
    EXPECT_THROW(static_cast<void>(RunDirectory::join(run_, role, {}, kNow)), std::logic_error) << role;
  }
}

}  // namespace
}  // namespace kexp::test
