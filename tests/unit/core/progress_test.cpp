#include "kexp/core/progress.hpp"

#include <limits>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "kexp/core/file.hpp"

#include "support/capturing_log.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

using namespace std::chrono_literals;
using test::CapturingLog;

std::string logged(const ProgressEvent::Value& value) {
  CapturingLog log;
  LogProgress(log).report({"p", "e", {{"v", value}}});
  return log.lines().at(0).text;
}

TEST(LogProgressTest, IsOneLineWithKeysAndValues) {
  CapturingLog log;
  LogProgress(log).report(
      {"feed", "progress", {{"sent", std::int64_t{4920}}, {"rate_mbps", 8.2}, {"topic", "t"}}});

  ASSERT_EQ(log.lines().size(), 1U);
  EXPECT_EQ(log.lines()[0],
            (CapturingLog::Line{LogLevel::info, "feed: progress sent=4920 rate_mbps=8.2 topic=t"}));
}

TEST(LogProgressTest, NumbersHaveUpToThreeDecimals) {
  EXPECT_EQ(logged(8.0), "p: e v=8");
  EXPECT_EQ(logged(3.14159), "p: e v=3.142");
  EXPECT_EQ(logged(120000.5), "p: e v=120000.5");
  EXPECT_EQ(logged(0.0), "p: e v=0");
  EXPECT_EQ(logged(0.000123456), "p: e v=0.000123");  // three digits, or small ones would be lost
  EXPECT_EQ(logged(-2.5), "p: e v=-2.5");
  EXPECT_EQ(logged(std::numeric_limits<double>::quiet_NaN()), "p: e v=nan");
}

TEST(LogProgressTest, TextThatCouldBeMisreadIsQuoted) {
  EXPECT_EQ(logged("plain"), "p: e v=plain");
  EXPECT_EQ(logged("two words"), "p: e v=\"two words\"");
  EXPECT_EQ(logged("a\nb=\"c\""), "p: e v=\"a\\nb=\\\"c\\\"\"");
  EXPECT_EQ(logged(""), "p: e v=\"\"");
}

TEST(LogProgressTest, WarningsAndErrorsHaveTheirLevel) {
  CapturingLog log;
  LogProgress progress(log);
  progress.report({"feed", "warning", {}});
  progress.report({"feed", "error", {}});

  EXPECT_EQ(log.count(LogLevel::warn), 1U);
  EXPECT_EQ(log.count(LogLevel::error), 1U);
}

TEST(JsonProgressTest, IsOneObjectALine) {
  std::ostringstream out;
  test::FakeClock clock;
  CapturingLog log;
  JsonProgress progress(out, log, clock);
  progress.report({"feed", "started", {{"run", "r1"}}});
  clock.advance(1500ms);
  progress.report({"feed", "progress", {{"sent", std::int64_t{3}}, {"rate_mbps", 0.5}}});

  EXPECT_EQ(out.str(),
            "{\"time\":\"2026-11-21T18:00:00.000Z\",\"part\":\"feed\",\"event\":\"started\",\"run\":\"r1\"}\n"
            "{\"time\":\"2026-11-21T18:00:01.500Z\",\"part\":\"feed\",\"event\":\"progress\",\"sent\":3,"
            "\"rate_mbps\":0.5}\n");
}

TEST(JsonProgressTest, NotANumberIsNull) {
  std::ostringstream out;
  test::FakeClock clock;
  CapturingLog log;
  JsonProgress(out, log, clock).report({"p", "e", {{"v", std::numeric_limits<double>::infinity()}}});

  EXPECT_NE(out.str().find("\"v\":null"), std::string::npos);
}

/// A terminal that is there again after one failed write.
class FailsOnce final : public std::stringbuf {
 protected:
  int sync() override { return std::exchange(fails_, false) ? -1 : 0; }

 private:
  bool fails_ = true;
};

// A terminal that was gone for one event left std::cerr bad: no event, and no error, was seen any more.
TEST(JsonProgressTest, GoesOnAfterAFailedWrite) {
  FailsOnce terminal;
  std::ostream out(&terminal);
  test::FakeClock clock;
  CapturingLog log;
  JsonProgress progress(out, log, clock);
  progress.report({"feed", "first", {}});
  progress.report({"feed", "second", {}});

  EXPECT_TRUE(out.good());
  EXPECT_NE(terminal.str().find("second"), std::string::npos);
}

// --progress json left <run>/log empty.
TEST(JsonProgressTest, IsTextInTheFileOfTheLog) {
  const test::TempDir dir;
  std::ostringstream out;
  test::FakeClock clock;
  const std::unique_ptr<Log> log = make_stderr_log(LogLevel::info);
  log->copy_to(dir / "log");
  JsonProgress(out, *log, clock).report({"feed", "warning", {{"sent", std::int64_t{3}}}});

  EXPECT_TRUE(read_file(dir / "log").ends_with("Z warning feed: warning sent=3\n"));
}

TEST(NoProgressTest, DropsEvents) { NoProgress().report({"p", "e", {}}); }

}  // namespace
}  // namespace kexp
