#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/time_text.hpp"

#include "support/capturing_log.hpp"
#include "support/data.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_processes.hpp"
#include "support/recording_progress.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(FakeClockTest, StandsStillUntilSomebodySleeps) {
  FakeClock clock;

  EXPECT_EQ(clock.now().time_since_epoch(), 0ns);
  EXPECT_TRUE(clock.sleep_until(SteadyTime(90s), {}));
  EXPECT_EQ(clock.now().time_since_epoch(), 90s);
  EXPECT_EQ(format_utc(clock.wall_now()), "2026-11-21T18:01:30.000Z");
}

TEST(FakeClockTest, NeverGoesBackForADeadlineThatIsPast) {
  FakeClock clock;
  clock.advance(10s);

  EXPECT_TRUE(clock.sleep_until(SteadyTime(4s), {}));
  EXPECT_EQ(clock.now().time_since_epoch(), 10s);
}

TEST(FakeClockTest, StaysWhereItIsOnAStop) {
  FakeClock clock;
  std::stop_source stop;
  stop.request_stop();

  EXPECT_FALSE(clock.sleep_for(1h, stop.get_token()));
  EXPECT_EQ(clock.now().time_since_epoch(), 0ns);
}

TEST(FakeClockTest, StepOfTheWallClockLeavesSteadyTimeAlone) {
  FakeClock clock;
  clock.step_wall(-2s);

  EXPECT_EQ(clock.now().time_since_epoch(), 0ns);
  EXPECT_EQ(clock.wall_now(), FakeClock::kStart - 2s);
}

TEST(TempDirTest, LeavesNothingBehind) {
  std::filesystem::path folder;
  {
    const TempDir dir;
    folder = dir.path();
    EXPECT_EQ(read_file(dir.write("a/b.txt", "text")), "text");
    EXPECT_TRUE(std::filesystem::exists(dir / "a" / "b.txt"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(TempDirTest, TwoAreNeverTheSame) {
  const TempDir one;
  const TempDir other;
  EXPECT_NE(one.path(), other.path());
}

TEST(CapturingLogTest, KeepsLinesFromItsLevelOn) {
  CapturingLog log(LogLevel::info);
  log.debug("feed: detail={}", 1);
  log.info("feed: sent={}", 3);
  log.warn("feed: late_ms={}", 12);

  EXPECT_EQ(log.lines().size(), 2U);
  EXPECT_EQ(log.lines()[0], (CapturingLog::Line{LogLevel::info, "feed: sent=3"}));
  EXPECT_EQ(log.count(LogLevel::warn), 1U);
  EXPECT_EQ(log.count(LogLevel::warn, "sent"), 0U);
  EXPECT_TRUE(log.contains("late_ms=12"));
  EXPECT_FALSE(log.contains("detail"));
}

TEST(RecordingProgressTest, FindsTheLatestValue) {
  RecordingProgress progress;
  progress.report({"feed", "progress", {{"sent", std::int64_t{1}}}});
  progress.report({"feed", "progress", {{"sent", std::int64_t{7}}, {"rate_mbps", 8.5}}});

  EXPECT_EQ(progress.count("progress"), 2U);
  EXPECT_EQ(progress.last("progress", "sent"), ProgressEvent::Value(std::int64_t{7}));
  EXPECT_EQ(progress.last("progress", "rate_mbps"), ProgressEvent::Value(8.5));
  EXPECT_EQ(progress.last("finished", "sent"), std::nullopt);
  EXPECT_EQ(progress.events().front().part, "feed");
}

TEST(FakeProcessesTest, AnswersByTheBeginningOfTheCommand) {
  FakeProcesses processes;
  processes.answer("kubectl", ProcessResult{1, "", "any"});
  processes.answer("kubectl get", ProcessResult{0, "pods", ""});

  EXPECT_EQ(processes.run({"kubectl", "get", "pods"}, "/tmp", 5s, {}).out, "pods");
  EXPECT_EQ(processes.run({"kubectl", "getall"}, {}, 5s, {}).err, "any");
  ASSERT_EQ(processes.calls().size(), 2U);
  EXPECT_EQ(processes.calls()[0].line(), "kubectl get pods");
  EXPECT_EQ(processes.calls()[0].cwd, "/tmp");
  EXPECT_EQ(processes.calls()[0].timeout, 5s);
  EXPECT_EQ(processes.count("kubectl get"), 1U);
}

TEST(FakeProcessesTest, HandlerSeesTheWords) {
  FakeProcesses processes;
  processes.answer("helm", [](const std::vector<std::string>& argv) {
    return ProcessResult{0, argv.back(), ""};
  });

  EXPECT_EQ(processes.run({"helm", "version"}, {}, 5s, {}).out, "version");
}

TEST(FakeProcessesTest, ProgramWithoutAnAnswerIsNotInstalled) {
  FakeProcesses processes;
  EXPECT_THAT(message_of<FailedError>([&] { return processes.run({"helm"}, {}, 5s, {}); }),
              HasSubstr("helm"));
}

TEST(FakeProcessesTest, StopInterrupts) {
  FakeProcesses processes;
  processes.answer("helm", ProcessResult{});
  std::stop_source stop;
  stop.request_stop();

  EXPECT_THROW((void)processes.run({"helm"}, {}, 5s, stop.get_token()), InterruptedError);
}

TEST(ScopedEnvTest, PutsBackWhatWasThere) {
  const ScopedEnv outer("KEXP_SCOPED_ENV_TEST", "before");
  {
    const ScopedEnv inner("KEXP_SCOPED_ENV_TEST", std::nullopt);
    EXPECT_EQ(std::getenv("KEXP_SCOPED_ENV_TEST"), nullptr);
  }
  EXPECT_STREQ(std::getenv("KEXP_SCOPED_ENV_TEST"), "before");
}

TEST(GoldenTest, NamesTheFirstLineThatDiffers) {
  EXPECT_EQ(golden_difference("a\nb\n", "a\nb\n"), "");
  EXPECT_THAT(golden_difference("a\nb\nc\n", "a\nx\nc\n"), HasSubstr("line 2"));
  EXPECT_THAT(golden_difference("a\nb\n", "a\n"), HasSubstr("missing: b"));
  EXPECT_THAT(golden_difference("a\n", "a\nb\n"), HasSubstr("more than wanted: b"));
  EXPECT_THAT(golden_difference("a\n", "a"), HasSubstr("line break"));
}

TEST(GoldenTest, MissingFileFailsWithTheCure) {
  const ScopedEnv no_update("KEXP_UPDATE_GOLDEN", std::nullopt);
  EXPECT_NONFATAL_FAILURE(expect_golden("no-such-file", "text"), "KEXP_UPDATE_GOLDEN=1");
}

TEST(GoldenTest, TestDataIsFoundThroughItsVariable) {
  {
    const ScopedEnv unset("KEXP_TEST_DATA", std::nullopt);
    EXPECT_EQ(test_data("x"), std::nullopt);
  }
  const ScopedEnv set("KEXP_TEST_DATA", "/data");
  EXPECT_EQ(test_data("x.json"), std::filesystem::path("/data/x.json"));
}

TEST(MessageOfTest, FailsWhenNothingOrSomethingElseIsThrown) {
  EXPECT_NONFATAL_FAILURE((void)message_of<UsageError>([] { return 1; }), "threw nothing");
  EXPECT_NONFATAL_FAILURE((void)message_of<UsageError>([]() -> int { throw FailedError("disk"); }), "disk");
}

}  // namespace
}  // namespace kexp::test
