#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/record/result_files.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;
using record::Reception;
using record::Result;
using testing::ElementsAre;
using testing::HasSubstr;

Result answer(const std::string& id, int detections = 0) {
  Result r;
  r.id = id;
  r.run = "r1";
  r.model = "yolov5n";
  r.dimensions = {1, 3, 640, 640};
  r.pod = "consumer-a";
  r.node = "worker1";
  r.engine = "opencv";
  r.threads = 2;
  r.queue_ms = 12;
  r.inf_ms = 53.25;
  r.start_time_ms = 1706641815123;
  r.end_time_ms = 1706641815135;
  r.done_time_ms = 1706641815190;
  for (int i = 0; i < detections; ++i) {
    r.detections.push_back({i, "traffic light,\nred", 0.5, {1, 2, 3, 4.5}});
  }
  return r;
}

class ReadResultsTest : public testing::Test {
 protected:
  ReadResultsTest() {
    fs::create_directories(temp_ / "results");
    fs::create_directories(temp_ / "detections");
  }

  static void put(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
  }
  [[nodiscard]] fs::path results() const { return temp_ / "results" / "a.csv"; }
  [[nodiscard]] fs::path detections() const { return temp_ / "detections" / "a.csv"; }

  /// Three answers with 0, 2 and 1 detections.
  void write_whole() {
    results_ = record::result_header();
    detections_ = record::detection_header();
    for (int i = 0; i < 3; ++i) {
      const Result r = answer(fmt::format("{}", i), (3 - i) % 3);
      results_ += record::result_line(r, {1706641815200 + i, 0, 100 + i});
      detections_ += record::detection_lines(r);
    }
    put(results(), results_);
    put(detections(), detections_);
  }

  /// The ids that are kept.
  std::vector<std::string> recover() {
    kept_.clear();
    columns_ = record::recover_results(temp_.path(), "a.csv",
                                       [this](const Result& result, const Reception& reception) {
                                         kept_.push_back(result.id);
                                         last_ = result;
                                         last_reception_ = reception;
                                       });
    return kept_;
  }

  TempDir temp_;
  std::string results_, detections_;
  std::vector<std::string> kept_;
  record::Columns columns_ = record::Columns::current;
  Result last_;
  Reception last_reception_;
};

TEST_F(ReadResultsTest, WholeFilesStayAndAreVisitedWithTheirDetections) {
  write_whole();
  EXPECT_THAT(recover(), ElementsAre("0", "1", "2"));
  EXPECT_EQ(read_file(results()), results_);
  EXPECT_EQ(read_file(detections()), detections_);
  EXPECT_EQ(last_.inf_ms, 53.25);
  EXPECT_EQ(last_.threads, 2);
  EXPECT_EQ(last_.done_time_ms, 1706641815190);
  EXPECT_EQ(last_reception_.offset, 102);
  EXPECT_EQ(last_reception_.received_ms, 1706641815202);
  ASSERT_EQ(last_.detections.size(), 1U);
  EXPECT_EQ(last_.detections[0].label, "traffic light,\nred");
  EXPECT_EQ(last_.detections[0].box[3], 4.5);
}

// Wherever a kill has cut the one file or the other, what is kept is whole in both, and no more than needed
// is taken away.
TEST_F(ReadResultsTest, BothFilesAreCutToTheAnswersThatAreWholeInBoth) {
  constexpr std::size_t kStep = 7;
  write_whole();
  const auto cut_at = [&](const fs::path& file, const std::string& text, std::size_t size) {
    put(results(), results_);
    put(detections(), detections_);
    put(file, text.substr(0, size));
    const std::size_t kept = recover().size();
    std::string whole_results = record::result_header();
    std::string whole_detections = record::detection_header();
    for (std::size_t i = 0; i < kept; ++i) {
      const Result r = answer(fmt::format("{}", i), (3 - static_cast<int>(i)) % 3);
      whole_results +=
          record::result_line(r, {1706641815200 + static_cast<int>(i), 0, 100 + static_cast<int>(i)});
      whole_detections += record::detection_lines(r);
    }
    const bool has_header = size >= text.find('\n') + 1;
    EXPECT_EQ(read_file(results()), has_header || file != results() ? whole_results : "") << size;
    EXPECT_EQ(read_file(detections()), has_header || file != detections() ? whole_detections : "") << size;
    return kept;
  };
  for (std::size_t size = 0; size <= results_.size(); size += kStep) {
    const auto lines =
        std::count(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(size), '\n');
    EXPECT_EQ(cut_at(results(), results_, size), std::max<std::ptrdiff_t>(lines, 1) - 1) << size;
  }
  for (std::size_t size = 0; size <= detections_.size(); size += kStep) {
    const std::size_t header = record::detection_header().size();
    const std::size_t first = header + record::detection_lines(answer("1", 2)).size();
    const std::size_t expected = size < first ? 1 : size < detections_.size() ? 2 : 3;
    EXPECT_EQ(cut_at(detections(), detections_, size), expected) << size;
  }
}

TEST_F(ReadResultsTest, ARowThatSomebodyHasChangedIsNamedAndNothingIsCut) {
  write_whole();
  const std::string changed = results_ + "not,a,row\n" + record::result_line(answer("3"), {1, 0, 103});
  put(results(), changed);
  EXPECT_THAT(message_of<FailedError>([&] { return recover(); }), HasSubstr("a.csv:5 is no row"));
  EXPECT_EQ(read_file(results()), changed);
}

// Who had removed the detections lost the answers with them.
TEST_F(ReadResultsTest, WithoutTheFileOfDetectionsNoAnswerIsCut) {
  write_whole();
  fs::remove(detections());
  EXPECT_THAT(message_of<FailedError>([&] { return recover(); }), HasSubstr("detections/a.csv is not there"));
  EXPECT_EQ(read_file(results()), results_);
  put(results(), record::result_header() + "torn");  // Killed between making the one and the other.
  EXPECT_TRUE(recover().empty());
  EXPECT_EQ(read_file(results()), record::result_header());
}

// Rows were counted where the file has lines: an empty one cost the last answer.
TEST_F(ReadResultsTest, AnEmptyLineCostsNoAnswer) {
  write_whole();
  const std::string spaced =
      results_.substr(0, results_.find('\n')) + "\n" + results_.substr(results_.find('\n'));
  put(results(), spaced);
  EXPECT_THAT(recover(), ElementsAre("0", "1", "2"));
  EXPECT_EQ(read_file(results()), spaced);
}

TEST_F(ReadResultsTest, WhatWasNotMeasuredIsEmptyAndReadsAsZero) {
  write_whole();
  Result failed = answer("3");
  failed.errors = 1;
  failed.error = "no image";
  failed.inf_ms = 0;
  put(results(), results_ + record::result_line(failed, {1706641815203, 0, 103}));
  EXPECT_THAT(recover(), ElementsAre("0", "1", "2", "3"));
  EXPECT_EQ(columns_, record::Columns::current);

  std::vector<double> inference;
  const auto unreadable = record::read_results(
      temp_.path(), [&](const Result& result, const Reception&) { inference.push_back(result.inf_ms); });
  EXPECT_EQ(unreadable.count, 0);
  EXPECT_THAT(inference, ElementsAre(53.25, 53.25, 53.25, 0));
}

// A run that an earlier version began is gone on with: its file keeps its columns.
TEST_F(ReadResultsTest, AFileWithoutTheColumnErrorIsReadAndKeepsItsColumns) {
  constexpr const char* kRow = "a,m,\"[1]\",0,0,0,0,12,1,2,7,1,r1,n,p,opencv,1,0,0,0,3,0,0,5,6,0,0,41\n";
  put(results(), record::earlier_result_header() + kRow + "torn");
  put(detections(), record::detection_header());
  EXPECT_THAT(recover(), ElementsAre("7"));
  EXPECT_EQ(columns_, record::Columns::earlier);
  EXPECT_EQ(last_reception_.offset, 41);
  EXPECT_EQ(read_file(results()), record::earlier_result_header() + kRow);
}

TEST_F(ReadResultsTest, ColumnsOfAnotherVersionAreRefused) {
  put(results(), "id,errors\n1,0\n");
  put(detections(), record::detection_header());
  EXPECT_THAT(message_of<FailedError>([&] { return recover(); }), HasSubstr("other columns"));
  EXPECT_EQ(read_file(results()), "id,errors\n1,0\n");
}

TEST_F(ReadResultsTest, WithoutFilesNothingHappens) {
  EXPECT_TRUE(recover().empty());
  EXPECT_FALSE(fs::exists(results()));
}

TEST_F(ReadResultsTest, RowsOfAllFilesAreVisitedInTheOrderOfTheirTimes) {
  const auto file = [&](const char* name, const std::string& lines) {
    put(temp_ / "results" / name, record::result_header() + lines);
  };
  file("20261122.csv", record::result_line(answer("2"), {3, 0, 2}));
  file("20261121.csv", record::result_line(answer("0"), {1, 0, 0}) +
                           record::result_line(answer("1"), {2, 0, 1}) + "a,broken,row\n" + "torn");
  std::vector<std::string> ids;
  const auto unreadable =
      record::read_results(temp_.path(), [&](const Result& result, const Reception& reception) {
        ids.push_back(fmt::format("{} at {} done {}", result.id, reception.received_ms, result.done_time_ms));
      });
  EXPECT_EQ(unreadable.count, 1);
  EXPECT_EQ(unreadable.first, "results/20261121.csv:4");
  EXPECT_THAT(ids, ElementsAre("0 at 1 done 1706641815190", "1 at 2 done 1706641815190",
                               "2 at 3 done 1706641815190"));
}

}  // namespace
}  // namespace kexp::test
