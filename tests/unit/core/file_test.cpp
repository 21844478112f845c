#include "kexp/core/file.hpp"

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/on_disk.hpp"

#include "support/errors.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp {
namespace {

using test::message_of;
using test::ScopedEnv;
using test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// A disk that is full after `bytes`, as far as this process can see (EFBIG).
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

std::size_t count_files(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(FileTest, ReadsWhatWasWritten) {
  const TempDir dir;
  const std::string bytes("a\0b\n", 4);
  write_file_atomically(dir / "f", bytes);

  EXPECT_EQ(read_file(dir / "f"), bytes);
  EXPECT_EQ(count_files(dir.path()), 1U);
}

TEST(FileTest, ReadsFilesOfProcThatSayTheyAreEmpty) { EXPECT_FALSE(read_file("/proc/self/status").empty()); }

TEST(FileTest, ReadErrorNamesFileAndReason) {
  const TempDir dir;

  EXPECT_THAT(message_of<FailedError>([&] { return read_file(dir / "none"); }),
              AllOf(HasSubstr((dir / "none").string()), HasSubstr("No such file")));
  EXPECT_THAT(message_of<FailedError>([&] { return read_file(dir.path()); }), HasSubstr("Is a directory"));
}

TEST(FileTest, ReplacesTheOldContent) {
  const TempDir dir;
  write_file_atomically(dir / "f", "a longer old text");
  write_file_atomically(dir / "f", "new");

  EXPECT_EQ(read_file(dir / "f"), "new");
}

TEST(FileTest, NewFileHasTheUsualMode) {
  const TempDir dir;
  const mode_t mask = umask(022);
  write_file_atomically(dir / "f", "x");
  umask(mask);

  struct stat info {};
  ASSERT_EQ(stat((dir / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U);
}

TEST(FileTest, NewFileHasTheModeThatWasAskedForWhateverTheUmask) {
  const TempDir dir;
  const mode_t mask = umask(0077);
  write_file_atomically(dir / "script", "x", static_cast<std::filesystem::perms>(0755));
  write_file_atomically(dir / "secret", "x", static_cast<std::filesystem::perms>(0600));
  umask(mask);

  EXPECT_EQ(std::filesystem::status(dir / "script").permissions(), static_cast<std::filesystem::perms>(0755));
  EXPECT_EQ(std::filesystem::status(dir / "secret").permissions(), static_cast<std::filesystem::perms>(0600));
}

TEST(FileTest, FailedWriteLeavesTheOldFileAndNothingElse) {
  const TempDir dir;
  write_file_atomically(dir / "f", "old");
  {
    const SmallFiles limit(10);
    EXPECT_THAT(message_of<FailedError>([&] {
                  write_file_atomically(dir / "f", std::string(100, 'x'));
                  return 0;
                }),
                HasSubstr((dir / "f").string()));
  }

  EXPECT_EQ(read_file(dir / "f"), "old");
  EXPECT_EQ(count_files(dir.path()), 1U);
}

TEST(FileTest, WriteIntoAMissingFolderNamesTheFile) {
  EXPECT_THAT(message_of<FailedError>([] {
                write_file_atomically("/no/such/folder/f", "x");
                return 0;
              }),
              HasSubstr("cannot write /no/such/folder/f: No such file"));
}

TEST(AppendFileTest, AppendsToWhatIsThere) {
  const TempDir dir;
  { AppendFile(dir / "f").write("one\n"); }
  { AppendFile(dir / "f").write("two\n"); }

  EXPECT_EQ(read_file(dir / "f"), "one\ntwo\n");
}

TEST(AppendFileTest, RefusesAFileThatIsThere) {
  const TempDir dir;
  dir.write("feed.csv", "header\n");

  EXPECT_THAT(message_of<FailedError>(
                  [&] { return AppendFile(dir / "feed.csv", AppendFile::Existing::refuse).path(); }),
              AllOf(HasSubstr("feed.csv"), HasSubstr("File exists")));
  EXPECT_EQ(read_file(dir / "feed.csv"), "header\n");
}

TEST(AppendFileTest, FlushHandsEverythingToTheKernel) {
  const TempDir dir;
  AppendFile file(dir / "f");
  file.write("one\nhal");
  EXPECT_EQ(read_file(dir / "f"), "");

  file.flush();

  EXPECT_EQ(read_file(dir / "f"), "one\nhal");
}

TEST(AppendFileTest, WritesWholeLinesWhenTheBufferIsFull) {
  const TempDir dir;
  AppendFile file(dir / "f");
  const std::string line = fmt::format("{}\n", std::string(99, 'x'));
  for (int i = 0; i < 700; ++i) {  // 70,000 bytes: more than 64 KiB
    file.write(line);
  }
  file.write("half");

  const std::string written = read_file(dir / "f");
  EXPECT_GE(written.size(), 64U * 1024U);
  EXPECT_EQ(written.size() % line.size(), 0U);
}

TEST(AppendFileTest, FullDiskNamesFileAndReason) {
  AppendFile file("/dev/full");
  file.write("line\n");

  EXPECT_EQ(message_of<FailedError>([&] {
              file.flush();
              return 0;
            }),
            "cannot write /dev/full: No space left on device");
}

TEST(AppendFileTest, TextThatDidNotFitIsWrittenLaterOnce) {
  const TempDir dir;
  AppendFile file(dir / "f");
  file.write("0123456789\nabcdefghij\n");
  {
    const SmallFiles limit(15);
    EXPECT_THROW(file.flush(), FailedError);
  }
  file.write("end\n");
  file.flush();

  EXPECT_EQ(read_file(dir / "f"), "0123456789\nabcdefghij\nend\n");
}

TEST(AppendFileTest, MovedFromWritesNothing) {
  const TempDir dir;
  {
    AppendFile first(dir / "f");
    first.write("text\n");
    const AppendFile second(std::move(first));
  }
  EXPECT_EQ(read_file(dir / "f"), "text\n");
}

TEST(FileLockTest, OnlyOneHoldsIt) {
  const TempDir dir;
  {
    const std::optional<FileLock> first = FileLock::try_acquire(dir / "lock");
    ASSERT_TRUE(first);
    EXPECT_FALSE(FileLock::try_acquire(dir / "lock"));
  }
  EXPECT_TRUE(FileLock::try_acquire(dir / "lock"));
}

TEST(FileLockTest, MovingKeepsIt) {
  const TempDir dir;
  FileLock first = FileLock::acquire(dir / "lock");
  const FileLock second(std::move(first));

  EXPECT_FALSE(FileLock::try_acquire(dir / "lock"));
}

// It waited for ever, in silence, and the first Ctrl-C did nothing.
TEST(FileLockTest, WaitsNoLongerThanItsBoundAndNamesTheFile) {
  const TempDir dir;
  const FileLock held = FileLock::acquire(dir / "lock");
  EXPECT_THAT(message_of<FailedError>(
                  [&] { return FileLock::acquire_within(dir / "lock", std::chrono::milliseconds(1)); }),
              AllOf(HasSubstr((dir / "lock").string()), HasSubstr("another process")));
}

TEST(FileLockTest, AStopEndsTheWait) {
  const TempDir dir;
  const FileLock held = FileLock::acquire(dir / "lock");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(message_of<InterruptedError>([&] { return FileLock::acquire(dir / "lock", stop.get_token()); }),
              HasSubstr((dir / "lock").string()));
}

TEST(FileLockTest, AStopThatCameBeforeDoesNotHinderWhatIsFree) {
  const TempDir dir;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_NO_THROW(static_cast<void>(FileLock::acquire(dir / "lock", stop.get_token())));
}

TEST(FileLockTest, FileThatCannotBeMadeIsNamed) {
  EXPECT_THAT(
      message_of<FailedError>([] { return FileLock::try_acquire("/no/such/folder/lock").has_value(); }),
      HasSubstr("/no/such/folder/lock"));
}

TEST(CacheDirTest, FollowsTheXdgSpecification) {
  const ScopedEnv home("HOME", "/home/ann");
  {
    const ScopedEnv cache("XDG_CACHE_HOME", "/cache");
    EXPECT_EQ(cache_dir(), "/cache/kexp");
  }
  {
    const ScopedEnv relative("XDG_CACHE_HOME", "cache");
    EXPECT_EQ(cache_dir(), "/home/ann/.cache/kexp");
  }
  const ScopedEnv unset("XDG_CACHE_HOME", std::nullopt);
  EXPECT_EQ(cache_dir(), "/home/ann/.cache/kexp");
}

TEST(OnDiskTest, MakesFailuresOfTheFileSystemOurs) {
  const TempDir dir;
  const auto missing = dir / "missing";
  EXPECT_THAT(message_of<FailedError>(
                  [&] { return on_disk("measure", [&] { return std::filesystem::file_size(missing); }); }),
              AllOf(HasSubstr("cannot measure " + missing.string()), HasSubstr("No such file")));
}

TEST(OnDiskTest, SaysWhatItCanOfAFailureWithoutAName) {
  const std::filesystem::filesystem_error error("walking", std::make_error_code(std::errc::io_error));
  EXPECT_THAT(disk_error("read", error).what(), AllOf(HasSubstr("cannot read: "), HasSubstr("walking")));
}

TEST(OnDiskTest, PassesResultsAndOtherErrorsOn) {
  EXPECT_EQ(on_disk("count", [] { return 7; }), 7);
  EXPECT_EQ(message_of<UsageError>([] { return on_disk("use", []() -> int { throw UsageError("--run"); }); }),
            "--run");
}

}  // namespace
}  // namespace kexp
