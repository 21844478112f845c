#include "dataset_reader.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/extractor/dataset.hpp"
#include "kexp/record/run_directory.hpp"

#include "dataset_files.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace ::testing;
using test::DatasetFiles;
using test::message_of;

class DatasetReaderTest : public testing::Test {
 protected:
  const test::TempDir folder_;
  DatasetFiles files_{1000, 9000};
};

TEST_F(DatasetReaderTest, GivesEachSeriesWithItsSamplesAndItsEnds) {
  files_.add("b", "gauge", "{}", {{2000, 7}});
  const std::int64_t ended = files_.add("a", "counter", R"({"x":"\"1\"","y":""})", {{1000, 1}, {2000, 2}});
  files_.add("a", "counter", R"({"x":"2"})", {{1500, 3}});
  files_.end(ended, 2500);
  files_.write(folder_.path());

  const DatasetReader dataset(folder_.path());

  EXPECT_EQ(dataset.start_ms(), 1000);
  EXPECT_EQ(dataset.end_ms(), 9000);
  EXPECT_THAT(dataset.metrics(), ElementsAre("a", "b"));
  EXPECT_FALSE(dataset.has("c"));
  std::vector<std::string> seen;
  dataset.read("a", [&](const SeriesData& data) {
    seen.push_back(data.series.labels);
    if (data.series.id == ended) {
      EXPECT_THAT(labels_of(data.series), ElementsAre(Pair("x", "\"1\""), Pair("y", "")));
      ASSERT_EQ(data.samples.size(), 2U);
      EXPECT_EQ(data.samples[1].ts_ms, 2000);
      EXPECT_EQ(data.samples[1].value, 2);
      EXPECT_THAT(data.ends_ms, ElementsAre(2500));
    } else {
      EXPECT_THAT(data.ends_ms, IsEmpty());
    }
  });
  EXPECT_EQ(seen.size(), 2U);
}

TEST(IsCounterTest, TellsByTypeAndWithoutOneByName) {
  const auto is = [](const std::string& metric, const std::string& type) {
    return is_counter({0, "", metric, type, "{}"});
  };
  EXPECT_TRUE(is("odd_name", "counter"));
  EXPECT_TRUE(is("lat_bucket", "histogram"));
  EXPECT_TRUE(is("lat_sum", "summary"));
  EXPECT_FALSE(is("lat", "summary")) << "its quantiles";
  EXPECT_FALSE(is("jobs_total", "gauge"));
  EXPECT_TRUE(is("jobs_total", "unknown"));
  EXPECT_FALSE(is("level", "unknown"));
}

TEST_F(DatasetReaderTest, WhatIsNoDescriptionOfADatasetIsNamed) {
  folder_.write("metadata.json", R"({"format":"csv"})");
  EXPECT_THAT(message_of<FailedError>([&] { return DatasetReader(folder_.path()).end_ms(); }),
              AllOf(HasSubstr("metadata.json"), HasSubstr("window")));
}

TEST_F(DatasetReaderTest, ARunMeansItsDatasetWhereverThatIs) {
  const std::filesystem::path run = folder_ / "run";
  auto role = record::RunDirectory::join(run, "extract", Json::object(), WallTime{});
  EXPECT_EQ(dataset_of(run), run / "metrics");
  role.append("finished", {{"directory", "/elsewhere"}}, WallTime{});
  EXPECT_EQ(dataset_of(run), "/elsewhere");
  files_.write(run / "metrics");
  EXPECT_EQ(dataset_of(run), run / "metrics");
  EXPECT_EQ(dataset_of(run / "metrics"), run / "metrics");
}

}  // namespace
}  // namespace kexp::extractor
