#include "kexp/feeder/feeder.hpp"

#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/kafka/topics.hpp"
#include "kexp/record/run_directory.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "support/recording_progress.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

std::vector<std::vector<std::string>> read_csv(const std::filesystem::path& file) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> cells;
    std::istringstream parts(line);
    for (std::string cell; std::getline(parts, cell, ',');) {
      cells.push_back(cell);
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

class FeederTest : public testing::Test {
 protected:
  FeederTest() {
    dataset::Writer writer(dir_ / "images.hdf5", "camera");
    for (const std::size_t size : {1000U, 3000U, 500U}) {
      writer.add(std::vector<std::uint8_t>(size, 7));
    }
    writer.finish();
    kafka_.add_topic("yolo_input", 3);
    options_.dataset = dir_ / "images.hdf5";
    options_.run = dir_ / "run";
    options_.broker_clock = false;  // Its records would count as sends.
    options_.curve.profile = "constant";
    options_.curve.duration_s = 2;
    options_.max_images_per_s = 10;
  }

  FeederResult run() {
    return run_feeder(options_, {kafka_, clock_, log_, progress_, metrics_}, stop_.get_token());
  }
  Json finished(std::string_view role = "feed") { return record::last_event(dir_ / "run", role, "finished"); }
  /// Ids of the records in the order of their arrival.
  std::vector<std::string> sent_ids() const {
    std::vector<std::string> ids;
    for (const test::FakeRecord& record : kafka_.records("yolo_input")) {
      ids.push_back(record.key);
    }
    return ids;
  }
  /// The producer has no room from image `id` on, for so long.
  void fill_queue(std::uint64_t id, Nanoseconds duration) {
    kafka_.on_send = [this, id, duration, until = SteadyTime()](const kafka::OutgoingRecord& record) mutable {
      if (record.tag == id && until == SteadyTime()) {
        until = clock_.now() + duration;
      }
      kafka_.set_queue_full(until != SteadyTime() && clock_.now() < until);
    };
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  test::RecordingProgress progress_;
  telemetry::Metrics metrics_;
  std::stop_source stop_;
  FeederOptions options_;
};

TEST_F(FeederTest, KeepsToTheScheduleWhenOneSendIsSlow) {
  options_.on_overload = OnOverload::burst;
  const SteadyTime start = clock_.now();
  int sends = 0;
  kafka_.on_send = [&](const kafka::OutgoingRecord&) {
    if (++sends == 4) {
      clock_.advance(1s);
    }
  };

  (void)run();

  // 500 ms of lead, then 20 slots of 100 ms with an image in the middle: the slow send is caught up.
  EXPECT_EQ(clock_.now() - start, 500ms + 2000ms);
  const Json last = finished();
  EXPECT_EQ(last.at("acknowledged"), 20);
  // Image 3 is on time, at 350 ms; those due at 450 to 1250 ms wait for it: 9 of 20.
  EXPECT_DOUBLE_EQ(last.at("late_over_1ms_fraction").get<double>(), 9.0 / 20);
  EXPECT_DOUBLE_EQ(last.at("lateness").at("max_ms").get<double>(), 900);
}

TEST_F(FeederTest, ADebtIsRepaidAtTwiceTheRateUnlessTold) {
  fill_queue(2, 400ms);

  (void)run();

  const Json last = finished();
  // Images 2 to 9 are late, by 400, 350, … 50 ms.
  EXPECT_DOUBLE_EQ(last.at("late_over_1ms_fraction").get<double>(), 8.0 / 20);
  EXPECT_DOUBLE_EQ(last.at("lateness").at("max_ms").get<double>(), 400);
  EXPECT_DOUBLE_EQ(last.at("worst_debt_s").get<double>(), 0.4);
  EXPECT_DOUBLE_EQ(last.at("queue_full_s").get<double>(), 0.4);
  EXPECT_EQ(last.at("queue_full"), 400);
}

TEST_F(FeederTest, WhatIsTooLateIsDroppedWhenThatIsChosen) {
  options_.on_overload = OnOverload::drop;
  fill_queue(2, 400ms);

  (void)run();

  const Json last = finished();
  EXPECT_EQ(last.at("dropped"), 3);
  EXPECT_EQ(last.at("never_sent"), 0);
  EXPECT_EQ(last.at("sent"), 17);
  EXPECT_EQ(last.at("failed_early"), false);
  const Json counts = read_json(dir_ / "run" / "run.json").at("counts");
  EXPECT_EQ(counts.at("dropped"), 3);
  EXPECT_EQ(counts.at("planned"), 20);
  EXPECT_THAT(metrics_.render(), HasSubstr("records_dropped_total{topic=\"yolo_input\"} 3"));
}

TEST_F(FeederTest, AnOverloadEndsTheFeedWhenThatIsChosen) {
  options_.on_overload = OnOverload::fail;
  fill_queue(2, 400ms);

  const FeederResult result = run();

  EXPECT_FALSE(result.interrupted);
  const Json last = finished();
  EXPECT_EQ(last.at("sent"), 2);
  EXPECT_EQ(record::last_event(dir_ / "run", "feed", "cut").at("never_sent"), 18);
  EXPECT_EQ(last.at("failed_early"), true);
  EXPECT_DOUBLE_EQ(last.at("worst_debt_s").get<double>(), 0.101);
  const Json why = record::last_event(dir_ / "run", "feed", "overload");
  EXPECT_EQ(why.at("id"), 2);
  EXPECT_DOUBLE_EQ(why.at("debt_s").get<double>(), 0.101);
  EXPECT_EQ(log_.count(LogLevel::error, "--max-debt"), 1U);
  EXPECT_EQ(read_json(dir_ / "run" / "run.json").at("verdict").at("state"), "INVALID");
}

TEST_F(FeederTest, WhatCannotBeNotedLeavesAllRows) {
  options_.on_overload = OnOverload::fail;
  fill_queue(2, 400ms);
  const std::filesystem::path events = dir_ / "run" / "feed.json";
  kafka_.on_flush = [&] {
    std::filesystem::remove(events);
    std::filesystem::create_directory(events);  // Takes no event.
  };

  EXPECT_THAT(test::message_of<Error>([&] { return run(); }), HasSubstr("feed.json"));

  EXPECT_EQ(read_csv(dir_ / "run" / "sends.csv").size(), 3U);  // The header and two images.
}

TEST_F(FeederTest, SeveralThreadsPlayTheOnePlan) {
  options_.threads = 3;

  (void)run();

  const auto ids = sent_ids();
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 20U);
  EXPECT_EQ(ids.size(), 20U);
  EXPECT_EQ(finished().at("acknowledged"), 20);
  options_.partitions = 3;
  EXPECT_EQ(read_json(dir_ / "run" / "plan.json").at("plan_hash"), prepare_plan(options_).plan_hash);
}

TEST_F(FeederTest, WhenOneThreadFailsTheOthersEnd) {
  options_.threads = 2;
  kafka_.on_send = [](const kafka::OutgoingRecord& record) {
    if (record.tag == 3) {
      throw kafka::KafkaError(ExitCode::failed, "MSG_SIZE_TOO_LARGE", false, "image 3 is too large");
    }
  };

  EXPECT_THAT(test::message_of<kafka::KafkaError>([&] { return run(); }), HasSubstr("too large"));

  EXPECT_EQ(finished().at("failed_early"), true);
}

TEST_F(FeederTest, ShardsShareOnePlanARunAndAStart) {
  options_.t0 = test::FakeClock::kStart + 3600s;
  options_.shard = {1, 2};
  const FeederResult first = run();
  test::FakeClock other_clock;
  options_.shard = {2, 2};
  const FeederResult second =
      run_feeder(options_, {kafka_, other_clock, log_, progress_, metrics_}, stop_.get_token());

  EXPECT_EQ(first.run_id, second.run_id);
  EXPECT_THAT(first.run_id, testing::StartsWith("20261121T190000Z-"));
  EXPECT_EQ(finished("feed-1").at("planned"), 10);
  EXPECT_EQ(finished("feed-2").at("planned"), 10);
  EXPECT_EQ(read_csv(dir_ / "run" / "sends-1.csv").at(1).at(0), "0");
  EXPECT_EQ(read_csv(dir_ / "run" / "sends-2.csv").at(1).at(0), "1");
  const auto records = kafka_.records("yolo_input");
  ASSERT_EQ(records.size(), 20U);
  for (const test::FakeRecord& record : records) {
    const std::int64_t after_t0_ns = std::stoll(*record.header("kexp-intended-ns")) - unix_ns(*options_.t0);
    EXPECT_EQ(after_t0_ns, 50'000'000 + 100'000'000 * std::stoll(record.key));
  }
}

TEST_F(FeederTest, AShardAnswersForItsOwnPart) {
  options_.t0 = test::FakeClock::kStart + 3600s;
  options_.shard = {2, 2};
  kafka_.hold_reports();
  EXPECT_EQ(run().counts.unknown, 10);
  test::FakeClock other_clock;
  test::FakeKafka other_kafka(other_clock);
  other_kafka.add_topic("yolo_input", 3);
  options_.shard = {1, 2};
  const FeederResult result =
      run_feeder(options_, {other_kafka, other_clock, log_, progress_, metrics_}, stop_.get_token());

  EXPECT_EQ(read_json(dir_ / "run" / "run.json").at("counts").at("unknown"), 10);
  EXPECT_EQ(result.counts.planned, 10);
  EXPECT_EQ(result.counts.acknowledged, 10);
  EXPECT_EQ(result.counts.unknown, 0);
  EXPECT_EQ(progress_.last("started", "images"), ProgressEvent::Value(std::int64_t{10}));
  EXPECT_EQ(progress_.last("started", "bytes"), ProgressEvent::Value(result.counts.sent_bytes));
}

TEST_F(FeederTest, AShardOfAnotherPlanIsRefused) {
  options_.t0 = test::FakeClock::kStart + 3600s;
  options_.shard = {1, 2};
  (void)run();
  test::FakeClock other_clock;
  options_.shard = {2, 2};
  options_.seed = 2;
  options_.shuffle = true;

  EXPECT_THAT(
      test::message_of<UsageError>([&] {
        return run_feeder(options_, {kafka_, other_clock, log_, progress_, metrics_}, stop_.get_token());
      }),
      HasSubstr("--run"));
}

TEST_F(FeederTest, AT0ThatIsTooNearIsRefused) {
  options_.t0 = test::FakeClock::kStart + 1999ms;
  EXPECT_THAT(test::message_of<UsageError>([&] { return run(); }),
              AllOf(HasSubstr("--t0"), HasSubstr("2 s ahead")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run"));
}

/// Steps the wall clock of a run while it waits for its t0.
class SteppingProgress final : public Progress {
 public:
  explicit SteppingProgress(test::FakeClock& clock) : clock_(clock) {}
  void report(const ProgressEvent& event) override {
    if (event.event == "waiting" && ++waits == 10) {
      clock_.step_wall(-3s);
    }
  }
  int waits = 0;

 private:
  test::FakeClock& clock_;
};

TEST_F(FeederTest, AClockThatIsSetWhileTheFeedWaitsMovesT0WithIt) {
  options_.t0 = test::FakeClock::kStart + 60s;
  SteppingProgress progress(clock_);
  const SteadyTime start = clock_.now();
  SteadyTime first_send;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    first_send = record.tag == 0 ? clock_.now() : first_send;
  };

  (void)run_feeder(options_, {kafka_, clock_, log_, progress, metrics_}, stop_.get_token());

  EXPECT_EQ(first_send - start, 63s + 50ms);
  EXPECT_EQ(progress.waits, 13);  // Every 5 s until a second before it.
  EXPECT_EQ(record::last_event(dir_ / "run", "feed", "clock_stepped").at("by_s"), -3.0);
  EXPECT_EQ(log_.count(LogLevel::warn, "clock_stepped"), 1U);
}

// run.json of a feed that was killed had nothing but the id.
TEST_F(FeederTest, BeforeTheFirstImageTheRunIsPartial) {
  Json run_json;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    if (record.tag == 0) {
      run_json = read_json(dir_ / "run" / "run.json");
    }
  };

  (void)run();

  EXPECT_EQ(run_json["verdict"]["state"], "PARTIAL");
  EXPECT_THAT(run_json["verdict"]["reasons"].dump(), HasSubstr("feed has not finished"));
  EXPECT_EQ(run_json["counts"]["unknown"], 20);
  EXPECT_EQ(run_json["plan"]["images"], 20);
}

TEST_F(FeederTest, APlanWithoutAnImageIsRefusedWithTheFlagToChange) {
  options_.curve.duration_s = 0.01;
  const auto planned = [&] { return test::message_of<UsageError>([&] { return prepare_plan(options_); }); };
  const auto fed = [&] { return test::message_of<UsageError>([&] { return run(); }); };
  EXPECT_THAT(planned(), HasSubstr("no image"));
  EXPECT_THAT(planned(), HasSubstr("raise --max-ips or --duration"));
  EXPECT_EQ(fed(), planned());
  options_.max_images_per_s.reset();
  options_.peak = ByteRate::bytes_per_second(1000);
  EXPECT_THAT(planned(), HasSubstr("raise --max-mbps or --duration"));
}

TEST_F(FeederTest, RecordsCarryTheContract) {
  const FeederResult result = run();

  const auto records = kafka_.records("yolo_input");
  ASSERT_EQ(records.size(), 20U);
  const Json plan = read_json(dir_ / "run" / "plan.json");
  EXPECT_EQ(records[7].key, "7");
  EXPECT_EQ(records[7].value.size(), 3000U);  // 7 mod 3 = 1.
  EXPECT_EQ(records[7].header("kexp-run"), result.run_id);
  EXPECT_EQ(records[7].header("kexp-segment"), "0");
  const std::int64_t intended_ns = std::stoll(*records[7].header("kexp-intended-ns"));
  EXPECT_EQ(records[7].timestamp_ms, intended_ns / 1'000'000);
  EXPECT_EQ(intended_ns - std::stoll(*records[0].header("kexp-intended-ns")), 700'000'000);
  EXPECT_EQ(plan.at("images"), 20);
}

TEST_F(FeederTest, PartitionsFollowThePlan) {
  (void)run();

  const PreparedPlan prepared = [&] {
    FeederOptions options = options_;
    options.partitions = 3;
    return prepare_plan(options);
  }();
  const auto records = kafka_.records("yolo_input");
  ASSERT_EQ(records.size(), prepared.plan.images().size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].partition, static_cast<std::int32_t>(prepared.plan.images()[i].partition));
  }
  EXPECT_EQ(read_json(dir_ / "run" / "plan.json").at("plan_hash"), prepared.plan_hash);
}

TEST_F(FeederTest, AFullQueueMakesImagesLateAndLosesNone) {
  int refused = 0;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    kafka_.set_queue_full(record.tag == 5 && ++refused <= 30);
  };

  (void)run();

  const Json last = finished();
  EXPECT_EQ(last.at("sent"), 20);
  EXPECT_EQ(last.at("queue_full"), 30);
  EXPECT_DOUBLE_EQ(last.at("lateness").at("max_ms").get<double>(), 30);
  EXPECT_EQ(kafka_.records("yolo_input").size(), 20U);
}

TEST_F(FeederTest, FailedAndUnansweredImagesAreInTheLedger) {
  kafka_.hold_reports();
  kafka_.fail_next("MSG_TIMED_OUT", 2);
  kafka_.on_flush = [&] {
    for (const std::uint64_t id : {0U, 1U, 2U, 3U}) {
      kafka_.release_report(id);
    }
  };

  const FeederResult result = run();

  const Json last = finished();
  EXPECT_EQ(last.at("planned"), 20);
  EXPECT_EQ(last.at("sent"), 20);
  EXPECT_EQ(last.at("acknowledged"), 2);
  EXPECT_EQ(last.at("failed"), 2);
  EXPECT_EQ(last.at("unknown"), 16);
  std::map<std::string, int> statuses;
  for (const auto& row : read_csv(dir_ / "run" / "sends.csv")) {
    statuses[row.back()] += 1;
  }
  EXPECT_EQ(statuses["failed:MSG_TIMED_OUT"], 2);
  EXPECT_EQ(statuses["acknowledged"], 2);
  EXPECT_EQ(statuses["unknown"], 16);
}

TEST_F(FeederTest, AStopEndsSendingAndIsMarked) {
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    if (record.tag == 9) {
      stop_.request_stop();
    }
  };

  const FeederResult result = run();

  EXPECT_TRUE(result.interrupted);
  const Json last = finished();
  EXPECT_EQ(last.at("sent"), 10);
  EXPECT_EQ(last.at("dropped"), 10);
  EXPECT_EQ(last.at("never_sent"), 10);
  EXPECT_EQ(last.at("interrupted"), true);
  const Json cut = record::last_event(dir_ / "run", "feed", "cut");
  EXPECT_EQ(cut.at("never_sent"), 10);
  // Image 9 was sent at 950 ms after t0.
  EXPECT_EQ(cut.at("unix_ns"), unix_ns(test::FakeClock::kStart + 500ms + 950ms));
}

TEST_F(FeederTest, WhatWasDueBeforeACutCountsAsPlannedThoughItHasNoRow) {
  options_.curve.duration_s = 10;
  options_.on_overload = OnOverload::burst;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    if (record.tag == 9) {
      clock_.advance(1200ms);  // Images 10 to 21 are due meanwhile.
      stop_.request_stop();
    }
  };

  (void)run();

  const auto rows = read_csv(dir_ / "run" / "seconds.csv");
  ASSERT_EQ(rows.size(), 1U + 3);
  const auto cell = [&](std::size_t second, const char* column) {
    const auto at = std::find(rows[0].begin(), rows[0].end(), column) - rows[0].begin();
    return rows.at(second + 1).at(static_cast<std::size_t>(at));
  };
  EXPECT_EQ(cell(0, "planned_images"), "10");
  EXPECT_EQ(cell(1, "planned_images"), "10");
  EXPECT_EQ(cell(1, "sent_images"), "0");
  EXPECT_EQ(cell(2, "planned_images"), "2");  // The cut was at 2.15 s, when the second of them was due.
}

TEST_F(FeederTest, APlanThatWasPlayedWholeHasNoCut) {
  (void)run();
  EXPECT_TRUE(record::last_event(dir_ / "run", "feed", "cut").is_null());
}

TEST_F(FeederTest, AStopBeforeTheLastAnswersIsMarked) {
  kafka_.hold_reports();
  kafka_.on_flush = [&] { stop_.request_stop(); };

  EXPECT_TRUE(run().interrupted);

  EXPECT_EQ(finished().at("interrupted"), true);
  EXPECT_EQ(finished().at("never_sent"), 0);
  EXPECT_EQ(finished().at("unknown"), 20);
}

TEST_F(FeederTest, APlanIsPlayedToItsEndThoughThatIsQuiet) {
  options_.curve.profile = "steps:" + dir_.write("steps.csv", "1,1\n4,0\n").string();
  const SteadyTime start = clock_.now();

  (void)run();

  EXPECT_EQ(clock_.now() - start, 500ms + 5s);
  EXPECT_EQ(finished().at("acknowledged"), 10);
  EXPECT_EQ(read_csv(dir_ / "run" / "seconds.csv").size(), 1U + 5);
  const Json phases = read_json(dir_ / "run" / "run.json").at("phases");
  EXPECT_EQ(phases.at("feed_start"), "2026-11-21T18:00:00.500Z");
  EXPECT_EQ(phases.at("feed_end"), "2026-11-21T18:00:05.500Z");
}

TEST_F(FeederTest, AStopEndsTheQuietTimeAndCutsNothing) {
  options_.curve.profile = "steps:" + dir_.write("steps.csv", "1,1\n4,0\n").string();
  kafka_.on_flush = [&] { stop_.request_stop(); };
  const SteadyTime start = clock_.now();

  const FeederResult result = run();

  EXPECT_EQ(clock_.now() - start, 500ms + 950ms);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.counts.acknowledged, result.counts.planned);
  EXPECT_EQ(finished().at("interrupted"), false);
  EXPECT_TRUE(record::last_event(dir_ / "run", "feed", "cut").is_null());
}

TEST_F(FeederTest, APlanWithoutAnImageIsRefused) {
  options_.max_images_per_s = 0.1;
  EXPECT_THAT(test::message_of<UsageError>([&] { return run(); }),
              AllOf(HasSubstr("no image"), HasSubstr("--max-ips")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run"));
}

// Of a full disk only the file was named, not that the topic still knows what was sent.
TEST_F(FeederTest, AFailureWithinTheSendingNamesTheCommandThatMendsTheRun) {
  kafka_.on_send = [](const kafka::OutgoingRecord&) { throw FailedError("cannot write sends.csv"); };

  EXPECT_THAT(test::message_of<FailedError>([&] { return run(); }),
              AllOf(HasSubstr("cannot write sends.csv"),
                    HasSubstr("kexp feed verify " + (dir_ / "run").string() + " --from-topic")));
  EXPECT_THAT(
      read_json(dir_ / "run" / "run.json").at("verdict").at("reasons").dump(),
      AllOf(HasSubstr("feed failed: cannot write sends.csv"), testing::Not(HasSubstr("--from-topic"))));
}

TEST_F(FeederTest, ARefusedSendEndsTheFeedWithALedgerThatAddsUp) {
  kafka_.on_send = [](const kafka::OutgoingRecord& record) {
    if (record.tag == 3) {
      throw kafka::KafkaError(ExitCode::failed, "MSG_SIZE_TOO_LARGE", false, "image 3 is too large");
    }
  };

  EXPECT_THAT(test::message_of<kafka::KafkaError>([&] { return run(); }), HasSubstr("too large"));

  const std::string events = read_file(dir_ / "run" / "feed.json");
  EXPECT_THAT(events, HasSubstr(R"("event":"failed")"));
  EXPECT_THAT(events, HasSubstr("image 3 is too large"));
  EXPECT_THAT(read_json(dir_ / "run" / "run.json").at("verdict").at("reasons").dump(),
              HasSubstr("feed failed: image 3 is too large"));
  const Json counts = read_json(dir_ / "run" / "run.json").at("counts");
  EXPECT_EQ(counts.at("planned"), 20);
  EXPECT_EQ(counts.at("sent"), 3);
  EXPECT_EQ(counts.at("dropped"), 17);
  EXPECT_EQ(counts.at("acknowledged"), 3);
  EXPECT_EQ(counts.at("unknown"), 0);
}

TEST_F(FeederTest, WhateverEndsAFeedIsNotedInItsRun) {
  kafka_.on_send = [](const kafka::OutgoingRecord&) { throw std::runtime_error("out of everything"); };

  EXPECT_THAT(test::message_of<std::runtime_error>([&] { return run(); }), HasSubstr("out of everything"));

  EXPECT_THAT(read_file(dir_ / "run" / "feed.json"), HasSubstr("out of everything"));
  EXPECT_EQ(read_json(dir_ / "run" / "run.json").at("counts").at("dropped"), 20);
}

TEST_F(FeederTest, ShowsEveryMetricOfItsRole) {
  (void)run();

  const std::string text = metrics_.render();
  for (const char* name :
       {"planned_records 20", "records_sent_total{topic=\"yolo_input\"} 20",
        "bytes_sent_total{topic=\"yolo_input\"}", "records_acknowledged_total{topic=\"yolo_input\"} 20",
        "records_dropped_total{topic=\"yolo_input\"} 0", "offered_bytes_per_second",
        "schedule_debt_seconds 0", "in_flight_records 0", "send_lateness_seconds_count 20",
        "delivery_duration_seconds_count 20"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
}

TEST_F(FeederTest, SegmentsAndSecondsSumUpToTheRun) {
  options_.curve.profile = "daynight";
  options_.curve.breakpoints = 24;
  options_.curve.n_cycles = 2;
  options_.curve.duration_s = 20;
  options_.max_images_per_s.reset();
  options_.peak = ByteRate::bytes_per_second(50'000);

  (void)run();

  const std::int64_t bytes = finished().at("acknowledged_bytes").get<std::int64_t>();
  for (const char* table : {"feed.csv", "seconds.csv"}) {
    const auto rows = read_csv(dir_ / "run" / table);
    const auto column = static_cast<std::size_t>(
        std::find(rows[0].begin(), rows[0].end(), "acknowledged_bytes") - rows[0].begin());
    std::int64_t sum = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      sum += std::stoll(rows[i].at(column));
    }
    EXPECT_EQ(sum, bytes) << table;
  }
  EXPECT_EQ(read_csv(dir_ / "run" / "feed.csv").size(), 1U + 48);
  EXPECT_EQ(finished().at("segments_out_of_bound"), 0);
}

TEST_F(FeederTest, AMissingTopicOrOtherPartitionsAreNamed) {
  options_.topic = "elsewhere";
  EXPECT_THAT(test::message_of<kafka::KafkaError>([&] { return run(); }), HasSubstr("elsewhere"));
  options_.topic = "yolo_input";
  options_.partitions = 5;
  EXPECT_THAT(test::message_of<UsageError>([&] { return run(); }),
              AllOf(HasSubstr("--partitions is 5"), HasSubstr("has 3")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run"));
}

TEST_F(FeederTest, ATopicThatOverwritesTheIntendedTimeIsRefused) {
  kafka_.set_topic_config("yolo_input", "message.timestamp.type", "LogAppendTime");

  EXPECT_THAT(test::message_of<UsageError>([&] { return run(); }), HasSubstr("LogAppendTime"));
}

TEST_F(FeederTest, ATopicThatDoesNotTakeTheLargestImageIsRefused) {
  kafka_.set_topic_config("yolo_input", "max.message.bytes", "2000");

  EXPECT_THAT(test::message_of<UsageError>([&] { return run(); }),
              AllOf(HasSubstr("--topic"), HasSubstr("2000"), HasSubstr("3000")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run"));
}

TEST_F(FeederTest, TheSameRoleTwiceOnOneRunIsAUsageError) {
  (void)run();

  EXPECT_THAT(test::message_of<UsageError>([&] { return run(); }), HasSubstr("--run"));
  EXPECT_EQ(kafka_.records("yolo_input").size(), 20U);
}

TEST_F(FeederTest, FlagsOutOfRangeAreNamed) {
  const auto message = [&](auto change) {
    FeederOptions options = options_;
    change(options);
    return test::message_of<UsageError>([&] { validate(options); });
  };
  EXPECT_THAT(message([](auto& o) { o.peak = ByteRate::megabytes_per_second(-3); }), HasSubstr("--max-mbps"));
  EXPECT_THAT(message([](auto& o) { o.max_images_per_s = 0; }), HasSubstr("--max-ips"));
  EXPECT_THAT(message([](auto& o) { o.topic = "a b"; }), HasSubstr("--topic"));
  EXPECT_THAT(message([](auto& o) { o.partitions = 0; }), HasSubstr("--partitions"));
  EXPECT_THAT(message([](auto& o) { o.delivery_timeout = 0s; }), HasSubstr("--delivery-timeout"));
  EXPECT_THAT(message([](auto& o) { o.threads = 0; }), HasSubstr("--threads"));
  EXPECT_THAT(message([](auto& o) { o.shard = {3, 2}; }), HasSubstr("--shard"));
  EXPECT_THAT(message([](auto& o) { o.shard = {1, 2}; }), AllOf(HasSubstr("--shard"), HasSubstr("--t0")));
  EXPECT_THAT(message([](auto& o) { o.max_debt = 999us; }), HasSubstr("--max-debt must be 0.001 to 86400"));
  EXPECT_NO_THROW(validate([&] {
    FeederOptions least = options_;
    least.max_debt = 1ms;
    return least;
  }()));
  EXPECT_THAT(message([](auto& o) {
                o.max_images_per_s.reset();
                o.curve.profile = "burst";
                o.burst_images = 3;
                o.on_overload = OnOverload::drop;
              }),
              AllOf(HasSubstr("--on-overload"), HasSubstr("--profile burst")));
}

TEST_F(FeederTest, APropertyThatHoldsASecretIsMasked) {
  options_.client.properties = {{"sasl.password", "hunter2"}, {"linger.ms", "5"}};

  (void)run();

  const std::string settings = read_file(dir_ / "run" / "feed.json");
  EXPECT_THAT(settings, testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(settings, HasSubstr("linger.ms"));
}

}  // namespace
}  // namespace kexp::feeder
