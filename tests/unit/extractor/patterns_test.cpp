// A run with a known load and a dataset of series that follow it, or do not.

#include "kexp/extractor/patterns.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/random.hpp"
#include "kexp/record/run_directory.hpp"

#include "dataset_files.hpp"
#include "patterns_load.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using test::DatasetFiles;
using test::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kStart = 1795280000'000;
constexpr std::int64_t kSeconds = 1800;

double load_at(double second) { return 500 - 450 * std::cos(second / 140) + 50 * std::sin(second / 31); }

class PatternsTest : public testing::Test {
 protected:
  PatternsTest() {
    auto feed =
        record::RunDirectory::join(run_, "feed", Json::object(), WallTime(std::chrono::milliseconds(kStart)));
    feed.append("sending", {{"t0_unix_ns", kStart * 1'000'000}}, WallTime(std::chrono::milliseconds(kStart)));
    write_load(load_at);
  }

  template <typename LoadAt>
  void write_load(const LoadAt& load) {
    std::string seconds = "second,planned_bytes,sent_bytes\n";
    for (std::int64_t second = 0; second < kSeconds; ++second) {
      seconds += csv_line(second, 0, std::llround(load(static_cast<double>(second))));
    }
    seconds += csv_line(kSeconds, 0, 0);
    write_file_atomically(run_ / "seconds.csv", seconds);
  }

  /// A sample every 5 s: f(second).
  template <typename Value>
  std::int64_t add(const std::string& metric, const std::string& type, Value value, std::int64_t from = -10,
                   const std::string& labels = R"({"pod":"a"})") {
    DatasetFiles::Samples samples;
    for (std::int64_t second = from; second <= kSeconds + 10; second += 5) {
      samples.emplace_back(kStart + second * 1000, value(static_cast<double>(second)));
    }
    return files_.add(metric, type, labels, samples);
  }

  Patterns find(PatternsOptions options = {}) {
    files_.write(run_ / "metrics");
    options.run = run_;
    return find_patterns(options, {});
  }
  static Pattern row(const Patterns& patterns, const std::string& metric) {
    const auto found = std::find_if(patterns.rows.begin(), patterns.rows.end(),
                                    [&](const Pattern& one) { return one.metric == metric; });
    EXPECT_NE(found, patterns.rows.end()) << metric;
    return found == patterns.rows.end() ? Pattern{} : *found;
  }

  const test::TempDir folder_;
  const std::filesystem::path run_ = folder_ / "run";
  DatasetFiles files_{kStart - 10'000, kStart + (kSeconds + 10) * 1000};
};

TEST_F(PatternsTest, WhatFollowsTheLoadComesFirstWithItsLag) {
  SplitMix64 random(3);
  double walk = 0, counted = 0;
  const auto noise = [&] { return static_cast<double>(random.below(1000)) / 1000 - 0.5; };
  add("a_walk", "gauge", [&](double) { return walk += noise(); });
  add("busy_seconds_total", "counter",
      [&](double second) { return counted += std::exp(load_at(second - 30) / 200) + noise(); });
  add("replicas", "gauge", [&](double second) { return -load_at(second - 60) + 20 * noise(); });

  const Patterns patterns = find();

  const Pattern busy = row(patterns, "busy_seconds_total");
  EXPECT_EQ(busy.state, PatternState::moved);
  EXPECT_EQ(busy.looked_at, LookedAt::rate);
  EXPECT_GT(busy.rho, 0.95);
  EXPECT_NEAR(std::chrono::duration<double>(busy.lag).count(), 30, 5);
  const Pattern replicas = row(patterns, "replicas");
  EXPECT_EQ(replicas.state, PatternState::moved);
  EXPECT_LT(replicas.rho, -0.95);
  EXPECT_NEAR(std::chrono::duration<double>(replicas.lag).count(), 60, 5);
  EXPECT_EQ(row(patterns, "a_walk").state, PatternState::not_shown);
  EXPECT_EQ(patterns.rows.back().metric, "a_walk");
}

/// How much was counted up to each 5 s, in proportion to the load, and the sum of it: its mean is the load 30
/// s before.
struct Counted {
  double count = 0, sum = 0;
  Counted& operator()(double second) {
    count += load_at(second);
    sum += load_at(second) * load_at(second - 30);
    return *this;
  }
};

TEST_F(PatternsTest, AHistogramIsOneRateAndOneMean) {
  for (const char* le : {"0.5", "1", "+Inf"}) {
    add(
        "lat_bucket", "histogram",
        [counted = Counted()](double second) mutable { return counted(second).count; }, -10,
        fmt::format(R"({{"le":"{}","pod":"a"}})", le));
  }
  add("lat_count", "histogram",
      [counted = Counted()](double second) mutable { return counted(second).count; });
  add("lat_sum", "histogram", [counted = Counted()](double second) mutable { return counted(second).sum; });

  const Patterns patterns = find();

  const Pattern mean = row(patterns, "lat");
  EXPECT_EQ(mean.looked_at, LookedAt::mean);
  EXPECT_EQ(mean.state, PatternState::moved);
  EXPECT_EQ(mean.series_id, 4);
  EXPECT_NEAR(std::chrono::duration<double>(mean.lag).count(), 30, 5);
  EXPECT_EQ(row(patterns, "lat_bucket").state, PatternState::moved);
  EXPECT_EQ(patterns.rows.size(), 6U);
  EXPECT_THAT(to_table(patterns), AllOf(HasSubstr("lat_count (rate) pod=a"), HasSubstr("lat (mean) pod=a"),
                                        HasSubstr("left out here: 4 buckets and sums of histograms\n"),
                                        Not(HasSubstr("lat_bucket")), Not(HasSubstr("lat_sum"))));
  EXPECT_THAT(read_file(patterns.file), AllOf(HasSubstr("lat_bucket,0,"), HasSubstr("lat,4,http://p,")));
}

TEST_F(PatternsTest, ABucketThatMovesAloneIsShown) {
  add(
      "lat_bucket", "histogram",
      [counted = Counted()](double second) mutable { return counted(second).count; }, -10,
      R"({"le":"1","pod":"a"})");
  add(
      "lat_bucket", "histogram",
      [counted = Counted()](double second) mutable { return counted(second).count; }, -10,
      R"({"le":"2","pod":"a"})");
  EXPECT_THAT(to_table(find()), AllOf(HasSubstr("lat_bucket (rate) le=1 pod=a"), Not(HasSubstr("le=2")),
                                      HasSubstr("left out here: 1 buckets and sums of histograms\n")));
}

TEST_F(PatternsTest, ANativeHistogramIsLookedAtByItsCountAndSum) {
  std::vector<DatasetFiles::HistogramRow> rows;
  Counted counted;
  for (std::int64_t second = -10; second <= kSeconds + 10; second += 5) {
    counted(static_cast<double>(second));
    rows.push_back({kStart + second * 1000, counted.count, counted.sum});
  }
  files_.add_histograms("native", R"({"pod":"a"})", rows);

  const Patterns patterns = find();

  ASSERT_EQ(patterns.rows.size(), 2U);
  EXPECT_THAT(to_table(patterns), AllOf(HasSubstr("native (rate) pod=a"), HasSubstr("native (mean) pod=a")));
}

// Where nothing was counted there is no mean.
TEST_F(PatternsTest, AMeanOfNothingIsAGap) {
  add("lat_count", "histogram", [](double second) { return second < 900 ? 0 : second; });
  add("lat_sum", "histogram", [](double second) { return second < 900 ? 0 : second * second; });
  EXPECT_EQ(row(find(), "lat").state, PatternState::gaps);
}

TEST_F(PatternsTest, WhatCannotBeLookedAtIsListedWithItsReason) {
  add("flat", "gauge", [](double) { return 3; });
  add("late", "gauge", load_at, kSeconds / 2);
  add("restarted_total", "counter", [](double second) { return std::fmod(second + 10, 900); });

  const Patterns patterns = find();

  EXPECT_EQ(row(patterns, "flat").state, PatternState::flat);
  EXPECT_EQ(row(patterns, "late").state, PatternState::gaps);
  EXPECT_EQ(row(patterns, "restarted_total").state, PatternState::reset);
  EXPECT_EQ(read_file(patterns.file),
            "metric,series_id,source,labels,looked_at,state,rho,lag_s,p,q\n"
            "flat,0,http://p,\"{\"\"pod\"\":\"\"a\"\"}\",value,flat,,,,\n"
            "late,1,http://p,\"{\"\"pod\"\":\"\"a\"\"}\",value,gaps,,,,\n"
            "restarted_total,2,http://p,\"{\"\"pod\"\":\"\"a\"\"}\",rate,reset,,,,\n");
}

TEST_F(PatternsTest, LagsGoUpToAQuarterOfTheLoad) {
  add("level", "gauge", load_at);
  PatternsOptions options;
  options.max_lag = 3600s;
  const auto most = find(options).max_lag;  // Of what is left of the points that rho needs.
  EXPECT_LE(most, 450s);
  EXPECT_GT(most, 350s);
  EXPECT_EQ(find({}).max_lag, 300s);
}

TEST_F(PatternsTest, ALoadIsTheBytesSentInTheStepBefore) {
  write_load([](double second) { return second < 10 ? 100 : 200; });
  const Load load = read_load(run_, 5s);
  EXPECT_EQ(load.grid.first_ms, kStart + 5000);
  EXPECT_EQ(load.grid.count, kSeconds / 5);
  EXPECT_THAT(std::vector(load.bytes_per_s.begin(), load.bytes_per_s.begin() + 4),
              ElementsAre(100, 100, 200, 200));
}

TEST_F(PatternsTest, AConstantLoadMovesNothing) {
  write_load([](double) { return 100; });
  add("level", "gauge", load_at);
  EXPECT_THAT(message_of<FailedError>([&] { return find(); }), HasSubstr("constant"));
}

TEST_F(PatternsTest, ALoadOfTooFewPointsIsNamed) {
  add("level", "gauge", load_at);
  PatternsOptions options;
  options.step = 60s;
  EXPECT_THAT(message_of<FailedError>([&] { return find(options); }), HasSubstr("--step"));
}

TEST_F(PatternsTest, FlagsOutOfRangeAreNamed) {
  EXPECT_THAT(message_of<UsageError>([&] {
                validate({run_, 300s, 100ms, 0.05});
                return 0;
              }),
              HasSubstr("--step"));
  EXPECT_THAT(message_of<UsageError>([&] {
                validate({run_, 300s, 5s, 1});
                return 0;
              }),
              HasSubstr("--alpha"));
}

TEST_F(PatternsTest, AFolderWithoutARunOrADatasetIsNamed) {
  EXPECT_THAT(message_of<UsageError>([&] { return find_patterns({folder_ / "none"}, {}); }),
              HasSubstr("none"));
  EXPECT_THAT(message_of<UsageError>([&] { return find_patterns({run_}, {}); }), HasSubstr("no dataset"));
}

}  // namespace
}  // namespace kexp::extractor
