#include "kexp/core/log.hpp"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "support/temp_dir.hpp"

namespace kexp {
namespace {

using test::TempDir;
using ::testing::HasSubstr;

/// stderr of this process goes to `fd` until the end of the scope.
class RedirectedStderr {
 public:
  explicit RedirectedStderr(int fd) : before_(dup(STDERR_FILENO)) {
    dup2(fd, STDERR_FILENO);
    close(fd);
  }
  RedirectedStderr(const RedirectedStderr&) = delete;
  RedirectedStderr& operator=(const RedirectedStderr&) = delete;
  ~RedirectedStderr() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }

 private:
  int before_;
};

int open_for_writing(const std::filesystem::path& file) {
  return open(file.c_str(), O_WRONLY | O_CREAT, 0666);
}

TEST(StderrLogTest, LineHasUtcTimeLevelAndText) {
  const TempDir dir;
  {
    const RedirectedStderr redirected(open_for_writing(dir / "err"));
    make_stderr_log(LogLevel::info)->info("feed: phase={} rate_mbps={}", "07h", 8.2);
  }

  const std::string line = read_file(dir / "err");
  EXPECT_THAT(line,
              ::testing::MatchesRegex(
                  "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+.[0-9]+Z info feed: phase=07h rate_mbps=8.2\n"));
  EXPECT_EQ(line.find("Z info"), std::string("2026-11-21T18:03:04.250").size());
}

TEST(StderrLogTest, LinesBelowTheLevelAreDropped) {
  const TempDir dir;
  {
    const RedirectedStderr redirected(open_for_writing(dir / "err"));
    const std::unique_ptr<Log> log = make_stderr_log(LogLevel::warn);
    EXPECT_FALSE(log->enabled(LogLevel::info));
    EXPECT_TRUE(log->enabled(LogLevel::error));
    log->info("quiet");
    log->warn("loud");
    log->write(LogLevel::debug, "quiet");
  }

  const std::string text = read_file(dir / "err");
  EXPECT_THAT(text, HasSubstr("loud"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("quiet")));
}

TEST(StderrLogTest, TextIsNeverTakenForAFormat) {
  const TempDir dir;
  {
    const RedirectedStderr redirected(open_for_writing(dir / "err"));
    make_stderr_log(LogLevel::info)->write(LogLevel::info, "100 % of {} {0}");
  }

  EXPECT_THAT(read_file(dir / "err"), HasSubstr("100 % of {} {0}\n"));
}

TEST(StderrLogTest, GoesOnInTheFileWhenTheTerminalIsGone) {
  const TempDir dir;
  std::signal(SIGPIPE, SIG_IGN);  // As StopSignal does.
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  close(ends[0]);
  {
    const RedirectedStderr redirected(ends[1]);
    const std::unique_ptr<Log> log = make_stderr_log(LogLevel::info);
    log->info("before");
    log->copy_to(dir / "log");
    log->info("first");
    log->info("second");
  }
  std::signal(SIGPIPE, SIG_DFL);

  const std::string text = read_file(dir / "log");
  EXPECT_THAT(text, HasSubstr("Z info first\n"));
  EXPECT_THAT(text, HasSubstr("Z info second\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("before")));
}

TEST(StderrLogTest, WhatIsForTheFileAloneStaysOffStderr) {
  const TempDir dir;
  {
    const RedirectedStderr redirected(open_for_writing(dir / "err"));
    const std::unique_ptr<Log> log = make_stderr_log(LogLevel::info);
    log->write_to_copies(LogLevel::info, "nowhere yet");
    log->copy_to(dir / "log");
    log->write_to_copies(LogLevel::info, "for the file");
    log->write_to_copies(LogLevel::debug, "below the level");
  }

  EXPECT_EQ(read_file(dir / "err"), "");
  EXPECT_THAT(read_file(dir / "log"), ::testing::EndsWith("Z info for the file\n"));
  EXPECT_THAT(read_file(dir / "log"), ::testing::Not(HasSubstr("below")));
}

TEST(StderrLogTest, FullDiskUnderTheFileIsNoEnd) {
  const TempDir dir;
  const RedirectedStderr redirected(open_for_writing(dir / "err"));
  const std::unique_ptr<Log> log = make_stderr_log(LogLevel::info);
  log->copy_to("/dev/full");

  EXPECT_NO_THROW(log->info("first"));
  EXPECT_NO_THROW(log->info("second"));
  EXPECT_THAT(read_file(dir / "err"), HasSubstr("second"));
}

TEST(StderrLogTest, FileThatCannotBeMadeIsAnError) {
  EXPECT_THROW(make_stderr_log(LogLevel::info)->copy_to("/proc/none/log"), FailedError);
}

}  // namespace
}  // namespace kexp
