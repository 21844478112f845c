// A dataset as one table: what stands in which cell, and how the columns are called.

#include "kexp/extractor/wide.hpp"

#include <cmath>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "dataset_files.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"
#include "wide_grid.hpp"
#include "wide_names.hpp"
#include "wide_quantiles.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using namespace ::testing;
using test::DatasetFiles;
using test::message_of;

constexpr std::int64_t kStart = 1795280000'000;
const double kNan = std::nan("");

class GridTest : public testing::Test {
 protected:
  [[nodiscard]] SeriesData data() const { return {series_, samples_, ends_}; }

  std::vector<prom::Sample> samples_;
  std::vector<std::int64_t> ends_;
  const DatasetSeries series_;
  const prom::Grid grid_{kStart, 5000, 6};  // 0 to 25 s.
};

TEST_F(GridTest, AGaugeIsItsNewestSampleOfOneAndAHalfIntervals) {
  samples_ = {{kStart - 2000, 1}, {kStart + 3000, 2}, {kStart + 8000, 3}, {kStart + 23'000, 4}};
  EXPECT_THAT(last_on_grid(data(), grid_), ElementsAre(1, 2, 3, 3, IsNan(), 4)) << "of 5 s each";
}

TEST_F(GridTest, AGaugeEndsWithItsMark) {
  samples_ = {{kStart, 1}, {kStart + 5000, 2}, {kStart + 20'000, 3}, {kStart + 25'000, 4}};
  ends_ = {kStart + 9000};
  EXPECT_THAT(last_on_grid(data(), grid_), ElementsAre(1, 2, IsNan(), IsNan(), 3, 4));
}

TEST_F(GridTest, ACounterIsItsGrowthASecondAlsoOverAReset) {
  samples_ = {{kStart, 100},        {kStart + 5000, 110},  {kStart + 10'000, 5},
              {kStart + 15'000, 5}, {kStart + 20'000, 30}, {kStart + 25'000, 30}};
  EXPECT_THAT(rate_on_grid(data(), grid_), ElementsAre(IsNan(), 2, 1, 0, 5, 0));
}

TEST_F(GridTest, ACounterWithSamplesFartherApartThanTheStepKeepsItsRate) {
  samples_ = {{kStart - 10'000, 0}, {kStart, 20}, {kStart + 10'000, 50}, {kStart + 20'000, 50}};
  EXPECT_THAT(rate_on_grid(data(), grid_), ElementsAre(2, 2, 3, 3, 0, 0));
}

TEST_F(GridTest, ACounterWithSamplesCloserThanTheStepTakesThemAll) {
  for (int second = -5; second <= 25; ++second) {
    samples_.push_back({kStart + second * 1000, second < 12 ? 0.0 : 10.0});
  }
  EXPECT_THAT(rate_on_grid(data(), grid_), ElementsAre(0, 0, 0, 2, 0, 0));
}

TEST_F(GridTest, ACounterHasNoRateAcrossAGap) {
  samples_ = {{kStart - 5000, 0}, {kStart, 5}, {kStart + 20'000, 9}, {kStart + 25'000, 10}};
  const std::vector<double> rates = rate_on_grid(data(), grid_);
  EXPECT_THAT(rates, ElementsAre(1, 1, IsNan(), IsNan(), IsNan(), DoubleEq(0.2)));
}

TEST(QuantileTest, IsEvenWithinABucketAsPrometheusHasIt) {
  const std::vector<std::pair<double, double>> buckets = {{0.1, 10}, {0.2, 30}, {HUGE_VAL, 40}};
  EXPECT_THAT(quantile_of(0.5, buckets), DoubleNear(0.15, 1e-12));
  EXPECT_THAT(quantile_of(0.125, buckets), DoubleNear(0.05, 1e-12)) << "from 0 in the first one";
  EXPECT_THAT(quantile_of(0.99, buckets), DoubleNear(0.2, 1e-12)) << "nobody knows how far the last one goes";
  EXPECT_THAT(quantile_of(0.5, std::vector<std::pair<double, double>>{{0.1, 0}, {HUGE_VAL, 0}}), IsNan());
}

TEST(ShortNamesTest, TakeTheFewestLabelsThatTellSeriesApart) {
  const std::vector<prom::Labels> all = {
      {{"instance", "10.0.0.1:9"}, {"job", "k"}, {"pod", "a"}, {"zone", "core"}},
      {{"instance", "10.0.0.1:9"}, {"job", "k"}, {"pod", "a"}, {"zone", "package"}},
      {{"instance", "10.0.0.2:9"}, {"job", "k"}, {"pod", "b"}, {"zone", "core"}}};
  EXPECT_THAT(short_names(all),
              ElementsAre("{pod=a,zone=core}", "{pod=a,zone=package}", "{pod=b,zone=core}"));
  EXPECT_THAT(short_names(std::vector<prom::Labels>{{{"pod", "a"}}}), ElementsAre(""));
}

class WideTest : public testing::Test {
 protected:
  /// Rows of the table, the header among them.
  std::vector<std::vector<std::string>> wide(WideOptions options = {}) {
    files_.write(folder_ / "d");
    options.dataset = folder_ / "d";
    options.file = folder_ / "wide.csv";
    static_cast<void>(write_wide(options));
    std::vector<std::vector<std::string>> rows;
    CsvReader reader(options.file);
    while (reader.next()) {
      rows.emplace_back(reader.row().begin(), reader.row().end());
    }
    return rows;
  }

  const test::TempDir folder_;
  DatasetFiles files_{kStart, kStart + 10'000};
};

TEST_F(WideTest, HasAColumnASeriesByItsRule) {
  files_.add("level", "gauge", R"({"job":"k","pod":"a"})", {{kStart, 1}, {kStart + 5000, 2.5}});
  files_.add("level", "gauge", R"({"job":"k","pod":"b,c"})", {{kStart + 5000, 7}, {kStart + 10'000, 8}});
  files_.add("work_total", "counter", R"({"job":"k"})",
             {{kStart, 10}, {kStart + 5000, 20}, {kStart + 10'000, 20}});

  EXPECT_THAT(wide(), ElementsAre(ElementsAre("time", "level{pod=a}", "level{pod=b,c}", "work_total:rate"),
                                  ElementsAre("2026-11-21T16:53:20.000Z", "1", "NaN", "NaN"),
                                  ElementsAre("2026-11-21T16:53:25.000Z", "2.5", "7", "2"),
                                  ElementsAre("2026-11-21T16:53:30.000Z", "2.5", "8", "0")));
}

TEST_F(WideTest, AHistogramIsItsQuantiles) {
  for (const auto& [le, growth] : {std::pair{"+Inf", 40}, std::pair{"0.1", 10}, std::pair{"0.2", 40}}) {
    files_.add("lat_bucket", "histogram", fmt::format(R"({{"le":"{}"}})", le),
               {{kStart, 0}, {kStart + 5000, growth}, {kStart + 10'000, growth}});
  }
  EXPECT_THAT(wide(), ElementsAre(ElementsAre("time", "lat:p50", "lat:p95", "lat:p99"),
                                  ElementsAre("2026-11-21T16:53:20.000Z", "NaN", "NaN", "NaN"),
                                  ElementsAre("2026-11-21T16:53:25.000Z", HasSubstr("0.133"),
                                              HasSubstr("0.193"), HasSubstr("0.198")),
                                  ElementsAre("2026-11-21T16:53:30.000Z", "NaN", "NaN", "NaN")));
}

TEST_F(WideTest, SeriesOfTwoServersAreTwoColumns) {
  files_.add("up", "gauge", "{}", {{kStart, 1}}, "http://a");
  files_.add("up", "gauge", "{}", {{kStart, 0}}, "http://b");
  EXPECT_THAT(wide().front(), ElementsAre("time", "up{source=http://a}", "up{source=http://b}"));
}

TEST_F(WideTest, AMetricOfTheNameOfTheFirstColumnHasAnotherOne) {
  files_.add("time", "gauge", "{}", {{kStart, 1}});
  EXPECT_THAT(wide().front(), ElementsAre("time", "time#2"));
}

TEST_F(WideTest, NothingIsReplacedUnasked) {
  files_.add("up", "gauge", "{}", {{kStart, 1}});
  folder_.write("wide.csv", "mine");
  EXPECT_THAT(message_of<UsageError>([&] { return wide(); }),
              AllOf(HasSubstr("wide.csv is there"), HasSubstr("--force")));
  EXPECT_EQ(read_file(folder_ / "wide.csv"), "mine");
  WideOptions options;
  options.existing = WideOptions::Existing::replace;
  EXPECT_EQ(wide(options).size(), 4U);
}

TEST_F(WideTest, AFileOfTheSameBytesIsAcceptedWhereItMayBeWhatAKilledOneHasLeft) {
  files_.add("up", "gauge", "{}", {{kStart, 1}});
  static_cast<void>(wide());
  const std::string before = read_file(folder_ / "wide.csv");
  WideOptions options;
  options.existing = WideOptions::Existing::accept_same;
  EXPECT_EQ(wide(options).size(), 4U);
  EXPECT_EQ(read_file(folder_ / "wide.csv"), before);
  folder_.write("wide.csv", "mine");
  EXPECT_THAT(message_of<UsageError>([&] { return wide(options); }), HasSubstr("wide.csv is there"));
  EXPECT_EQ(read_file(folder_ / "wide.csv"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".wide.csv.part.csv"));
}

// --force was offered, and then the table was computed in vain and left beside the folder.
TEST_F(WideTest, AFolderIsNeverReplaced) {
  std::filesystem::create_directory(folder_ / "wide.csv");
  WideOptions options;
  options.existing = WideOptions::Existing::replace;
  EXPECT_THAT(message_of<UsageError>([&] { return wide(options); }), HasSubstr("wide.csv is a folder"));
}

TEST_F(WideTest, AStepWithoutAPointIsNamed) {
  files_ = DatasetFiles(kStart + 1000, kStart + 2000);
  files_.add("up", "gauge", "{}", {{kStart + 1000, 1}});
  EXPECT_THAT(message_of<UsageError>([&] { return wide(); }), HasSubstr("--step"));
}

}  // namespace
}  // namespace kexp::extractor
