#include "dataset_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Json kRequest = {{"start_ns", 1}};

class DatasetFolderTest : public ::testing::Test {
 protected:
  /// Writes a dataset whose metadata is `text`.
  void make(const std::string& text) {
    DatasetFolder folder(place_);
    write_file_atomically(folder.path() / "metadata.json", text);
    folder.put_in_place(kRequest);
    folder.finish();
  }
  /// As `make`, but killed before it was done.
  void leave_unfinished() {
    DatasetFolder folder(place_);
    write_file_atomically(folder.path() / "metadata.json", "{}");
    write_file_atomically(folder.journal(), "up");
    folder.put_in_place(kRequest);
  }

  const test::TempDir dir_;
  const fs::path place_ = dir_ / "metrics";
};

TEST_F(DatasetFolderTest, ShowsNothingBeforeItIsPutInPlace) {
  {
    DatasetFolder folder(place_);
    write_file_atomically(folder.path() / "metadata.json", "{}");
    EXPECT_FALSE(fs::exists(place_));
    folder.put_in_place(kRequest);
    EXPECT_EQ(folder.path(), place_);
    folder.finish();
  }
  EXPECT_EQ(read_file(place_ / "metadata.json"), "{}");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(place_), {}), 1);
}

TEST_F(DatasetFolderTest, LeavesNothingWhenItIsGivenUp) {
  { const DatasetFolder folder(place_); }
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(DatasetFolderTest, TakesOverWhatAKilledExtractionFinishedAndRemovesTheRest) {
  dir_.write(".metrics.partial/samples/up.csv", "whole");
  dir_.write(".metrics.partial/samples/.down.csv.part", "half a li");
  DatasetFolder folder(place_);
  folder.remove_others({"samples/up.csv"});
  write_file_atomically(folder.path() / "metadata.json", "{}");
  write_file_atomically(folder.journal(), "up");
  folder.put_in_place(kRequest);
  folder.finish();
  EXPECT_EQ(read_file(place_ / "samples/up.csv"), "whole");
  EXPECT_EQ(std::distance(fs::directory_iterator(place_ / "samples"), {}), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1) << "the journal has done its work";
}

TEST_F(DatasetFolderTest, LeavesEverythingWhenItIsToBeKept) {
  {
    DatasetFolder folder(place_);
    write_file_atomically(folder.journal(), "up");
    folder.keep();
  }
  const DatasetFolder next(place_);
  EXPECT_EQ(read_file(next.journal()), "up");
  EXPECT_FALSE(fs::exists(place_));
}

// An extraction that failed before its first metric, on a disk still full, deleted what the one before had
// kept.
TEST_F(DatasetFolderTest, LeavesWhatItTookOverUnlessItIsGivenUp) {
  dir_.write(".metrics.partial/samples/up.csv", "whole");
  dir_.write(".metrics.journal", "up");
  { const DatasetFolder folder(place_); }
  EXPECT_EQ(read_file(dir_ / ".metrics.partial/samples/up.csv"), "whole");
  EXPECT_EQ(read_file(dir_ / ".metrics.journal"), "up");
  {
    DatasetFolder folder(place_);
    folder.give_up();
  }
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(DatasetFolderTest, KnowsTheDatasetThatItsOwnExtractionLeftUnfinishedInItsPlace) {
  leave_unfinished();
  {
    const auto folder = DatasetFolder::unfinished_in(place_ / "", kRequest);
    ASSERT_NE(folder, nullptr);
    EXPECT_EQ(folder->path(), place_);
  }
  EXPECT_EQ(read_file(place_ / "metadata.json"), "{}") << "a second kill has taken nothing away";
  DatasetFolder::unfinished_in(place_, kRequest)->finish();
  EXPECT_EQ(DatasetFolder::unfinished_in(place_, kRequest), nullptr);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(place_), {}), 1);
}

TEST_F(DatasetFolderTest, LeavesTheUnfinishedDatasetOfAnotherExtractionAlone) {
  leave_unfinished();
  EXPECT_EQ(DatasetFolder::unfinished_in(place_, {{"start_ns", 2}}), nullptr);
  EXPECT_THAT(message_of<UsageError>([&] { DatasetFolder::check_place(place_, false); }),
              HasSubstr("--force"));
  EXPECT_NE(DatasetFolder::unfinished_in(place_, kRequest), nullptr);
  make("new");
  EXPECT_EQ(DatasetFolder::unfinished_in(place_, kRequest), nullptr);
  EXPECT_EQ(read_file(place_ / "metadata.json"), "new");
}

TEST_F(DatasetFolderTest, RefusesADatasetThatAnotherIsAboutToFinish) {
  DatasetFolder first(place_);
  write_file_atomically(first.path() / "metadata.json", "{}");
  first.put_in_place(kRequest);
  EXPECT_THAT(message_of<UsageError>([&] { return DatasetFolder::unfinished_in(place_, kRequest); }),
              HasSubstr("another extraction"));
}

TEST_F(DatasetFolderTest, ReplacesADatasetAsAWhole) {
  make("old");
  dir_.write("metrics/samples/old.csv", "old");
  make("new");
  EXPECT_EQ(read_file(place_ / "metadata.json"), "new");
  EXPECT_FALSE(fs::exists(place_ / "samples/old.csv"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(DatasetFolderTest, RefusesAPlaceThatAnotherWritesTo) {
  const DatasetFolder first(place_);
  EXPECT_THAT(message_of<UsageError>([&] { const DatasetFolder second(place_); }),
              HasSubstr("another extraction"));
  EXPECT_TRUE(fs::exists(first.path()));
}

TEST_F(DatasetFolderTest, RefusesToReplaceUnasked) {
  DatasetFolder::check_place(place_, false);
  fs::create_directory(place_);
  DatasetFolder::check_place(place_, false);
  fs::remove(place_);
  make("precious");
  EXPECT_THAT(message_of<UsageError>([&] { DatasetFolder::check_place(place_, false); }),
              AllOf(HasSubstr("--out"), HasSubstr("--force")));
  DatasetFolder::check_place(place_, true);
}

TEST_F(DatasetFolderTest, NeverReplacesWhatIsNoDataset) {
  dir_.write("metrics/thesis.tex", "precious");
  EXPECT_THAT(message_of<UsageError>([&] { DatasetFolder::check_place(place_, true); }),
              HasSubstr("no dataset"));
  dir_.write("file", "precious");
  EXPECT_THAT(message_of<UsageError>([&] { DatasetFolder::check_place(dir_ / "file", true); }),
              HasSubstr("no dataset"));
}

TEST_F(DatasetFolderTest, TakesAPlaceWithASlashAtItsEnd) {
  DatasetFolder folder(place_ / "");
  folder.put_in_place(kRequest);
  EXPECT_TRUE(fs::is_directory(place_));
}

TEST_F(DatasetFolderTest, SaysThatItsParentIsNoFolder) {
  dir_.write("file", "");
  EXPECT_THAT(message_of<FailedError>([&] { const DatasetFolder folder(dir_ / "file/metrics"); }),
              HasSubstr("file"));
}

}  // namespace
}  // namespace kexp::extractor
