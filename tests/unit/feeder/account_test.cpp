#include "account.hpp"

#include <cmath>
#include <fstream>
#include <numeric>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"

#include "fed_run.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using testing::AllOf;
using testing::HasSubstr;
constexpr std::int64_t kMs = FedRun::kMs;
constexpr std::int64_t kS = 1000 * kMs;

class AccountTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path folder() const { return dir_ / "run"; }
  static Account account_of(const FedRun& run, const record::FeedPart& part = {}) {
    run.write();
    return account_for(run.path(), part);
  }
  static Json outage(std::int64_t start_ms, std::int64_t end_ms, std::int64_t caught_up_ms) {
    return {{"start_unix_ns", FedRun::kT0 + start_ms * kMs},
            {"end_unix_ns", FedRun::kT0 + end_ms * kMs},
            {"caught_up_unix_ns", FedRun::kT0 + caught_up_ms * kMs},
            {"cause", "Connection refused"}};
  }

  test::TempDir dir_;
};

// Due at 950 ms, sent at 1,050 ms, acknowledged at 2,050 ms: three seconds and three segments know of it.
TEST_F(AccountTest, AnImageCountsWhereItWasDueWhereItWasSentAndWhereItsReportCame) {
  FedRun run(folder(), 3, 10);
  run.acknowledged(9, 100 * kMs, 1100 * kMs);
  run.acknowledge_rest(0, 2 * kMs);

  const Account account = account_of(run);

  ASSERT_EQ(account.seconds.size(), 3U);
  ASSERT_EQ(account.segments.size(), 3U);
  for (const bool by_second : {true, false}) {
    const auto stretch = [&](std::size_t i) {
      return by_second ? account.seconds[i] : account.segments[i].done;
    };
    EXPECT_EQ(stretch(0).planned_images, 10);
    EXPECT_EQ(stretch(0).sent_images, 9);
    EXPECT_EQ(stretch(0).acknowledged_bytes, 9000);
    EXPECT_EQ(stretch(1).sent_images, 11);
    EXPECT_EQ(stretch(1).acknowledged_images, 10);
    EXPECT_EQ(stretch(2).acknowledged_images, 11);
    EXPECT_NEAR(stretch(1).lateness.max_ms, 100, 1e-4);
    EXPECT_NEAR(stretch(1).lateness.p50_ms, 0, 1e-6);
    EXPECT_NEAR(stretch(2).delivery.max_ms, 1100, 1e-3);
    EXPECT_NEAR(stretch(1).delivery.max_ms, 2, 1e-4);
  }
}

TEST_F(AccountTest, EveryFateIsCounted) {
  FedRun run(folder(), 1, 10);
  run.failed(0, 5 * kMs, 60 * kMs);
  run.unknown(1, 200 * kMs);
  run.dropped(2);
  run.acknowledge_rest(kMs / 2, 3 * kMs);

  const Account account = account_of(run);
  const AccountSummary& s = account.summary;

  EXPECT_EQ(s.planned, 10);
  EXPECT_EQ(s.sent, 9);
  EXPECT_EQ(s.dropped, 1);
  EXPECT_EQ(s.acknowledged, 7);
  EXPECT_EQ(s.failed, 1);
  EXPECT_EQ(s.unknown, 1);
  EXPECT_EQ(s.sent_bytes, 9000);
  EXPECT_EQ(s.acknowledged_bytes, 7000);
  EXPECT_EQ(account.seconds[0].failed_images, 1);
  EXPECT_EQ(account.seconds[0].dropped_images, 1);
  EXPECT_EQ(s.lateness.count, 9U);
  EXPECT_DOUBLE_EQ(s.lateness.max_ms, 200);
  EXPECT_EQ(s.delivery.count, 7U);
  EXPECT_DOUBLE_EQ(s.delivery.mean_ms, 3);
  EXPECT_DOUBLE_EQ(s.late_over_1ms, 2.0 / 9);
  EXPECT_DOUBLE_EQ(s.late_over_100ms, 1.0 / 9);
  EXPECT_DOUBLE_EQ(s.late_unexplained, 1.0 / 9);
  EXPECT_EQ(s.first_sent_unix_ns, run.intended(0) + 5 * kMs);
  EXPECT_EQ(s.last_sent_unix_ns, run.intended(9) + kMs / 2);
  EXPECT_EQ(s.skew.most_bytes, 5000U);  // Five odd ids, and the even ones but the dropped.
  EXPECT_EQ(s.skew.least_bytes, 4000U);
}

TEST_F(AccountTest, WhatWasDueInAnOutageUntilItWasCaughtUpIsExplained) {
  FedRun run(folder(), 10, 10);
  for (std::int64_t id = 20; id < 50; ++id) {  // Due at 2 to 5 s.
    run.acknowledged(id, 500 * kMs, 600 * kMs);
  }
  run.acknowledged(70, 500 * kMs, 600 * kMs);
  run.acknowledge_rest(0, kMs);
  run.note("outage", outage(2000, 3500, 5000));

  const AccountSummary s = account_of(run).summary;

  EXPECT_DOUBLE_EQ(s.late_over_100ms, 0.31);
  EXPECT_DOUBLE_EQ(s.late_unexplained, 0.01);
}

TEST_F(AccountTest, AnOutageThatNeverEndedExplainsAllAfterIt) {
  FedRun run(folder(), 2, 10);
  run.acknowledged(15, 500 * kMs, 600 * kMs);
  run.acknowledge_rest(0, kMs);
  Json endless = outage(1000, 0, 0);
  endless["end_unix_ns"] = endless["caught_up_unix_ns"] = 0;
  run.note("outage", endless);

  EXPECT_DOUBLE_EQ(account_of(run).summary.late_unexplained, 0);
}

TEST_F(AccountTest, ASegmentIsOutOfBoundByTheThresholdAndTwoImages) {
  FedRun run(folder(), 4, 100, R"({"thresholds": {"segment_error_invalid": 0.03}})");
  for (std::int64_t id = 97; id < 100; ++id) {  // Three of 100 move on: 3 %.
    run.acknowledged(id, 100 * kMs, 101 * kMs);
  }
  for (std::int64_t id = 295; id < 300; ++id) {  // Five: out of bound, there and in the next.
    run.acknowledged(id, 100 * kMs, 101 * kMs);
  }
  run.acknowledge_rest(0, kMs);

  const AccountSummary s = account_of(run).summary;

  EXPECT_EQ(s.segments, 4);
  EXPECT_EQ(s.segments_out_of_bound, 2);
  EXPECT_EQ(s.segments_excused, 0);
}

TEST_F(AccountTest, SegmentsThatAnOutageTouchedAreExcusedAndDroppedBytesCount) {
  FedRun run(folder(), 6, 10);
  for (std::int64_t id = 13; id < 20; ++id) {
    run.acknowledged(id, 800 * kMs, 900 * kMs);
  }
  run.note("outage", outage(1200, 1900, 2500));
  for (std::int64_t id = 44; id < 50; ++id) {
    run.dropped(id);
  }
  run.acknowledge_rest(0, kMs);

  const AccountSummary s = account_of(run).summary;

  EXPECT_EQ(s.segments_out_of_bound, 0);
  EXPECT_EQ(s.segments_excused, 2);
}

TEST_F(AccountTest, OfAFeedThatWasCutShortNoSecondsFollow) {
  FedRun run(folder(), 100, 10);
  for (std::int64_t id = 0; id < 25; ++id) {
    run.acknowledged(id, 0, kMs);
  }
  run.note("cut", {{"unix_ns", FedRun::kT0 + 2500 * kMs}, {"never_sent", 975}});

  const Account account = account_of(run);

  EXPECT_EQ(account.seconds.size(), 3U);
  EXPECT_EQ(account.segments.size(), 100U);
  EXPECT_EQ(account.segments[50].done.planned_images, 10);  // The plan is known.
  EXPECT_EQ(account.summary.planned, 1000);
  EXPECT_EQ(account.summary.dropped, 975);
  EXPECT_EQ(account.summary.segments_cut, 98);
  EXPECT_EQ(account.summary.segments_out_of_bound, 0);
}

/// The plan of a FedRun.
cycle::Plan plan_of(int seconds, int per_segment) {
  cycle::PlanOptions options;
  options.curve.profile = "constant";
  options.curve.duration_s = seconds;
  options.peak_images_per_s = per_segment;
  cycle::Plan plan = cycle::Plan::make(options, {1000});
  EXPECT_EQ(plan.images().size(), static_cast<std::size_t>(seconds * per_segment));
  return plan;
}

TEST_F(AccountTest, WhatWasPlannedUntilACutIsKnownByThePlan) {
  FedRun run(folder(), 1, 100);
  const cycle::Plan plan = plan_of(1, 100);
  for (std::int64_t id = 0; id < 25; ++id) {
    run.acknowledged(id, 0, kMs);
  }
  run.note("cut", {{"unix_ns", FedRun::kT0 + 500 * kMs}, {"never_sent", 75}});
  run.write();

  const Account known = account_for(run.path(), {}, &plan);
  ASSERT_EQ(known.seconds.size(), 1U);
  EXPECT_EQ(known.seconds[0].planned_images, 50);
  EXPECT_EQ(known.seconds[0].planned_bytes, 50'000);
  EXPECT_EQ(known.segments[0].done.planned_images, 100);
  EXPECT_EQ(known.segments[0].done.planned_bytes, 100'000);

  const Account by_rows = account_for(run.path());
  EXPECT_EQ(by_rows.seconds[0].planned_images, 25);
  EXPECT_EQ(by_rows.seconds[0].planned_bytes, 25'000);
  EXPECT_EQ(to_json(known.summary), to_json(by_rows.summary));
}

TEST_F(AccountTest, ACutPartHasItsPlannedImagesAndBytesFromOneSource) {
  const record::FeedPart part{2, 3};
  FedRun run(folder(), 1, 10, "{}", part);
  const cycle::Plan plan = plan_of(1, 10);
  run.acknowledged(1, 0, kMs);
  run.note("cut", {{"unix_ns", FedRun::kT0 + 600 * kMs}, {"never_sent", 2}});
  run.write();

  const Stretch known = account_for(run.path(), part, &plan).segments[0].done;
  EXPECT_EQ(known.planned_images, 3);  // 1, 4, 7.
  EXPECT_EQ(known.planned_bytes, 3000);
  const Account by_rows = account_for(run.path(), part);
  EXPECT_EQ(by_rows.segments[0].done.planned_images, 1);
  EXPECT_EQ(by_rows.segments[0].done.planned_bytes, 1000);
  EXPECT_EQ(by_rows.summary.segments_cut, 1);
}

TEST_F(AccountTest, ThePlanAndTheRowsOfAFeedThatSentAllOfItAgree) {
  for (const record::FeedPart& part : {record::FeedPart{}, record::FeedPart{2, 3}}) {
    FedRun run(dir_ / part.role(), 3, 10, "{}", part);
    const cycle::Plan plan = plan_of(3, 10);
    run.acknowledge_rest(2 * kMs, 3 * kMs);
    run.write();
    EXPECT_EQ(seconds_table(account_for(run.path(), part)),
              seconds_table(account_for(run.path(), part, &plan)));
  }
}

// It passed for a feed that had been cut short at t0: the seconds without an image were gone, one segment was
// cut, and the image was dropped.
TEST_F(AccountTest, ARowThatIsMissingIsARowLess) {
  FedRun run(folder(), 4, 10);
  const cycle::Plan plan = plan_of(4, 10);
  for (std::int64_t id = 0; id < 30; ++id) {
    if (id != 17) {
      run.acknowledged(id, 0, kMs);
    }
  }
  run.write();

  const Account account = account_for(run.path());

  EXPECT_EQ(account.seconds.size(), 4U);
  EXPECT_EQ(account.seconds[1].sent_images, 9);
  EXPECT_EQ(account_for(run.path(), {}, &plan).seconds[1].planned_images, 10);
  EXPECT_EQ(account.summary.dropped, 0);
  EXPECT_EQ(account.summary.segments_cut, 0);
  EXPECT_EQ(account.summary.segments_out_of_bound, 1);  // The last, of which all ten are missing.
}

TEST_F(AccountTest, SecondsGoOnAfterThePlanWhileReportsCome) {
  FedRun run(folder(), 2, 10);
  run.acknowledged(19, 0, 3 * kS);
  run.acknowledge_rest(0, kMs);

  const Account account = account_of(run);

  ASSERT_EQ(account.seconds.size(), 5U);
  EXPECT_EQ(account.seconds[4].acknowledged_images, 1);
  EXPECT_TRUE(std::isnan(account.seconds[3].delivery.p50_ms));
  EXPECT_EQ(account.segments[1].done.acknowledged_images, 10);  // The last one holds what comes after.
}

TEST_F(AccountTest, APartCountsItsOwnImages) {
  FedRun run(folder(), 2, 10, "{}", {2, 3});
  run.acknowledge_rest(0, kMs);  // 1, 4, 7, 10, 13, 16, 19.

  const Account account = account_of(run, {2, 3});

  EXPECT_EQ(account.summary.planned, 7);
  EXPECT_EQ(account.summary.sent, 7);
  EXPECT_EQ(account.segments[0].done.planned_images, 3);
  EXPECT_EQ(account.segments[0].done.planned_bytes, 3000);
  EXPECT_EQ(account.segments[1].done.planned_images, 4);
  EXPECT_EQ(account.summary.segments_cut, 0);
  write_feed_tables(run.path(), account, {2, 3});
  EXPECT_TRUE(std::filesystem::exists(folder() / "feed-2.csv"));
  EXPECT_TRUE(std::filesystem::exists(folder() / "seconds-2.csv"));
}

TEST_F(AccountTest, AFeedThatSentNothingHasAnAccount) {
  FedRun run(folder(), 2, 10);
  run.note("cut", {{"unix_ns", FedRun::kT0 - kMs}, {"never_sent", 20}});

  const Account account = account_of(run);

  EXPECT_EQ(account.summary.sent, 0);
  EXPECT_TRUE(account.seconds.empty());
  EXPECT_FALSE(account.summary.first_sent_unix_ns);
  EXPECT_TRUE(std::isnan(account.summary.lateness.p50_ms));
  EXPECT_THAT(segments_table(account), HasSubstr("\n0,0,1,0.01,10000,10,0,0,0,0,0,0,,,,,,\n"));
}

// Whatever the order of the rows, a percentile is the value of nearest rank among those of its stretch.
TEST_F(AccountTest, PercentilesAreOfNearestRankOverRandomRuns) {
  std::mt19937_64 random(7);
  FedRun run(folder(), 5, 200);
  std::vector<std::int64_t> ids(1000);
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), random);
  std::vector<std::vector<double>> lateness(20);
  for (const std::int64_t id : ids) {
    const auto late = static_cast<std::int64_t>(random() % 3'000'000'000);
    run.acknowledged(id, late, late + static_cast<std::int64_t>(random() % 1'000'000'000));
    lateness[static_cast<std::size_t>((run.intended(id) + late - FedRun::kT0) / kS)].push_back(
        static_cast<double>(late) / 1e6);
  }

  const Account account = account_of(run);

  for (std::size_t second = 0; second < account.seconds.size(); ++second) {
    auto& values = lateness[second];
    std::sort(values.begin(), values.end());
    const Percentiles& got = account.seconds[second].lateness;
    if (values.empty()) {
      EXPECT_TRUE(std::isnan(got.p50_ms));
      continue;
    }
    EXPECT_NEAR(got.p50_ms, values[(values.size() + 1) / 2 - 1], 1e-3);
    EXPECT_NEAR(got.p99_ms, values[(values.size() * 99 + 99) / 100 - 1], 1e-3);
    EXPECT_NEAR(got.max_ms, values.back(), 1e-3);
  }
}

TEST_F(AccountTest, RowsThatNoFeedWroteAreLeftOut) {
  FedRun run(folder(), 1, 10);
  run.acknowledge_rest(0, kMs);
  run.write();
  std::ofstream(folder() / "sends.csv", std::ios::app) << "3,1000,1,9,1795284000000000000,-5,,unknown\n"
                                                          "x,1000,1,9,1795284000000000000,5,,unknown\n"
                                                          "3,1000,1,9,1795284000000000000,5,,sent\n"
                                                          "3,1000\n"
                                                          "4,1000,1,9,17952840000";
  EXPECT_EQ(account_for(folder()).summary.sent, 10);
}

TEST_F(AccountTest, FilesThatNoFeedWroteAreNamed) {
  FedRun run(folder(), 2, 10);
  run.acknowledge_rest(0, kMs);
  run.write();
  const auto message = [&] { return test::message_of<FailedError>([&] { return account_for(folder()); }); };

  std::ofstream(folder() / "sends.csv", std::ios::app)
      << "19,1000,1,9,1795284000000000000,9000000000000000000,,unknown\n";
  EXPECT_THAT(message(), AllOf(HasSubstr("sends.csv"), HasSubstr("image 19")));
  std::ofstream(folder() / "plan.csv") << "a,b\n";
  EXPECT_THAT(message(), HasSubstr("plan.csv"));
  std::ofstream(folder() / "plan.json") << "{}";
  EXPECT_THAT(message(), AllOf(HasSubstr("plan.json"), HasSubstr("images")));
}

/// One segment of 400 s, as `constant` makes it: windows of 2 s.
void make_one_segment(const FedRun& run) {
  std::ofstream(run.path() / "plan.csv") << "segment,start_s,duration_s,target_mbps,bytes,images\n"
                                         << "0,0,400,0.01,4000000,4000\n";
}

TEST_F(AccountTest, APauseWithinALongSegmentIsOutOfBound) {
  FedRun run(folder(), 400, 10);
  make_one_segment(run);
  for (std::int64_t id = 1000; id < 1020; ++id) {  // Two seconds go out in the two that follow.
    run.acknowledged(id, 2 * kS, 2 * kS + kMs);
  }
  run.acknowledge_rest(0, kMs);
  EXPECT_EQ(account_of(run).summary.segments_out_of_bound, 1);
}

TEST_F(AccountTest, AnOutageExcusesAPauseWithinALongSegment) {
  FedRun run(folder(), 400, 10);
  make_one_segment(run);
  for (std::int64_t id = 1000; id < 1020; ++id) {
    run.acknowledged(id, 2 * kS, 2 * kS + kMs);
  }
  run.acknowledge_rest(0, kMs);
  run.note("outage", outage(99'900, 102'000, 104'000));
  const Account account = account_of(run);
  EXPECT_EQ(account.summary.segments_out_of_bound, 0);
  EXPECT_EQ(account.summary.segments_excused, 1);
}

TEST_F(AccountTest, ALongSegmentOnItsPlanIsSound) {
  FedRun run(folder(), 400, 10);
  make_one_segment(run);
  run.acknowledge_rest(90 * kMs, 91 * kMs);
  const Account account = account_of(run);
  EXPECT_EQ(account.summary.segments_out_of_bound, 0);
  EXPECT_EQ(account.summary.segments_excused, 0);
}

TEST_F(AccountTest, ADroppedImageDoesNotExcuseWhatElseIsWrongWithItsSegment) {
  FedRun run(folder(), 3, 100, R"({"on_overload": "drop", "max_debt_s": 0.001})");
  run.dropped(5);
  for (std::int64_t id = 50; id < 60; ++id) {
    run.acknowledged(id, kS, kS + kMs);
  }
  run.acknowledge_rest(0, kMs);
  const Account account = account_of(run);
  EXPECT_EQ(account.summary.segments_excused, 0);
  EXPECT_EQ(account.summary.segments_out_of_bound, 2);
}

/// Ten seconds of 100 images each, then ten of one each, as a `steps:` profile makes them. The images of the
/// last tenth of a second before the step are sent `late_ns` late, all others on time.
std::filesystem::path make_a_step(const std::filesystem::path& folder, std::string_view settings,
                                  std::int64_t late_ns) {
  const FedRun run(folder, 20, 1, settings);
  write_json(folder / "plan.json", {{"partitions", 2},
                                    {"duration_s", 20},
                                    {"images", 1010},
                                    {"bytes", 1'010'000},
                                    {"largest_image_bytes", 1000}});
  std::ofstream(folder / "plan.csv") << "segment,start_s,duration_s,target_mbps,bytes,images\n"
                                     << "0,0,10,0.1,1000000,1000\n1,10,10,0.001,10000,10\n";
  std::ofstream sends(folder / "sends.csv");
  sends << "id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n";
  for (std::int64_t id = 0; id < 1010; ++id) {
    const std::int64_t due_ns = id < 1000 ? id * 10 * kMs + 5 * kMs : (id - 990) * kS + 500 * kMs;
    const std::int64_t sent_ns = due_ns + (id >= 990 && id < 1000 ? late_ns : 0);
    sends << fmt::format("{},1000,{},{},{},{},{},acknowledged\n", id, id % 2, id / 2, FedRun::kT0 + due_ns,
                         FedRun::kT0 + sent_ns, FedRun::kT0 + sent_ns + kMs);
  }
  return folder;
}

// The ten images made twice the bytes of the ten seconds after the step, whose own rate was what might come.
TEST_F(AccountTest, WhatTheDropPolicyLetsCrossAStepOfTheCurveIsSound) {
  constexpr const char* kDrop = R"({"on_overload": "drop", "max_debt_s": 0.1})";
  EXPECT_EQ(account_for(make_a_step(dir_ / "a", kDrop, 100 * kMs)).summary.segments_out_of_bound, 0);
  EXPECT_EQ(account_for(make_a_step(dir_ / "b", kDrop, 101 * kMs)).summary.segments_out_of_bound, 1);
  EXPECT_EQ(account_for(make_a_step(dir_ / "c", "{}", 100 * kMs)).summary.segments_out_of_bound, 1);
}

}  // namespace
}  // namespace kexp::feeder
