#include "kexp/core/process.hpp"

#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/clock.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

ProcessResult shell(const std::string& script, const std::filesystem::path& cwd = {},
                    std::stop_token stop = {}) {
  return SystemProcessRunner().run({"sh", "-c", script}, cwd, 30s, std::move(stop));
}

TEST(ProcessTest, ReturnsWhatWasPrintedAndTheExitCode) {
  const ProcessResult result = shell("echo out; echo err >&2; exit 7");

  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.exit_code, 7);
}

TEST(ProcessTest, LongOutputsOnBothSidesDoNotBlock) {
  const ProcessResult result = shell("seq 1 60000 >&2; seq 1 60000");

  EXPECT_EQ(result.out.size(), 348'894U);  // 9*2 + 90*3 + 900*4 + 9000*5 + 50001*6
  EXPECT_EQ(result.err, result.out);
}

TEST(ProcessTest, EndBySignalIs128AndTheSignal) { EXPECT_EQ(shell("kill -KILL $$").exit_code, 137); }

TEST(ProcessTest, ReactsToSignalsThatWeBlockOrIgnore) {
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  std::signal(SIGHUP, SIG_IGN);

  EXPECT_EQ(shell("kill -TERM $$; exit 0").exit_code, 128 + SIGTERM);
  EXPECT_EQ(shell("kill -INT $$; exit 0").exit_code, 128 + SIGINT);
  EXPECT_EQ(shell("kill -HUP $$; exit 0").exit_code, 128 + SIGHUP);

  std::signal(SIGHUP, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(ProcessTest, RunsInTheFolder) {
  const TempDir dir;
  EXPECT_EQ(shell("pwd -P", dir.path()).out, std::filesystem::canonical(dir.path()).string() + "\n");
}

TEST(ProcessTest, HasNothingToRead) { EXPECT_EQ(shell("cat; echo end").out, "end\n"); }

TEST(ProcessTest, ProgramThatIsNotThereIsNamed) {
  SystemProcessRunner runner;
  EXPECT_THAT(
      message_of<FailedError>([&] { return runner.run({"kexp-no-such-program"}, {}, 5s, {}).exit_code; }),
      AllOf(HasSubstr("kexp-no-such-program"), HasSubstr("No such file")));
}

TEST(ProcessTest, FolderThatIsNotThereIsNamed) {
  EXPECT_THAT(message_of<FailedError>([] { return shell("true", "/no/such/folder").exit_code; }),
              HasSubstr("/no/such/folder"));
}

TEST(ProcessTest, TimeoutNamesTheProgram) {
  SystemProcessRunner runner;
  EXPECT_THAT(message_of<FailedError>([&] {
                return runner.run({"sleep", "1000"}, {}, 0s, {}).exit_code;
              }),
              AllOf(HasSubstr("sleep"), HasSubstr("did not end within")));
}

TEST(ProcessTest, StopEndsTheChildAndItsChildren) {
  const TempDir dir;
  std::stop_source stop;
  SystemClock clock;
  std::jthread stopper([&] {  // Once the grandchild runs and holds its lock.
    while (!std::filesystem::exists(dir / "running") && clock.sleep_for(1ms, {})) {
    }
    stop.request_stop();
  });

  EXPECT_THROW((void)shell("flock lock sh -c 'touch running; sleep 1000'", dir.path(), stop.get_token()),
               InterruptedError);

  // The kernel drops the lock with the last process that holds it.
  const SteadyTime patience = clock.now() + 10s;
  bool free = false;
  while (!free && clock.now() < patience && clock.sleep_for(1ms, {})) {
    free = FileLock::try_acquire(dir / "lock").has_value();
  }
  EXPECT_TRUE(free);
}

TEST(ProcessTest, DoesNotWaitForWhatTheProgramLeavesInTheBackground) {
  SystemClock clock;
  const SteadyTime start = clock.now();

  EXPECT_EQ(shell("sleep 20 & echo started").out, "started\n");
  EXPECT_LT(clock.now() - start, 15s);
}

}  // namespace
}  // namespace kexp
