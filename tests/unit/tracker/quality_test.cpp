#include "quality.hpp"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/result_files.hpp"
#include "kexp/stats/interval.hpp"

#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tracker::assess;

constexpr std::int64_t kT0Ms = 1'795'284'000'000;
constexpr std::int64_t kMs = 1'000'000;

/// The files of a run of two segments of 10 s, with images due every second.
class QualityTest : public testing::Test {
 protected:
  QualityTest() {
    std::filesystem::create_directories(temp_ / "results");
    append("plan.csv",
           "segment,start_s,duration_s,target_mbps,bytes,images\n0,0,10,1,10,10\n1,10,10,1,10,10\n");
    append("sends.csv", "id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n");
    append("results/a.csv", record::result_header());
  }

  void append(const char* file, const std::string& text) const {
    std::ofstream(temp_ / file, std::ios::app) << text;
  }
  static std::int64_t due_ms(int id) { return kT0Ms + id * 1000; }
  /// 1 ms late, and acknowledged 4 ms after that.
  void send(int id, const std::string& status = "acknowledged") const {
    const std::int64_t due_ns = due_ms(id) * kMs;
    append("sends.csv", csv_line(id, 1, 0, id, due_ns, due_ns + kMs, due_ns + 5 * kMs, status));
  }
  /// Received 8 ms after its intended time, done after `ms`.
  [[nodiscard]] static record::Result answer_after(int id, std::int64_t ms) {
    record::Result r;
    r.id = fmt::format("{}", id);
    r.start_time_ms = due_ms(id);
    r.end_time_ms = due_ms(id) + 8;
    r.decode_ms = 2;
    r.pre_ms = 1;
    r.inf_ms = 50;
    r.post_ms = 0.5;
    r.done_time_ms = due_ms(id) + ms;
    return r;
  }
  void answer(const record::Result& result) const {
    append("results/a.csv", record::result_line(result, {result.done_time_ms + 3, 0, 0}));
  }
  [[nodiscard]] Json quality() const { return to_json(assess(temp_.path(), 100ms, std::nullopt)); }
  /// The row of a segment, without its interval and percentiles.
  [[nodiscard]] std::vector<std::string> segment(int index) const {
    std::ofstream(temp_ / "goodput.csv") << assess(temp_.path(), 100ms, std::nullopt).goodput_csv;
    CsvReader reader(temp_ / "goodput.csv");
    while (reader.next()) {
      if (reader.row()[0] == fmt::format("{}", index)) {
        return {reader.row().begin(), reader.row().end()};
      }
    }
    return {};
  }

  TempDir temp_;
};

TEST_F(QualityTest, GoodputIsWhatWasAnsweredInTimeOfWhatWasSent) {
  for (int id = 0; id < 6; ++id) {
    send(id);
  }
  send(6, "failed:_MSG_TIMED_OUT");
  send(7, "dropped");  // Never reached the system.
  answer(answer_after(0, 99));
  answer(answer_after(1, 100));
  answer(answer_after(2, 101));
  record::Result error = answer_after(3, 20);
  error.errors = 1;
  answer(error);

  const Json goodput = quality()["goodput"];

  EXPECT_EQ(goodput["sent"], 7);
  EXPECT_EQ(goodput["in_time"], 2);
  EXPECT_EQ(goodput["late"], 1);
  EXPECT_EQ(goodput["errors"], 1);
  EXPECT_EQ(goodput["missing"], 3);
  EXPECT_DOUBLE_EQ(goodput["share"].get<double>(), 2.0 / 7);
  EXPECT_EQ(goodput["share_low"].get<double>(), stats::clopper_pearson(2, 7).low);
  EXPECT_EQ(goodput["share_high"].get<double>(), stats::clopper_pearson(2, 7).high);
  EXPECT_DOUBLE_EQ(goodput["images_per_s"].get<double>(), 0.1);
  EXPECT_EQ(quality()["late"], Json({{"total", 1}, {"listed", 1}, {"ids", {"2"}}, {"after_end", 0}}));
}

TEST_F(QualityTest, EverySegmentHasItsOwnGoodput) {
  for (int id = 0; id < 20; ++id) {
    send(id);
    answer(answer_after(id, id < 10 ? 50 + id : 95 + id));
  }
  EXPECT_THAT(assess(temp_.path(), 100ms, std::nullopt).goodput_csv,
              HasSubstr("segment,start_s,duration_s,planned,sent,in_time,late,"));
  const auto night = segment(0);
  const auto peak = segment(1);
  ASSERT_EQ(peak.size(), 16U);
  EXPECT_EQ(std::vector(night.begin(), night.begin() + 11),
            (std::vector<std::string>{"0", "0", "10", "10", "10", "10", "0", "0", "0", "1", "1"}));
  EXPECT_EQ(std::vector(peak.begin(), peak.begin() + 11),
            (std::vector<std::string>{"1", "10", "10", "10", "10", "0", "10", "0", "0", "0", "0"}));
  EXPECT_NEAR(std::stod(night[11]), 0.6915, 0.0001);  // 10 of 10.
  EXPECT_NEAR(std::stod(peak[12]), 0.3085, 0.0001);   // 0 of 10.
  EXPECT_EQ(std::stod(night[13]), 54);                // The 5th of 50 … 59 ms.
  EXPECT_EQ(std::stod(night[15]), 59);
}

TEST_F(QualityTest, TheFirstAnswerCounts) {
  send(0);
  answer(answer_after(0, 200));
  answer(answer_after(0, 50));
  answer(answer_after(9, 50));  // Of an image that was not sent.
  const Json goodput = quality()["goodput"];
  EXPECT_EQ(goodput["late"], 1);
  EXPECT_EQ(goodput["in_time"], 0);
  EXPECT_EQ(quality()["stages"]["end_to_end"]["count"], 1);
}

TEST_F(QualityTest, TheStagesAddUpFromTheIntendedTime) {
  send(0);
  answer(answer_after(0, 62));
  const Json stages = quality()["stages"];
  const auto p50 = [&](const char* stage) { return stages[stage]["p50_ms"].get<double>(); };
  EXPECT_NEAR(p50("lateness"), 1, 0.002);
  EXPECT_NEAR(p50("send"), 4, 0.005);
  EXPECT_NEAR(p50("wait"), 3, 0.004);
  EXPECT_NEAR(p50("decode"), 2, 0.003);
  EXPECT_NEAR(p50("preprocess"), 1, 0.002);
  EXPECT_NEAR(p50("inference"), 50, 0.06);
  EXPECT_NEAR(p50("postprocess"), 0.5, 0.002);
  EXPECT_NEAR(p50("end_to_end"), 62, 0.07);
}

TEST_F(QualityTest, AnImageThatCouldNotBeProcessedHasNoStagesOfItsOwn) {
  send(0);
  record::Result error = answer_after(0, 20);
  error.errors = 1;
  answer(error);
  const Json stages = quality()["stages"];
  EXPECT_EQ(stages["inference"]["count"], 0);
  EXPECT_EQ(stages["wait"]["count"], 1);
}

// A consumer on another host may seem to have an image before it was sent: that is counted and kept.
TEST_F(QualityTest, ClocksThatDisagreeAreTold) {
  send(0);
  record::Result r = answer_after(0, 60);
  r.end_time_ms = due_ms(0) - 30;
  answer(r);
  const Json told = quality();
  EXPECT_EQ(told["clocks"]["received_before_sent"], 1);
  EXPECT_EQ(told["clocks"]["answered_before_done"], 0);
  EXPECT_DOUBLE_EQ(told["clocks"]["worst_ms"].get<double>(),
                   30);  // 31, less the part of a millisecond that is cut off.
  EXPECT_EQ(told["stages"]["wait"]["negative"], 1);
}

TEST_F(QualityTest, AWholeMillisecondIsNoDisagreement) {
  send(0);
  record::Result r = answer_after(0, 60);
  r.end_time_ms = due_ms(0);  // Sent at 1.0 ms, received at 0.x ms to the consumer: cut off.
  answer(r);
  EXPECT_FALSE(assess(temp_.path(), 100ms, std::nullopt).clocks.differ());
}

// They do not say when they were done.
TEST_F(QualityTest, OfEarlierToolsTheStagesTellWhenAnImageWasDone) {
  send(0);
  record::Result r = answer_after(0, 0);
  r.done_time_ms = 0;
  append("results/a.csv", record::result_line(r, {due_ms(0) + 500, 0, 0}));
  const Json told = quality();
  EXPECT_EQ(told["goodput"]["in_time"], 1);
  EXPECT_NEAR(told["stages"]["end_to_end"]["max_ms"].get<double>(), 8 + 2 + 1 + 50 + 0.5, 0.01);
}

TEST_F(QualityTest, WhatTheTopicHasDecidedCounts) {
  send(0, "unknown");
  append("feed-topic.csv",
         "id,partition,offset,status\n0,0,0,acknowledged\n1,0,1,acknowledged\n2,,,dropped\n");
  answer(answer_after(0, 50));
  answer(answer_after(1, 50));  // Its intended time is its CreateTime.
  const Json goodput = quality()["goodput"];
  EXPECT_EQ(goodput["sent"], 2);
  EXPECT_EQ(goodput["in_time"], 2);
}

TEST_F(QualityTest, WithoutAFeedNothingIsMeasured) {
  std::filesystem::remove(temp_ / "sends.csv");
  answer(answer_after(0, 50));
  EXPECT_EQ(quality(),
            Json({{"stages", nullptr}, {"clocks", nullptr}, {"goodput", nullptr}, {"late", nullptr}}));
  EXPECT_EQ(assess(temp_.path(), 100ms, std::nullopt).goodput_csv, "");
}

TEST_F(QualityTest, TimesBeyondSenseBreakNothing) {
  send(0);
  append("results/a.csv",
         "s,m,[],0,0,1e300,0,0,9223372036854775807,-9223372036854775808,0,0,r,n,p,e,1,1,1,0,0,0,0,"
         "9223372036854775807,0,0,0,0,\n");
  EXPECT_EQ(quality()["goodput"]["late"], 1);
}

}  // namespace
}  // namespace kexp::test
