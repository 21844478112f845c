#include "journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/json.hpp"
#include "kexp/core/sha256.hpp"

#include "support/capturing_log.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using ::testing::ElementsAre;

class JournalTest : public ::testing::Test {
 protected:
  Journal open(const std::string& window = "w") {
    return Journal(dir_ / "journal", dir_ / "data", {{"window", window}}, log_);
  }
  WrittenMetric metric(const std::string& name, const std::string& content) {
    const std::string file = "samples/" + name + ".csv";
    dir_.write("data/" + file, content);
    WrittenMetric written;
    written.samples = 3;
    written.files = {{file, 3, content.size(), sha256_hex(content)}};
    written.series = {{2, 0, 10, 20}, {1, 1, 5, 5}};
    written.ends = {{1, 30}};
    written.left_out = 4;
    return written;
  }

  const test::TempDir dir_;
  test::CapturingLog log_;
};

TEST_F(JournalTest, GivesBackWhatAnEarlierExtractionFinished) {
  open().add("up", metric("up", "abc"));

  const Journal journal = open();

  const WrittenMetric* up = journal.find("up");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->samples, 3U);
  EXPECT_EQ(up->left_out, 4);
  EXPECT_EQ(up->files[0].sha256, sha256_hex("abc"));
  EXPECT_EQ(up->series[1].histograms, 1U);
  EXPECT_EQ(up->series[0].last_ms, 20);
  EXPECT_EQ(up->ends[0].series, 1U);
  EXPECT_THAT(journal.files(), ElementsAre("samples/up.csv"));
  EXPECT_EQ(journal.find("down"), nullptr);
}

TEST_F(JournalTest, TakesNothingOverFromAnotherWindow) {
  open("monday").add("up", metric("up", "abc"));
  EXPECT_EQ(open("tuesday").metrics(), 0U);
  EXPECT_TRUE(log_.contains("read anew"));
  EXPECT_EQ(open("monday").metrics(), 0U) << "Tuesday's took its place";
}

TEST_F(JournalTest, TakesNothingOverWhoseFileIsNotAsItWas) {
  {
    Journal journal = open();
    journal.add("changed", metric("changed", "abc"));
    journal.add("cut", metric("cut", "abc"));
    journal.add("gone", metric("gone", "abc"));
    journal.add("kept", metric("kept", "abc"));
  }
  dir_.write("data/samples/changed.csv", "abd");
  dir_.write("data/samples/cut.csv", "ab");
  std::filesystem::remove(dir_ / "data/samples/gone.csv");
  EXPECT_THAT(open().files(), ElementsAre("samples/kept.csv"));
}

TEST_F(JournalTest, LeavesOutATornLineAndGoesOnBehindIt) {
  open().add("up", metric("up", "abc"));
  const std::string whole = read_file(dir_ / "journal");
  dir_.write("journal", whole + whole.substr(whole.find('\n') + 1, 40));
  open().add("down", metric("down", "de"));
  EXPECT_THAT(open().files(), ElementsAre("samples/down.csv", "samples/up.csv"));
}

TEST_F(JournalTest, AFileThatIsNoJournalIsReadAnew) {
  dir_.write("journal", std::string("\0\0\0", 3));
  EXPECT_EQ(open().metrics(), 0U);
}

}  // namespace
}  // namespace kexp::extractor
