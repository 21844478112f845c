#include "send_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/json.hpp"

#include "support/capturing_log.hpp"
#include "support/fake_clock.hpp"
#include "support/recording_progress.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMs = 1'000'000;

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream text(read_file(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// Two images a second for ten seconds in one segment; the first is due at 250 ms. t0 is the FakeClock's
/// start, 1795284000 Unix seconds.
class SendLogTest : public testing::Test {
 protected:
  SendLogTest() : log_(plan_, Lanes({}, 2), "in", files(), ports()) {
    log_.set_t0(clock_.now(), clock_.wall_now());
  }

  static cycle::Plan make_plan() {
    cycle::PlanOptions options;
    options.curve.profile = "constant";
    options.curve.duration_s = 10;
    options.peak_images_per_s = 2;
    return cycle::Plan::make(options, {100, 300});
  }
  SendLogFiles files() const { return {dir_ / "sends.csv", {dir_ / "feed.csv", dir_ / "seconds.csv"}}; }
  SendLogPorts ports() {
    return {
        .clock = clock_,
        .log = lines_,
        .progress = progress_,
        .metrics = metrics_,
        .last_fault = [this] { return fault_; },
        .note = [this](std::string_view event, const Json& fields) { notes_.emplace_back(event, fields); },
        .broken = [] {}};
  }

  void sent(std::uint64_t id, std::int64_t at_ms) {
    log_.lane(id % 2).events.push({id, at_ms * kMs, SendEvent::What::sent});
  }
  void answered(std::uint64_t id, std::int64_t at_ms, const std::string& error = "") {
    kafka::DeliveryReport report;
    report.tag = id;
    report.offset = error.empty() ? static_cast<std::int64_t>(id) + 70 : -1;
    report.error = error;
    report.time = SteadyTime(Nanoseconds(at_ms * kMs));
    log_.reported(report);
  }
  void look_at(std::int64_t ms) {
    clock_.advance(SteadyTime(Nanoseconds(ms * kMs)) - clock_.now());
    log_.look();
  }

  test::TempDir dir_;
  const cycle::Plan plan_ = make_plan();
  test::FakeClock clock_;
  test::CapturingLog lines_;
  test::RecordingProgress progress_;
  telemetry::Metrics metrics_;
  std::string fault_;
  std::vector<std::pair<std::string, Json>> notes_;
  SendLog log_;
};

TEST_F(SendLogTest, WritesARowWhenAnOutcomeIsKnown) {
  sent(0, 250);
  sent(1, 751);
  answered(1, 760, "MSG_SIZE_TOO_LARGE");
  look_at(1000);
  EXPECT_THAT(lines_of(dir_ / "sends.csv"),
              ElementsAre("id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status",
                          "1,300,0,,1795284000750000000,1795284000751000000,1795284000760000000,"
                          "failed:MSG_SIZE_TOO_LARGE"));
  answered(0, 1100);
  look_at(1500);
  EXPECT_EQ(lines_of(dir_ / "sends.csv").back(),
            "0,100,0,70,1795284000250000000,1795284000250000000,1795284001100000000,acknowledged");
  EXPECT_EQ(log_.counts().acknowledged, 1);
  EXPECT_EQ(log_.counts().failed, 1);
  EXPECT_EQ(log_.first_failure(), "image 1: MSG_SIZE_TOO_LARGE");
}

TEST(RingEventsTest, LanesShareOneBoundAndHoldNoMoreThanTheirImages) {
  EXPECT_EQ(ring_events(Lanes({}, 1), 1'000'000), 131'072U);
  EXPECT_EQ(ring_events(Lanes({}, 64), 1'000'000'000), 131'072U / 64);
  EXPECT_EQ(ring_events(Lanes({2, 2}, 5), 99), 10U);
}

TEST_F(SendLogTest, AReportMayComeBeforeItsSendIsKnown) {
  answered(0, 260);
  look_at(500);
  EXPECT_EQ(lines_of(dir_ / "sends.csv").size(), 1U);
  sent(0, 250);
  look_at(1000);
  EXPECT_THAT(lines_of(dir_ / "sends.csv").back(), HasSubstr("acknowledged"));
}

TEST_F(SendLogTest, WhatHasNoOutcomeAtTheEndIsUnknownOrDropped) {
  sent(0, 250);
  sent(1, 750);
  answered(0, 300);
  log_.lane(0).events.push({2, 2000 * kMs, SendEvent::What::dropped});
  log_.finish();

  EXPECT_THAT(lines_of(dir_ / "sends.csv"),
              testing::UnorderedElementsAre(HasSubstr("status"), testing::EndsWith(",acknowledged"),
                                            "2,100,0,,1795284001250000000,,,dropped",
                                            "1,300,0,,1795284000750000000,1795284000750000000,,unknown"));
  EXPECT_EQ(log_.counts().planned, 20);
  EXPECT_EQ(log_.counts().sent, 2);
  EXPECT_EQ(log_.counts().unknown, 1);
  EXPECT_EQ(log_.counts().dropped, 18);  // One by policy.
  EXPECT_EQ(log_.counts().never_sent, 17);
}

TEST_F(SendLogTest, SecondsAndSegmentsAreWrittenOnceTheyAreOver) {
  sent(0, 250);
  sent(1, 751);
  answered(0, 260);
  answered(1, 1010);
  look_at(1150);
  EXPECT_EQ(lines_of(dir_ / "seconds.csv").size(), 1U);  // What happened just now may still come.
  sent(2, 1250);
  look_at(1250);
  EXPECT_THAT(lines_of(dir_ / "seconds.csv"),
              ElementsAre(testing::StartsWith("second,planned_bytes,planned_images,sent_bytes"),
                          "0,400,2,400,2,100,1,0,0,0.001,1.000,1.000,10.000,10.000,10.000"));
  look_at(2300);
  EXPECT_THAT(lines_of(dir_ / "seconds.csv").back(),
              testing::StartsWith("1,400,2,100,1,300,1,0,0,0.000,0.000,0.000,260.000,"));
  EXPECT_EQ(lines_of(dir_ / "feed.csv").size(), 1U);
  look_at(10'300);
  EXPECT_THAT(lines_of(dir_ / "feed.csv").at(1), testing::StartsWith("0,0,10,"));
}

TEST_F(SendLogTest, AnOutageIsNotedWithItsCause) {
  sent(0, 250);
  answered(0, 260);
  sent(1, 750);
  fault_ = "Connection refused";
  look_at(1800);
  EXPECT_TRUE(lines_.contains("outage=begun cause=\"Connection refused\""));
  fault_.clear();
  answered(1, 2000);
  look_at(2100);

  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_EQ(notes_[0].first, "outage");
  EXPECT_EQ(notes_[0].second, (Json{{"start_unix_ns", 1795284000750000000},
                                    {"end_unix_ns", 1795284002000000000},
                                    {"caught_up_unix_ns", 1795284002000000000},
                                    {"cause", "Connection refused"}}));
}

TEST_F(SendLogTest, WhatTheClientGivesUpIsNoAnswer) {
  sent(0, 250);
  answered(0, 1150, "_MSG_TIMED_OUT");
  sent(1, 750);
  look_at(2000);
  log_.finish();

  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_EQ(notes_[0].second.at("end_unix_ns"), 0);  // It lasts.
}

TEST_F(SendLogTest, WhatTheClientGivesUpHasNoTimeOfAnAnswer) {
  sent(0, 250);
  answered(0, 1150, "_PURGE_QUEUE");
  look_at(2000);
  EXPECT_EQ(lines_of(dir_ / "sends.csv").back(),
            "0,100,0,,1795284000250000000,1795284000250000000,,failed:_PURGE_QUEUE");
}

TEST_F(SendLogTest, WhatWasGivenUpButMayBeInTheTopicIsUnknown) {
  sent(0, 250);
  kafka::DeliveryReport report;
  report.error = "_MSG_TIMED_OUT";
  report.possibly_persisted = true;
  report.time = SteadyTime(1150ms);
  log_.reported(report);
  log_.finish();

  EXPECT_EQ(lines_of(dir_ / "sends.csv").back(), "0,100,0,,1795284000250000000,1795284000250000000,,unknown");
  EXPECT_EQ(log_.counts().unknown, 1);
  EXPECT_EQ(log_.counts().failed, 0);
}

TEST_F(SendLogTest, AStallAndAClockStepAreNoted) {
  look_at(1000);
  clock_.advance(4s);
  log_.stalled(4s);
  clock_.step_wall(-2s);
  log_.look();

  ASSERT_EQ(notes_.size(), 2U);
  EXPECT_EQ(notes_[0].first, "stall");
  EXPECT_EQ(notes_[0].second, (Json{{"start_unix_ns", 1795284001000000000}, {"duration_s", 4.0}}));
  EXPECT_EQ(notes_[1].first, "clock_stepped");
  EXPECT_EQ(notes_[1].second.at("by_s"), -2.0);
}

TEST_F(SendLogTest, ShowsDebtAndProgress) {
  sent(0, 250);
  sent(1, 750);
  answered(0, 260);
  log_.lane(0).next_intended_ns = 1250 * kMs;
  log_.lane(1).next_intended_ns = 1750 * kMs;
  look_at(5000);

  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_schedule_debt_seconds 3.75"));
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_in_flight_records 1"));
  EXPECT_EQ(progress_.count("progress"), 1U);
  EXPECT_DOUBLE_EQ(std::get<double>(*progress_.last("progress", "rate_mbps")), 400 / 5.0 / 1e6);
  EXPECT_DOUBLE_EQ(std::get<double>(*progress_.last("progress", "target_mbps")), 2000 / 5.0 / 1e6);
  EXPECT_DOUBLE_EQ(std::get<double>(*progress_.last("progress", "debt_ms")), 3750);
  EXPECT_DOUBLE_EQ(std::get<double>(*progress_.last("progress", "eta_s")), 5 + 3.75);
  log_.finish();
  EXPECT_EQ(log_.worst_debt(), 3750ms);
}

TEST_F(SendLogTest, TheWritingThreadTakesWhatComes) {
  log_.start();
  sent(0, 250);
  answered(0, 260);
  log_.finish();
  EXPECT_THAT(lines_of(dir_ / "sends.csv").back(), HasSubstr("acknowledged"));
}

}  // namespace
}  // namespace kexp::feeder
