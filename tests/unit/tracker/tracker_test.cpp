#include "kexp/tracker/tracker.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/result.hpp"
#include "kexp/record/result_files.hpp"
#include "kexp/record/run_directory.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "support/recording_progress.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using tracker::run_tracker;
using tracker::TrackerOptions;
using tracker::TrackerResult;

constexpr const char* kTopic = "yolo_output";
constexpr std::int64_t kIntendedMs = 1'795'284'000'000;  // FakeClock's start.

constexpr const char* kSendsHeader = "id,bytes,partition,offset,intended_ns,sent_ns,acked_ns,status\n";

/// Time that passes while work is done: 20 ms with each look at it.
class BusyClock final : public Clock {
 public:
  explicit BusyClock(FakeClock& clock) : clock_(clock) {}
  [[nodiscard]] SteadyTime now() const override {
    clock_.advance(20ms);
    return clock_.now();
  }
  [[nodiscard]] WallTime wall_now() const override { return clock_.wall_now(); }
  [[nodiscard]] bool sleep_until(SteadyTime deadline, std::stop_token stop) override {
    return clock_.sleep_until(deadline, std::move(stop));
  }

 private:
  FakeClock& clock_;
};

class TrackerTest : public testing::Test {
 protected:
  TrackerTest() {
    kafka_.add_topic(kTopic, 2);
    options_.run = temp_ / "run";
    kafka_.on_idle_poll = [this] {
      clock_.advance(100ms);
      if (on_idle_) {
        on_idle_(++idle_polls_);
      }
    };
  }

  [[nodiscard]] record::Result answer(const std::string& id) const {
    record::Result r;
    r.id = id;
    r.run = feed_.id();
    r.model = "yolov5n";
    r.queue_ms = 10;
    r.inf_ms = 50;
    r.start_time_ms = kIntendedMs;
    r.end_time_ms = kIntendedMs + 10;
    r.done_time_ms = kIntendedMs + 70;
    return r;
  }
  void send(const record::Result& result) { send_text(result.run, to_json_text(result)); }
  void send(const std::string& id) { send(answer(id)); }
  /// An answer as somebody else may send it; an empty run is no header.
  void send_text(const std::string& run, const std::string& text, const std::string& key = "") {
    FakeRecord record;
    record.partition = static_cast<std::int32_t>(sent_++ % 2);
    record.key = key;
    record.value.assign(text.begin(), text.end());
    if (!run.empty()) {
      record.headers.emplace_back("kexp-run", run);
    }
    kafka_.add_record(kTopic, std::move(record));
  }

  /// The feed of the run ends; image i lies at offset i of partition 0.
  void finish_feed(const std::vector<std::string>& statuses) {
    std::string csv = kSendsHeader;
    for (std::size_t id = 0; id < statuses.size(); ++id) {
      csv += csv_line(id, 100, 0, id, 1, 2, 3, statuses[id]);
    }
    std::ofstream(options_.run / "sends.csv") << csv;
    feed_.append(
        "finished",
        {{"planned", statuses.size()}, {"late_over_1ms_fraction", 0.0}, {"late_over_100ms_fraction", 0.0}},
        clock_.wall_now());
  }

  /// Joins one that has written its first event, and `next`.
  void feed_on_another_host(const std::string& next) {
    static_cast<void>(record::RunDirectory::join(options_.run, "feed", Json::object(), FakeClock::kStart));
    std::ofstream(options_.run / "feed.json")
        << R"({"event":"started","time":"2026-11-21T16:00:00Z","host":"far away","settings":{}})" << '\n'
        << next;
  }

  TrackerResult track() {
    return run_tracker(options_, {kafka_, clock_, log_, progress_, metrics_}, stop_.get_token());
  }
  /// Tracks what the topic holds now.
  TrackerResult track_and_stop() {
    stop_.request_stop();
    return track();
  }
  /// As `track`, with a clock that goes on while there is work.
  TrackerResult track_busily() {
    BusyClock clock(clock_);
    return run_tracker(options_, {kafka_, clock, log_, progress_, metrics_}, stop_.get_token());
  }

  [[nodiscard]] std::string only_file(const char* folder) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.run / folder)) {
      files.push_back(entry.path());
    }
    EXPECT_EQ(files.size(), 1U);
    return files.empty() ? "" : read_file(files.front());
  }
  [[nodiscard]] std::vector<std::string> ids_in(const char* folder) const {
    for (const auto& entry : fs::directory_iterator(options_.run / folder)) {
      CsvReader reader(entry.path());
      std::vector<std::string> ids;
      const auto column = reader.next() ? reader.position("id") : std::nullopt;
      while (reader.next()) {
        ids.emplace_back(reader.row().at(column.value()));
      }
      return ids;
    }
    return {};
  }

  TempDir temp_;
  FakeClock clock_;
  FakeKafka kafka_{clock_};
  CapturingLog log_;
  RecordingProgress progress_;
  telemetry::Metrics metrics_;
  std::stop_source stop_;
  TrackerOptions options_;
  std::function<void(int polls)> on_idle_;
  int idle_polls_ = 0;
  std::size_t sent_ = 0;
  record::RunDirectory feed_ =
      record::RunDirectory::join(temp_ / "run", "feed", Json::object(), FakeClock::kStart);
};

TEST_F(TrackerTest, WritesAnAnswerAndItsDetections) {
  record::Result r = answer("7");
  r.detections = {{0, "person", 0.5, {1, 2, 3, 4}}, {2, "car", 0.25, {5, 6, 7, 8}}};
  send(r);
  track_and_stop();
  EXPECT_THAT(only_file("results"), HasSubstr(",yolov5n,[],0,0,50,0,10,1795284000000,1795284000010,7,0,"));
  EXPECT_EQ(only_file("detections"),
            "id,class_id,label,confidence,x,y,width,height\n"
            "7,0,person,0.5,1,2,3,4\n"
            "7,2,car,0.25,5,6,7,8\n");
}

TEST_F(TrackerTest, ReadsAllPartitionsFromTheirBeginning) {
  for (const char* id : {"0", "1", "2", "3", "4"}) {
    send(id);
  }
  EXPECT_EQ(track_and_stop().counts.processed, 5);
  EXPECT_THAT(ids_in("results"), testing::UnorderedElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(TrackerTest, FromLatestLeavesOutWhatWasThere) {
  send("0");
  send("1");
  options_.from = TrackerOptions::From::latest;
  on_idle_ = [this](int polls) { polls == 1 ? send("2") : void(stop_.request_stop()); };
  track();
  EXPECT_THAT(ids_in("results"), ElementsAre("2"));
}

TEST_F(TrackerTest, CommitsNothingAndJoinsNoGroup) {
  send("0");
  track_and_stop();
  EXPECT_EQ(kafka_.consumer_options().group, "");
}

TEST_F(TrackerTest, EndsWhenEveryAcknowledgedImageHasItsAnswer) {
  options_.until_complete = true;
  send("0");
  send("1");
  on_idle_ = [this](int polls) {
    if (polls == 20) {
      finish_feed({"acknowledged", "acknowledged", "acknowledged"});
    } else if (polls == 60) {
      send("2");
    }
  };
  const TrackerResult result = track();
  EXPECT_EQ(result.complete, true);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.verdict, "VALID");
  EXPECT_GE(idle_polls_, 60);
  EXPECT_LT(idle_polls_, 80);
}

TEST_F(TrackerTest, DoesNotWaitForImagesThatWereNotAcknowledged) {
  options_.until_complete = true;
  send("0");
  finish_feed({"acknowledged", "failed:_MSG_TIMED_OUT", "dropped"});
  const TrackerResult result = track();
  EXPECT_EQ(result.complete, true);
  EXPECT_EQ(result.verdict, "INVALID");
}

TEST_F(TrackerTest, AnswersThatCameBeforeTheFeedsEndCount) {
  options_.until_complete = true;
  on_idle_ = [this](int polls) {
    if (polls == 10) {
      send("0");
    } else if (polls == 30) {
      finish_feed({"acknowledged"});
    }
  };
  EXPECT_EQ(track().complete, true);
}

TEST_F(TrackerTest, GivesUpWhenNothingNewComes) {
  options_.until_complete = true;
  options_.timeout = 30s;
  send("0");
  finish_feed({"acknowledged", "acknowledged"});
  const TrackerResult result = track();
  EXPECT_EQ(result.complete, false);
  EXPECT_EQ(result.verdict, "INVALID");
  EXPECT_THAT(result.reasons, ElementsAre(HasSubstr("1 acknowledged")));
  EXPECT_EQ(read_json(options_.run / "ledger.json")["missing"]["ids"], Json({"1"}));
  EXPECT_GT(clock_.now().time_since_epoch(), 30s);
  EXPECT_LT(clock_.now().time_since_epoch(), 33s);
}

TEST_F(TrackerTest, EveryNewAnswerStartsTheTimeoutAgain) {
  options_.until_complete = true;
  options_.timeout = 30s;
  finish_feed(std::vector<std::string>(4, "acknowledged"));
  on_idle_ = [this](int polls) {
    if (polls % 250 == 0 && polls <= 1000) {  // Every 25 s.
      send(std::to_string(polls / 250 - 1));
    }
  };
  EXPECT_EQ(track().complete, true);
}

TEST_F(TrackerTest, ADuplicateDoesNotStartTheTimeoutAgain) {
  options_.until_complete = true;
  options_.timeout = 30s;
  send("0");
  finish_feed({"acknowledged", "acknowledged"});
  on_idle_ = [this](int polls) {
    if (polls % 250 == 0) {
      send("0");
    }
  };
  EXPECT_EQ(track().complete, false);
}

TEST_F(TrackerTest, DuplicatesAreWrittenAndMeasuredOnce) {
  record::Result r = answer("0");
  r.detections = {{0, "person", 0.5, {}}};
  send(r);
  r.done_time_ms += 5000;
  send(r);
  finish_feed({"acknowledged"});
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.answers, 2);
  EXPECT_EQ(result.counts.processed, 1);
  EXPECT_EQ(result.counts.duplicates, 1);
  EXPECT_EQ(result.counts.detections, 1);
  EXPECT_EQ(ids_in("results").size(), 2U);
  EXPECT_EQ(result.latency[5].first, "end_to_end");
  EXPECT_EQ(result.latency[5].second.count, 1U);
  EXPECT_EQ(result.verdict, "VALID");
}

TEST_F(TrackerTest, AnswersOfOtherRunsAreCountedApart) {
  send("0");
  record::Result foreign = answer("1");
  foreign.run = "20261101T000000Z-aaaa";
  send(foreign);
  send_text("", to_json_text(foreign));
  send_text("", R"({"id":"2"})");
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.foreign, 3);
  EXPECT_EQ(result.counts.answers, 1);
  EXPECT_THAT(ids_in("results"), ElementsAre("0"));
  EXPECT_EQ(log_.count(LogLevel::warn, "foreign_run=20261101T000000Z-aaaa"), 1U);
}

TEST_F(TrackerTest, AnAnswerWithoutAHeaderBelongsToTheRunThatItNames) {
  send_text("", to_json_text(answer("0")));
  EXPECT_EQ(track_and_stop().counts.processed, 1);
}

TEST_F(TrackerTest, AnyRunTakesAllAnswers) {
  options_.any_run = true;
  record::Result foreign = answer("1");
  foreign.run = "20261101T000000Z-aaaa";
  send(foreign);
  send_text("", R"({"id":"2"})");
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.processed, 2);
  EXPECT_EQ(result.counts.foreign, 0);
}

TEST_F(TrackerTest, RecordsThatAreNoAnswerAreCountedAndTheFirstOnesLogged) {
  for (int i = 0; i < 8; ++i) {
    send_text(feed_.id(), "{\"id\":");
  }
  send_text(feed_.id(), "");
  send_text(feed_.id(), R"({"model":"x"})");
  send("0");
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.invalid, 10);
  EXPECT_EQ(result.counts.processed, 1);
  EXPECT_EQ(log_.count(LogLevel::warn, "invalid topic=yolo_output"), 5U);
}

TEST_F(TrackerTest, TheKeyOrThePlaceOfTheImageStandsInForTheId) {
  options_.any_run = true;
  send_text("", R"({"model":"x"})", "17");
  send_text("", R"({"partition":3,"offset":99})");
  track_and_stop();
  EXPECT_THAT(ids_in("results"), testing::UnorderedElementsAre("17", "3-99"));
}

TEST_F(TrackerTest, MeasuresFromTheIntendedTime) {
  clock_.advance(100ms);
  send("0");
  const TrackerResult result = track_and_stop();
  const Json latency = record::last_event(options_.run, "track", "finished")["latency"];
  EXPECT_NEAR(latency["end_to_end"]["max_ms"].get<double>(), 70, 0.1);
  EXPECT_NEAR(latency["queue"]["max_ms"].get<double>(), 10, 0.1);
  EXPECT_NEAR(latency["inf"]["max_ms"].get<double>(), 50, 0.1);
  EXPECT_NEAR(latency["receive"]["max_ms"].get<double>(), 30, 0.1);
  EXPECT_EQ(result.latency.size(), latency.size());
}

TEST_F(TrackerTest, MetricsAreInSeconds) {
  send("0");
  track_and_stop();
  const std::string text = metrics_.render();
  EXPECT_THAT(text, HasSubstr("kexp_end_to_end_seconds_sum 0.07"));
  EXPECT_THAT(text, HasSubstr("kexp_result_stage_seconds_sum{stage=\"inf\"} 0.05"));
  EXPECT_THAT(text, HasSubstr("kexp_results_received_total{model=\"yolov5n\"} 1"));
}

// Names come from outside: each new one was a series more.
TEST_F(TrackerTest, OnlySixteenModelsAreShownByTheirNames) {
  for (int i = 0; i < 40; ++i) {
    record::Result r = answer(std::to_string(i));
    r.model = "model-" + std::to_string(i % 20);
    send(r);
  }
  track_and_stop();
  std::size_t names = 0;
  const std::string text = metrics_.render();
  for (std::size_t at = text.find("{model=\"model-"); at != std::string::npos;
       at = text.find("{model=\"model-", at + 1)) {
    ++names;
  }
  EXPECT_EQ(names, 16U);
  EXPECT_THAT(text, HasSubstr("kexp_results_received_total{model=\"other\"} 8\n"));
}

TEST_F(TrackerTest, ImagesThatCouldNotBeProcessedAreAnswersWithoutStages) {
  record::Result r = answer("0");
  r.errors = 1;
  r.error = "no JPEG";
  send(r);
  finish_feed({"acknowledged"});
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.errors, 1);
  EXPECT_EQ(result.verdict, "VALID");
  const Json latency = record::last_event(options_.run, "track", "finished")["latency"];
  EXPECT_EQ(latency["inf"]["count"], 0);
  EXPECT_EQ(latency["end_to_end"]["count"], 1);
}

TEST_F(TrackerTest, NumbersBeyondSenseBreakNothing) {
  options_.any_run = true;
  send_text("", R"({"id":"0","timestamps":{"inf":1e300,"queue":-1e300},"done_time":1})");
  EXPECT_EQ(track_and_stop().counts.processed, 1);
}

TEST_F(TrackerTest, AStopRequestDrainsWhatTheTopicHolds) {
  for (int i = 0; i < 500; ++i) {
    send(std::to_string(i));
  }
  const TrackerResult result = track_and_stop();
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.counts.processed, 500);
  EXPECT_FALSE(result.complete.has_value());
  EXPECT_EQ(result.verdict, "PARTIAL");
}

TEST_F(TrackerTest, AStopRequestDrainsForTenSecondsAtMost) {
  for (int i = 0; i < 3000; ++i) {
    send(std::to_string(i));
  }
  stop_.request_stop();

  const TrackerResult result = track_busily();

  EXPECT_LT(result.counts.processed, 1000);
  EXPECT_LT(clock_.now().time_since_epoch(), 11s);
  EXPECT_EQ(log_.count(LogLevel::warn, "not drained within 10 s"), 1U);
}

// A tracker that goes on finds all answers in its files, and would end before it has counted duplicates.
TEST_F(TrackerTest, ATrackerThatIsCompleteDrainsAsLongAsRecordsCome) {
  options_.until_complete = true;
  finish_feed({"acknowledged"});
  send("0");
  track();
  for (int i = 0; i < 3000; ++i) {
    send("0");
  }

  const TrackerResult result = track_busily();

  EXPECT_EQ(result.counts.duplicates, 3000);
  EXPECT_GT(clock_.now().time_since_epoch(), 30s);
  EXPECT_EQ(log_.count(LogLevel::warn, "not drained"), 0U);
}

TEST_F(TrackerTest, ABrokerThatIsGoneEndsTheDrainWithAWarning) {
  on_idle_ = [this](int) {
    kafka_.set_down(true);
    stop_.request_stop();
  };
  send("0");
  EXPECT_EQ(track().counts.processed, 1);
  EXPECT_EQ(log_.count(LogLevel::warn, "not drained"), 1U);
}

TEST_F(TrackerTest, ASecondTrackerOfARunIsRefusedWhileTheFirstIsAtWork) {
  const auto first = record::RunDirectory::join(options_.run, "track", Json::object(), FakeClock::kStart);
  EXPECT_THAT(message_of<UsageError>([&] { return track(); }),
              AllOf(HasSubstr("--run"), HasSubstr("at work")));
  EXPECT_FALSE(fs::exists(options_.run / "results"));
}

TEST_F(TrackerTest, GoesOnWhereAKilledTrackerHasEnded) {
  record::Result r = answer("0");
  r.detections = {{0, "person", 0.5, {}}};
  send(r);
  for (const char* id : {"1", "2", "2", "3"}) {
    send(id);
  }
  track_and_stop();
  const fs::path results = fs::directory_iterator(options_.run / "results")->path();
  fs::resize_file(results, fs::file_size(results) - 10);  // Within the last line.
  const std::string before = read_file(results);
  clock_.advance(10s);
  send("4");

  const TrackerResult result = track_and_stop();

  EXPECT_EQ(result.counts.answers, 6);
  EXPECT_EQ(result.counts.processed, 5);
  EXPECT_EQ(result.counts.duplicates, 1);
  EXPECT_EQ(result.counts.detections, 1);
  EXPECT_EQ(result.latency[5].second.count, 5U);
  EXPECT_THAT(ids_in("results"), testing::UnorderedElementsAre("0", "1", "2", "2", "3", "4"));
  EXPECT_TRUE(only_file("results").starts_with(before.substr(0, before.rfind('\n') + 1)));
  EXPECT_THAT(only_file("detections"), HasSubstr("\n0,0,person,"));
  EXPECT_EQ(read_json(options_.run / "run.json")["counts"]["answers"], 6);
}

TEST_F(TrackerTest, GoesOnInANewFileWhereTheOldOneHasNoColumnError) {
  constexpr const char* kRow = "a,yolov5n,\"[1]\",0,0,0,0,12,1,2,0,0,r1,n,p,opencv,1,0,0,0,3,0,0,5,6,0,0,0\n";
  fs::create_directories(options_.run / "results");
  fs::create_directories(options_.run / "detections");
  const fs::path before = options_.run / "results" / "20261101T000000Z.csv";
  write_file_atomically(before, record::earlier_result_header() + kRow);
  write_file_atomically(options_.run / "detections" / before.filename(), record::detection_header());
  send("0");
  record::Result failed = answer("1");
  failed.errors = 1;
  failed.error = "no image";
  send(failed);

  const TrackerResult result = track_and_stop();

  EXPECT_EQ(result.counts.answers, 2);
  EXPECT_EQ(result.counts.errors, 1);
  EXPECT_EQ(read_file(before), record::earlier_result_header() + kRow);
  const std::vector<fs::path> files = record::result_files(options_.run);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_TRUE(read_file(files[1]).starts_with(record::result_header()));
  EXPECT_TRUE(read_file(files[1]).ends_with(",no image\n"));
}

TEST_F(TrackerTest, AnswersAfterTheEndOfATrackerAreTold) {
  for (const char* id : {"0", "1", "2", "3"}) {
    send(id);
    finish_feed(std::vector<std::string>(4, "acknowledged"));
    clock_.advance(1s);
    track_and_stop();
    clock_.advance(1s);
  }
  const Json ledger = read_json(options_.run / "ledger.json");
  EXPECT_EQ(ledger["late"]["after_end"], 3);  // All but the first.
  EXPECT_EQ(ledger["counts"]["missing"], 0);
}

// A counter that begins with old counts would look like a burst of answers.
TEST_F(TrackerTest, MetricsOfATrackerThatGoesOnBeginAnew) {
  send("0");
  send("1");
  track_and_stop();
  send("2");
  telemetry::Metrics metrics;
  static_cast<void>(run_tracker(options_, {kafka_, clock_, log_, progress_, metrics}, stop_.get_token()));
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_results_received_total{model=\"yolov5n\"} 1\n"));
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_end_to_end_seconds_count 1\n"));
}

TEST_F(TrackerTest, WhatIsInNoFileIsCountedAnew) {
  record::Result foreign = answer("1");
  foreign.run = "20261101T000000Z-aaaa";
  send(foreign);
  send_text(feed_.id(), "{\"id\":");
  send("0");
  track_and_stop();
  send(foreign);
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.foreign, 2);
  EXPECT_EQ(result.counts.invalid, 1);
  EXPECT_EQ(result.counts.answers, 1);
}

TEST_F(TrackerTest, FromLatestGoesOnWhereItBeganAtFirst) {
  send("0");
  send("1");
  options_.from = TrackerOptions::From::latest;
  track_and_stop();
  send("2");
  send("3");
  track_and_stop();
  EXPECT_THAT(ids_in("results"), testing::UnorderedElementsAre("2", "3"));
}

TEST_F(TrackerTest, ATopicThatWasMadeAnewIsNotMixedIn) {
  for (const char* id : {"0", "1", "2", "3"}) {
    send(id);
  }
  track_and_stop();
  kafka_.delete_topic(kTopic);
  kafka_.add_topic(kTopic, 2);
  send("4");
  EXPECT_THAT(message_of<UsageError>([&] { return track_and_stop(); }), HasSubstr("--topic yolo_output"));
  EXPECT_EQ(ids_in("results").size(), 4U);
}

TEST_F(TrackerTest, AnotherTopicForTheSameRunIsRefused) {
  send("0");
  track_and_stop();
  kafka_.add_topic("elsewhere", 1);
  options_.topic = "elsewhere";
  EXPECT_THAT(message_of<UsageError>([&] { return track(); }), HasSubstr("--topic was \"yolo_output\""));
}

TEST_F(TrackerTest, RecordsThatWereDeletedUnreadAreWarnedOf) {
  send("0");
  send("1");
  track_and_stop();
  for (const char* id : {"2", "3", "4", "5"}) {
    send(id);
  }
  kafka_.delete_before(kTopic, 0, 2);
  track_and_stop();
  EXPECT_EQ(log_.count(LogLevel::warn, "partition=0 deleted=1"), 1U);
  EXPECT_EQ(log_.count(LogLevel::warn, "deleted="), 1U);
}

// Answers of the days before would be read, and counted as foreign.
TEST_F(TrackerTest, BeginsWhereTheRunDid) {
  FakeRecord old;
  old.headers.emplace_back("kexp-run", "20261101T000000Z-aaaa");
  old.timestamp_ms = kIntendedMs - 3'600'000;
  kafka_.add_record(kTopic, old);
  old.timestamp_ms = kIntendedMs - 60'000;  // The clock of another host may be behind.
  old.headers.front().second = feed_.id();
  old.key = "0";
  old.value = {'{', '}'};
  kafka_.add_record(kTopic, old);
  clock_.advance(24h);  // A tracker that joins late.
  const TrackerResult result = track_and_stop();
  EXPECT_EQ(result.counts.foreign, 0);
  EXPECT_THAT(ids_in("results"), ElementsAre("0"));
}

TEST_F(TrackerTest, AFeedThatWasKilledIsNotWaitedForForEver) {
  options_.until_complete = true;
  options_.timeout = 30s;
  send("0");
  feed_ = record::RunDirectory::open(options_.run);  // The lock goes with the process.
  const TrackerResult result = track();
  EXPECT_FALSE(result.complete.has_value());
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.verdict, "PARTIAL");
  EXPECT_EQ(log_.count(LogLevel::warn, "a feed of the run was killed"), 1U);
  EXPECT_GT(clock_.now().time_since_epoch(), 30s);
  EXPECT_LT(clock_.now().time_since_epoch(), 33s);
}

TEST_F(TrackerTest, TellsGoodputAndStages) {
  std::ofstream(options_.run / "plan.csv")
      << "segment,start_s,duration_s,target_mbps,bytes,images\n0,0,2,1,300,3\n";
  const std::int64_t t0 = kIntendedMs * 1'000'000;
  std::ofstream(options_.run / "sends.csv")
      << kSendsHeader << csv_line(0, 9, 0, 0, t0, t0 + 2'000'000, t0 + 5'000'000, "acknowledged")
      << csv_line(1, 9, 0, 1, t0, t0 + 2'000'000, t0 + 5'000'000, "acknowledged");
  feed_.append("finished",
               {{"planned", 2}, {"late_over_1ms_fraction", 0.0}, {"late_over_100ms_fraction", 0.0}},
               clock_.wall_now());
  options_.deadline = 100ms;
  clock_.advance(1s);
  send("0");
  record::Result late = answer("1");
  late.done_time_ms = kIntendedMs + 101;
  send(late);

  track_and_stop();

  const Json run = read_json(options_.run / "run.json");
  EXPECT_EQ(run["goodput"]["in_time"], 1);
  EXPECT_EQ(run["goodput"]["late"], 1);
  EXPECT_EQ(run["goodput"]["deadline_s"], 0.1);
  EXPECT_NEAR(run["stages"]["lateness"]["max_ms"].get<double>(), 2, 0.01);
  EXPECT_NEAR(run["stages"]["wait"]["max_ms"].get<double>(), 5, 0.01);
  EXPECT_EQ(run["clocks"]["worst_ms"], 0.0);
  const Json ledger = read_json(options_.run / "ledger.json");
  EXPECT_EQ(ledger["late"]["ids"], Json({"1"}));
  EXPECT_EQ(ledger["goodput"]["share"], 0.5);
  EXPECT_THAT(read_file(options_.run / "goodput.csv"), HasSubstr("\n0,0,2,3,2,1,1,0,0,0.5,0.5,"));
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_results_in_time_total 1\n"));
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_results_late_total 1\n"));
  EXPECT_THAT(metrics_.render(), HasSubstr("kexp_results_deadline_seconds 0.1\n"));
}

TEST_F(TrackerTest, SaysThatTheClocksDiffer) {
  send("0");  // Done 70 ms ahead of the clock here.
  finish_feed({"acknowledged"});
  track_and_stop();
  EXPECT_EQ(log_.count(LogLevel::warn, "clocks_differ_ms=70"), 1U);
  EXPECT_EQ(read_json(options_.run / "run.json")["clocks"]["answered_before_done"], 1);
}

TEST_F(TrackerTest, TellsHowManyImagesHaveNoAnswerYet) {
  std::ofstream(options_.run / "sends.csv")
      << kSendsHeader << "0,9,0,0,1,2,3,acknowledged\n1,9,0,1,1,2,3,failed:X\n2,9,0,2,1,2,3,acknow";
  send("0");
  on_idle_ = [this](int polls) {
    if (polls == 20) {
      std::ofstream(options_.run / "sends.csv", std::ios::app)
          << "ledged\n3,9,0,2,1,2,3,acknowledged\n4,9,0,2,1,2,3,acknowledged\n";
    } else if (polls == 60) {
      stop_.request_stop();
    }
  };
  track();
  EXPECT_EQ(std::get<std::int64_t>(progress_.last("progress", "unanswered").value()), 3);
  EXPECT_EQ(std::get<double>(progress_.last("progress", "in_time_share").value()), 1.0);
}

TEST_F(TrackerTest, WithoutTheTopicNothingIsJoined) {
  options_.topic = "elsewhere";
  EXPECT_THAT(message_of<kafka::KafkaError>([&] { return track(); }), HasSubstr("elsewhere"));
  EXPECT_FALSE(fs::exists(options_.run / "track.json"));
}

TEST_F(TrackerTest, WithoutABrokerNothingIsJoined) {
  kafka_.set_down(true);
  EXPECT_THROW(static_cast<void>(track()), UnavailableError);
  EXPECT_FALSE(fs::exists(options_.run / "track.json"));
}

TEST_F(TrackerTest, WhatCameBeforeAFailureIsKept) {
  send("0");
  on_idle_ = [this](int) {
    kafka_.fail_next_poll(kafka::KafkaError(ExitCode::unavailable, "_ALL_BROKERS_DOWN", true, "gone"));
  };
  EXPECT_THAT(message_of<kafka::KafkaError>([&] { return track(); }), HasSubstr("gone"));
  EXPECT_THAT(ids_in("results"), ElementsAre("0"));
  EXPECT_EQ(record::last_event(options_.run, "track", "failed")["error"], "gone");
  EXPECT_EQ(read_json(options_.run / "run.json")["verdict"]["state"], "PARTIAL");
}

// Only our own errors were noted; a run whose tracker ran out of memory looked like one that was killed.
TEST_F(TrackerTest, WhateverEndsItIsNotedInTheRun) {
  send("0");
  on_idle_ = [](int) { throw std::bad_alloc(); };
  EXPECT_THROW(track(), std::bad_alloc);
  EXPECT_THAT(ids_in("results"), ElementsAre("0"));
  EXPECT_EQ(record::last_event(options_.run, "track", "failed")["error"], "std::bad_alloc");
}

TEST_F(TrackerTest, AFileThatCannotBeWrittenIsNamedAlsoInTheRun) {
  std::ofstream(options_.run / "results") << "in the way";
  EXPECT_THAT(message_of<FailedError>([&] { return track_and_stop(); }), HasSubstr("results"));
  EXPECT_THAT(record::last_event(options_.run, "track", "failed")["error"].get<std::string>(),
              HasSubstr("results"));
}

TEST_F(TrackerTest, AnswersReachTheFileWithinASecond) {
  send("0");
  std::string seen;
  on_idle_ = [&](int polls) {
    if (polls == 12) {
      seen = only_file("results");
      stop_.request_stop();
    }
  };
  track();
  EXPECT_EQ(seen, only_file("results"));
}

TEST_F(TrackerTest, SaysThatItWaitsForTheFeedWhileItDoes) {
  options_.until_complete = true;
  on_idle_ = [this](int polls) {
    if (polls == 60) {
      stop_.request_stop();
    }
  };
  track();
  EXPECT_EQ(std::get<std::string>(progress_.last("progress", "waiting_for").value()), "the end of the feed");
}

// It waited for ever then.
TEST_F(TrackerTest, GivesUpWhenNoFeedJoins) {
  options_.run = temp_ / "alone";
  options_.until_complete = true;
  options_.timeout = 30s;
  options_.feed_timeout = 60s;
  const TrackerResult result = track();
  EXPECT_FALSE(result.complete.has_value());
  EXPECT_FALSE(result.stopped);
  EXPECT_TRUE(log_.contains("gave_up_after_s=60 waiting_for=\"a feed to join the run\""));
  EXPECT_GT(clock_.now().time_since_epoch(), 60s);
  EXPECT_LT(clock_.now().time_since_epoch(), 63s);
}

TEST_F(TrackerTest, GivesUpWhenAShardOfTheFeedNeverJoins) {
  options_.run = temp_ / "parts";
  options_.until_complete = true;
  options_.feed_timeout = 60s;
  auto first = record::RunDirectory::join(options_.run, "feed-1", {{"shard", "1/2"}}, FakeClock::kStart);
  first.append("finished", Json::object(), clock_.wall_now());
  EXPECT_FALSE(track().complete.has_value());
  EXPECT_TRUE(log_.contains("waiting_for=\"a feed to join the run\""));
}

TEST_F(TrackerTest, AFeedOnAnotherHostIsWaitedForAsLongAsItWrites) {
  options_.run = temp_ / "elsewhere";
  options_.until_complete = true;
  options_.timeout = 30s;
  feed_on_another_host({});
  on_idle_ = [this](int polls) {
    if (polls % 200 == 0 && polls <= 1000) {  // Every 20 s, up to 100 s.
      std::ofstream(options_.run / "seconds.csv", std::ios::app) << "a line\n";
    }
  };
  const TrackerResult result = track();
  EXPECT_FALSE(result.complete.has_value());
  EXPECT_TRUE(log_.contains("gave_up_after_s=30 waiting_for=\"a sign of the feed on another host\""));
  EXPECT_GT(clock_.now().time_since_epoch(), 130s);
  EXPECT_LT(clock_.now().time_since_epoch(), 133s);
}

TEST_F(TrackerTest, AFeedThatIsStillToBeginIsWaitedFor) {
  options_.run = temp_ / "elsewhere";
  options_.until_complete = true;
  options_.timeout = 30s;
  feed_on_another_host(fmt::format(R"({{"event":"sending","time":"2026-11-21T16:00:00Z","t0_unix_ns":{}}})"
                                   "\n",
                                   unix_ns(FakeClock::kStart + 100s)));
  track();
  EXPECT_GT(clock_.now().time_since_epoch(), 128s);
}

TEST_F(TrackerTest, ReportsProgressEveryFiveSeconds) {
  send("0");
  on_idle_ = [this](int polls) {
    if (polls == 160) {
      stop_.request_stop();
    }
  };
  track();
  EXPECT_EQ(progress_.count("started"), 1U);
  EXPECT_EQ(progress_.count("progress"), 3U);
  EXPECT_EQ(progress_.count("finished"), 1U);
  EXPECT_EQ(std::get<std::int64_t>(progress_.last("progress", "processed").value()), 1);
}

// The images of all parts are awaited, and none before the last part has ended; a dropped one has no answer.
TEST_F(TrackerTest, WaitsForEveryPartOfTheFeed) {
  options_.run = temp_ / "parts";
  options_.until_complete = true;
  const auto join = [&](int index) {
    return record::RunDirectory::join(options_.run, fmt::format("feed-{}", index),
                                      {{"shard", fmt::format("{}/2", index)}}, FakeClock::kStart);
  };
  const auto finish = [&](record::RunDirectory& feed, int index, const char* rows) {
    std::ofstream(options_.run / fmt::format("sends-{}.csv", index)) << kSendsHeader << rows;
    feed.append("finished",
                {{"planned", 2}, {"late_over_1ms_fraction", 0.0}, {"late_over_100ms_fraction", 0.0}},
                clock_.wall_now());
  };
  feed_ = join(1);
  record::RunDirectory second = join(2);
  finish(feed_, 1, "0,9,0,0,0,10,20,acknowledged\n2,9,0,,0,,,dropped\n");
  send("0");
  on_idle_ = [&](int polls) {
    if (polls == 30) {
      finish(second, 2, "1,9,1,0,0,11,21,acknowledged\n3,9,1,1,0,12,22,acknowledged\n");
    } else if (polls == 60) {
      send("1");
      send("3");
    }
  };

  const TrackerResult result = track();

  EXPECT_EQ(result.complete, true);
  EXPECT_EQ(result.verdict, "PERTURBED");  // For the dropped image.
  EXPECT_EQ(read_json(options_.run / "run.json")["counts"]["processed"], 3);
}

TEST_F(TrackerTest, WithoutAnswersTheGroupsOffsetsAreCounted) {
  kafka_.add_topic("yolo_input", 1);
  options_.until_complete = true;
  options_.validate_results = false;
  finish_feed({"acknowledged", "acknowledged", "acknowledged"});
  on_idle_ = [this](int polls) {
    if (polls % 20 == 0) {
      kafka_.set_committed("yolo_input.consumers", "yolo_input", 0, polls / 20);
    }
  };
  const TrackerResult result = track();
  EXPECT_EQ(result.complete, true);
  EXPECT_EQ(result.verdict, "VALID");
  const Json counts = read_json(options_.run / "run.json")["counts"];
  EXPECT_EQ(counts["processed"], 3);
  EXPECT_EQ(counts["identities_checked"], false);
}

TEST_F(TrackerTest, WithoutAnswersAGroupThatStopsIsMissingTheRest) {
  kafka_.add_topic("yolo_input", 1);
  options_.until_complete = true;
  options_.validate_results = false;
  options_.group = "mine";
  options_.timeout = 10s;
  finish_feed({"acknowledged", "acknowledged", "acknowledged"});
  kafka_.set_committed("mine", "yolo_input", 0, 1);
  const TrackerResult result = track();
  EXPECT_EQ(result.complete, false);
  EXPECT_EQ(result.verdict, "INVALID");
  EXPECT_EQ(read_json(options_.run / "run.json")["counts"]["missing"], 2);
}

TEST_F(TrackerTest, SecretsAreMaskedInTheRun) {
  options_.client.properties = {{"sasl.password", "hunter2"}, {"fetch.wait.max.ms", "10"}};
  track_and_stop();
  const Json settings = record::last_event(options_.run, "track", "started")["settings"];
  EXPECT_EQ(settings["properties"]["sasl.password"], "***");
  EXPECT_EQ(settings["properties"]["fetch.wait.max.ms"], "10");
}

TEST_F(TrackerTest, NamesWhoAnswered) {
  record::Result r = answer("0");
  r.pod = "consumer-a";
  r.engine = "opencv";
  r.threads = 2;
  send(r);
  r.id = "1";
  send(r);
  r.id = "2";
  r.pod = "consumer-b";
  send(r);
  track_and_stop();
  const Json workers = record::last_event(options_.run, "track", "finished")["workers"];
  ASSERT_EQ(workers.size(), 2U);
  EXPECT_EQ(workers[0]["pod"], "consumer-a");
  EXPECT_EQ(workers[0]["answers"], 2);
  EXPECT_EQ(workers[1]["threads"], 2);
}

TEST(TrackerOptionsTest, MistakesNameTheFlag) {
  struct Case {
    std::function<void(TrackerOptions&)> change;
    const char* flag;
  };
  const Case cases[] = {
      {[](TrackerOptions& o) { o.topic = "a b"; }, "--topic"},
      {[](TrackerOptions& o) { o.topic = ""; }, "--topic"},
      {[](TrackerOptions& o) { o.input_topic = "ü"; }, "--input-topic"},
      {[](TrackerOptions& o) { o.timeout = 0s; }, "--timeout"},
      {[](TrackerOptions& o) { o.timeout = 100'000s; }, "--timeout"},
      {[](TrackerOptions& o) { o.feed_timeout = 0s; }, "--feed-timeout"},
      {[](TrackerOptions& o) { o.deadline = 0ms; }, "--deadline"},
      {[](TrackerOptions& o) { o.deadline = 25h; }, "--deadline"},
  };
  for (const Case& c : cases) {
    TrackerOptions options;
    c.change(options);
    EXPECT_THAT(message_of<UsageError>([&] {
                  validate(options);
                  return 0;
                }),
                HasSubstr(c.flag));
  }
  EXPECT_NO_THROW(validate(TrackerOptions{}));
}

}  // namespace
}  // namespace kexp::test
