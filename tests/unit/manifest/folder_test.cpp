#include "folder.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::manifest {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Mode = RenderedFile::Mode;

class FolderTest : public testing::Test {
 protected:
  WrittenFolder write(const std::vector<RenderedFile>& files, Strange strange = Strange::refuse) {
    return write_files(files, kept_, folder_, strange);
  }
  std::string content(const std::string& name) const { return read_file(folder_ / name); }
  bool exists(const std::string& name) const { return fs::exists(folder_ / name); }
  int mode(const std::string& name) const {
    return static_cast<int>(fs::status(folder_ / name).permissions());
  }
  void edit(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::trunc) << text;
  }
  std::string refusal(const std::vector<RenderedFile>& files) {
    return message_of<UsageError>([&] { return write(files); });
  }

  test::TempDir dir_;
  fs::path folder_ = dir_ / "rendered";
  std::vector<RenderedFile> kept_;
  const std::vector<RenderedFile> files_ = {{"10-nodes/prepare.sh", "#!/bin/sh\n", Mode::script},
                                            {"README.md", "# read\n"},
                                            {"secrets/grafana.yaml", "password: x\n", Mode::secret}};
};

TEST_F(FolderTest, WritesEveryFileWithItsModeWhateverTheUmask) {
  const mode_t before = umask(0077);
  const WrittenFolder done = write(files_);
  umask(before);

  EXPECT_EQ(done.written, 3U);
  EXPECT_EQ(done.unchanged, 0U);
  EXPECT_EQ(content("10-nodes/prepare.sh"), "#!/bin/sh\n");
  EXPECT_EQ(mode("10-nodes/prepare.sh"), 0755);
  EXPECT_EQ(mode("README.md"), 0644);
  EXPECT_EQ(mode("secrets/grafana.yaml"), 0600);
  EXPECT_EQ(mode("secrets/.kexp-rendered"), 0600);
  EXPECT_EQ(mode("secrets"), 0700);
}

// `kubectl apply -f FOLDER` takes every manifest there.
TEST_F(FolderTest, NamesManifestsBesideOursThatAreNotOurs) {
  write({{"80-consumers/10-namespace.yaml", "kind: Namespace\n"}, {"README.md", "# read\n"}});
  for (const char* name :
       {"80-consumers/b.yml", "80-consumers/a.json", "80-consumers/notes.txt", "cluster.yaml"}) {
    edit(name, "mine");
  }

  const WrittenFolder done =
      write({{"80-consumers/10-namespace.yaml", "kind: Namespace\n"}, {"README.md", "# read\n"}});

  EXPECT_THAT(done.foreign, ElementsAre("80-consumers/a.json", "80-consumers/b.yml"));
  EXPECT_EQ(content("80-consumers/b.yml"), "mine");
}

TEST_F(FolderTest, WritesNothingWhereNothingChanged) {
  write(files_);
  const auto time = fs::last_write_time(folder_ / "README.md");
  const auto list_time = fs::last_write_time(folder_ / ".kexp-rendered");

  const WrittenFolder done = write(files_);

  EXPECT_EQ(done.written, 0U);
  EXPECT_EQ(done.unchanged, 3U);
  EXPECT_EQ(fs::last_write_time(folder_ / "README.md"), time);
  EXPECT_EQ(fs::last_write_time(folder_ / ".kexp-rendered"), list_time);
}

TEST_F(FolderTest, TightensASecretThatWasOpened) {
  write(files_);
  fs::permissions(folder_ / "secrets/grafana.yaml", static_cast<fs::perms>(0644));

  EXPECT_EQ(write(files_).written, 1U);

  EXPECT_EQ(mode("secrets/grafana.yaml"), 0600);
}

TEST_F(FolderTest, ReplacesItsOwnAndRemovesWhatIsNoLongerRendered) {
  write(files_);
  edit("notes.txt", "mine");

  const WrittenFolder done = write({{"README.md", "# other\n"}});

  EXPECT_EQ(done.written, 1U);
  EXPECT_THAT(done.removed, ElementsAre("10-nodes/prepare.sh", "secrets/grafana.yaml"));
  EXPECT_EQ(content("README.md"), "# other\n");
  EXPECT_FALSE(exists("10-nodes"));
  EXPECT_EQ(content("notes.txt"), "mine");
}

TEST_F(FolderTest, LeavesAFolderThatHoldsMoreThanItsOwn) {
  write(files_);
  edit("10-nodes/notes.txt", "mine");

  write({});

  EXPECT_FALSE(exists("10-nodes/prepare.sh"));
  EXPECT_EQ(content("10-nodes/notes.txt"), "mine");
}

TEST_F(FolderTest, NamesEveryStrangeFileAndWritesNothing) {
  write(files_);
  edit("README.md", "edited");
  edit("10-nodes/prepare.sh", "edited");
  edit("new.yaml", "somebody's");

  const std::string message = refusal({{"README.md", "# new\n"}, {"a.yaml", "a"}, {"new.yaml", "b"}});

  EXPECT_THAT(message,
              AllOf(HasSubstr("README.md (edited since"), HasSubstr("new.yaml (not written by kexp)"),
                    HasSubstr("prepare.sh (no longer rendered, but edited"), HasSubstr("--force"),
                    Not(HasSubstr("a.yaml"))));
  EXPECT_EQ(content("README.md"), "edited");
  EXPECT_FALSE(exists("a.yaml"));
}

TEST_F(FolderTest, ReplacesStrangeFilesWhenTold) {
  write(files_);
  edit("README.md", "edited");

  const WrittenFolder done = write({{"README.md", "# new\n"}}, Strange::replace);

  EXPECT_EQ(done.written, 1U);
  EXPECT_EQ(content("README.md"), "# new\n");
}

TEST_F(FolderTest, TakesAStrangeFileWithTheSameContentForItsOwn) {
  fs::create_directories(folder_);
  edit("README.md", "# read\n");

  EXPECT_EQ(write({{"README.md", "# read\n"}}).unchanged, 1U);
  EXPECT_EQ(write({{"README.md", "# new\n"}}).written, 1U);
}

TEST_F(FolderTest, WritesAgainWhatWasDeleted) {
  write(files_);
  fs::remove(folder_ / "README.md");

  EXPECT_EQ(write(files_).written, 1U);
  EXPECT_TRUE(exists("README.md"));
}

// A rendering that was cut short made the next one refuse its own files as edited by hand.
TEST_F(FolderTest, KnowsTheFilesOfARenderingThatWasCutShort) {
  write({{"a", "old"}, {"b", "old"}});
  edit("file", "not a folder");
  EXPECT_THROW(write({{"a", "new"}, {"file/x", ""}}), FailedError);
  ASSERT_EQ(content("a"), "new");
  ASSERT_EQ(content("b"), "old");

  EXPECT_EQ(write({{"a", "newer"}, {"b", "newer"}}).written, 2U);
}

TEST_F(FolderTest, KeepsWhatIsToBeKept) {
  kept_ = {{"secrets/password", "first\n", Mode::secret}};
  write(files_);
  kept_ = {{"secrets/password", "second\n", Mode::secret}};
  write(files_);
  kept_ = {};
  write({});

  EXPECT_EQ(content("secrets/password"), "first\n");
  EXPECT_EQ(mode("secrets/password"), 0600);
}

TEST_F(FolderTest, SecretsAreNotInTheListThatGitSees) {
  write(files_);

  EXPECT_THAT(content(".kexp-rendered"), AllOf(HasSubstr("  README.md\n"), Not(HasSubstr("grafana"))));
  EXPECT_THAT(content("secrets/.kexp-rendered"), HasSubstr("  secrets/grafana.yaml\n"));
}

TEST_F(FolderTest, RefusesAListThatNamesFilesElsewhere) {
  const fs::path outside = dir_.write("outside", "x");
  for (const char* path : {"../outside", "/etc/passwd", "a/../../outside", "", "."}) {
    fs::create_directories(folder_);
    edit(".kexp-rendered", std::string(64, '0') + "  " + path + "\n");
    EXPECT_THAT(refusal(files_), HasSubstr(".kexp-rendered:1:")) << path;
  }
  EXPECT_TRUE(fs::exists(outside));
}

TEST_F(FolderTest, DoesNotWriteThroughALink) {
  const fs::path outside = dir_.write("outside", "x");
  fs::create_directories(folder_);
  fs::create_symlink(outside, folder_ / "README.md");

  EXPECT_THAT(refusal(files_), HasSubstr("README.md is no file"));
  EXPECT_EQ(read_file(outside), "x");
}

TEST_F(FolderTest, RefusesWhatCannotBeAFolder) {
  folder_ = dir_.write("file", "x");
  EXPECT_THAT(refusal(files_), HasSubstr("file is no folder and cannot be made one"));
}

TEST_F(FolderTest, SecretsStandInTheirFolderAlone) {
  EXPECT_THROW(write({{"grafana.yaml", "", Mode::secret}}), std::logic_error);
  EXPECT_THROW(write({{"secrets/open.yaml", ""}}), std::logic_error);
}

TEST_F(FolderTest, MakesAPasswordOnceAndTakesAnOwnersOwn) {
  const std::string first = kept_or_new_secrets(folder_).grafana_password;
  EXPECT_EQ(first.size(), 24U);
  EXPECT_NE(kept_or_new_secrets(folder_).grafana_password, first);

  dir_.write("rendered/secrets/grafana-password", "my own one\n");
  EXPECT_EQ(kept_or_new_secrets(folder_).grafana_password, "my own one");

  dir_.write("rendered/secrets/grafana-password", "\n");
  EXPECT_THAT(message_of<UsageError>([&] { return kept_or_new_secrets(folder_); }), HasSubstr("is empty"));
}

}  // namespace
}  // namespace kexp::manifest
