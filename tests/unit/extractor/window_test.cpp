#include "window.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/record/run_directory.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

WallTime at(const std::string& clock) { return parse_time("2026-11-21T" + clock + "Z", "test"); }

class WindowTest : public ::testing::Test {
 protected:
  WindowTest() { options_.run = dir_ / "run"; }

  record::RunDirectory join(const std::string& role) {
    return record::RunDirectory::join(options_.run, role, {}, at("12:00:00"));
  }
  void feed() {
    auto run = join("feed");
    run.append("sending", {{"t0", "2026-11-21T12:00:30.500Z"}}, at("12:00:29"));
    run.append("finished", Json::object(), at("12:02:00"));
  }
  prom::Window resolve(const std::string& now = "13:00:00") {
    return resolve_window(options_, log_, at(now));
  }

  const test::TempDir dir_;
  ExtractorOptions options_;
  test::CapturingLog log_;
};

TEST_F(WindowTest, OfARunGoesFromItsFirstIntendedTimeToTheEndOfItsTrackerWithAMargin) {
  feed();
  EXPECT_EQ(format_utc(resolve().start), "2026-11-21T12:00:20.500Z");
  EXPECT_EQ(format_utc(resolve().end), "2026-11-21T12:02:10.000Z");
  join("track").append("finished", Json::object(), at("12:03:00"));
  EXPECT_EQ(format_utc(resolve().end), "2026-11-21T12:03:10.000Z");
}

TEST_F(WindowTest, OfARunThatIsFedInPartsHoldsAllOfThem) {
  const auto join_part = [&](int index) {
    return record::RunDirectory::join(options_.run, "feed-" + std::to_string(index),
                                      {{"shard", std::to_string(index) + "/2"}}, at("12:00:00"));
  };
  auto first = join_part(1);
  auto second = join_part(2);
  first.append("sending", {{"t0", "2026-11-21T12:00:30.500Z"}}, at("12:00:29"));
  second.append("sending", {{"t0", "2026-11-21T12:00:30.400Z"}}, at("12:00:29"));
  second.append("finished", Json::object(), at("12:02:00"));
  EXPECT_THAT(message_of<UsageError>([&] { return resolve(); }), HasSubstr("give --end"));
  first.append("finished", Json::object(), at("12:01:00"));
  EXPECT_EQ(format_utc(resolve().start), "2026-11-21T12:00:20.400Z");
  EXPECT_EQ(format_utc(resolve().end), "2026-11-21T12:02:10.000Z");
}

TEST_F(WindowTest, OfARunDoesNotReachIntoTheFuture) {
  feed();
  EXPECT_EQ(resolve("12:02:04").end, at("12:02:04"));
}

// A message told the times to the millisecond, and an extraction of those times was another one.
TEST_F(WindowTest, IsInWholeMilliseconds) {
  options_.start = at("12:00:00") + 1'234'567ns;
  options_.end = at("12:01:00") + 999'999ns;
  EXPECT_EQ(resolve().start, at("12:00:00.001"));
  EXPECT_EQ(resolve().end, at("12:01:00"));
}

TEST_F(WindowTest, WarnsThatTheTrackerIsStillAtWork) {
  feed();
  join("track");
  EXPECT_EQ(format_utc(resolve().end), "2026-11-21T12:02:10.000Z");
  EXPECT_TRUE(log_.contains("tracker"));
}

TEST_F(WindowTest, AsksForWhatTheRunDoesNotTell) {
  auto run = join("feed");
  EXPECT_THAT(message_of<UsageError>([&] { return resolve(); }), HasSubstr("give --start"));
  run.append("sending", {{"t0", "2026-11-21T12:00:30.500Z"}}, at("12:00:29"));
  EXPECT_THAT(message_of<UsageError>([&] { return resolve(); }), HasSubstr("give --end"));
  options_.end = at("12:05:00");
  EXPECT_EQ(resolve().end, at("12:05:00"));
}

TEST_F(WindowTest, RefusesAnEndBeforeItsStartAndOneInTheFuture) {
  options_.start = at("12:00:00");
  options_.end = at("12:00:00");
  EXPECT_THAT(message_of<UsageError>([&] { return resolve(); }),
              AllOf(HasSubstr("--start"), HasSubstr("--end")));
  options_.end = at("13:00:01");
  EXPECT_THAT(message_of<UsageError>([&] { return resolve(); }), HasSubstr("future"));
}

}  // namespace
}  // namespace kexp::extractor
