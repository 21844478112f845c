#include "kexp/feeder/verify.hpp"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/feeder/feeder.hpp"
#include "kexp/kafka/error.hpp"
#include "kexp/record/run_directory.hpp"

#include "fed_run.hpp"
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
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> named(const Verification& verification, Check::Outcome outcome) {
  std::vector<std::string> names;
  for (const Check& check : verification.checks) {
    if (check.outcome == outcome) {
      names.push_back(check.what);
    }
  }
  return names;
}

std::vector<std::string> wrong(const Verification& verification) {
  return named(verification, Check::Outcome::wrong);
}
std::vector<std::string> right(const Verification& verification) {
  return named(verification, Check::Outcome::holds);
}
std::vector<std::string> skipped(const Verification& verification) {
  return named(verification, Check::Outcome::skipped);
}
std::vector<std::string> told(const Verification& verification) {
  return named(verification, Check::Outcome::told);
}

/// The working directory, until the end of the scope.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::filesystem::path& folder) { std::filesystem::current_path(folder); }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { std::filesystem::current_path(before_); }

 private:
  const std::filesystem::path before_ = std::filesystem::current_path();
};

/// A run that a feed has played into the fake Kafka: 40 images of 1000, 3000 and 500 bytes in four seconds.
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    write_dataset(3000);
    kafka_.add_topic("yolo_input", 2);
    kafka_.on_idle_poll = [this] { clock_.advance(100ms); };
    options_.run = run_;
  }

  void write_dataset(std::size_t largest) const {
    dataset::Writer writer(dir_ / "images.hdf5", "camera");
    for (const std::size_t size : {std::size_t{1000}, largest, std::size_t{500}}) {
      writer.add(std::vector<std::uint8_t>(size, 7));
    }
    writer.finish();
  }
  void feed(std::stop_token stop = {}) {
    FeederOptions options;
    options.dataset = dataset_;
    options.run = run_;
    options.curve.profile = "linear";
    options.curve.breakpoints = 4;
    options.curve.n_cycles = 1;
    options.curve.duration_s = 4;
    options.max_images_per_s = 20;
    (void)run_feeder(options, {kafka_, clock_, log_, progress_, metrics_}, std::move(stop));
  }
  Verification verify() { return feeder::verify(options_, {kafka_, clock_, progress_}, stop_.get_token()); }
  Verification verify_from_topic() {
    options_.from_topic = true;
    return verify();
  }

  /// The run of a killed feed: some rows, some images in the topic without one, some never sent.
  void kill_a_feed(int threads = 1) {
    FedRun run(run_, 2, 10, fmt::format(R"({{"threads":{}}})", threads));
    run.acknowledged(0, 0, 1'000'000);  // At 0/0.
    run.unknown(1, 0);
    run.acknowledged(2, 0, 1'000'000);  // At 0/1.
    run.unknown(3, 0);
    run.write();
    for (const std::int64_t id : {0, 2, 3, 6}) {
      test::FakeRecord record;
      record.partition = static_cast<std::int32_t>(id % 2);
      record.key = fmt::format("{}", id);
      record.value.resize(1000);
      record.timestamp_ms = run.intended(id) / 1'000'000;
      record.headers = {{"kexp-run", record::RunDirectory::open(run_).id()},
                        {"kexp-segment", "0"},
                        {"kexp-intended-ns", fmt::format("{}", run.intended(id))}};
      kafka_.add_record("yolo_input", std::move(record));
    }
  }
  /// The topic anew, with these records.
  void fill_topic(const std::vector<test::FakeRecord>& records) {
    kafka_.delete_topic("yolo_input");
    kafka_.add_topic("yolo_input", 2);
    for (const test::FakeRecord& record : records) {
      kafka_.add_record("yolo_input", record);
    }
  }

  /// Replaces the first `from` after `after` in a file of the run.
  void tamper(const std::string& file, const std::string& after, const std::string& from,
              const std::string& to) {
    std::string text = read_file(run_ / file);
    const std::size_t start = text.find(after);
    ASSERT_NE(start, std::string::npos) << file << " has no " << after;
    const std::size_t at = text.find(from, start);
    ASSERT_NE(at, std::string::npos) << file << " has no " << from << " after " << after;
    text.replace(at, from.size(), to);
    std::ofstream(run_ / file) << text;
  }
  /// Replaces a cell of a table of the run.
  void tamper_cell(const std::string& file, std::size_t row, const std::string& column,
                   const std::string& to) {
    std::string changed;
    std::size_t index = 0;
    std::size_t at = 0;
    std::istringstream lines(read_file(run_ / file));
    for (std::string line; std::getline(lines, line); ++index) {
      std::vector<std::string> cells = split(line);
      if (index == 0) {
        at = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), column) - cells.begin());
        ASSERT_LT(at, cells.size()) << column;
      } else if (index == row + 1) {
        ASSERT_NE(cells[at], to);
        cells[at] = to;
      }
      changed += fmt::format("{}\n", fmt::join(cells, ","));
    }
    std::ofstream(run_ / file) << changed;
  }
  static std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> cells(1);
    for (const char c : line) {
      c == ',' ? void(cells.emplace_back()) : cells.back().push_back(c);
    }
    return cells;
  }

  test::TempDir dir_;
  std::filesystem::path run_ = dir_ / "run";
  std::filesystem::path dataset_ = dir_ / "images.hdf5";
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  test::RecordingProgress progress_;
  telemetry::Metrics metrics_;
  std::stop_source stop_;
  VerifyOptions options_;
};

TEST_F(VerifyTest, EveryFigureOfAFedRunHolds) {
  feed();

  const Verification verification = verify_from_topic();

  EXPECT_TRUE(verification.holds()) << testing::PrintToString(wrong(verification));
  EXPECT_THAT(
      right(verification),
      ElementsAre("plan.csv adds up to plan.json",
                  "plan.json and plan.csv are what their settings and the dataset make",
                  "sends.csv has the images of the plan", "feed.json says what sends.csv adds up to",
                  "feed.csv is what sends.csv adds up to", "seconds.csv is what sends.csv adds up to",
                  "run.json and ledger.json follow from the other files",
                  "topic yolo_input has every acknowledged image once, at its place, with its size and "
                  "times"));
  EXPECT_THAT(skipped(verification), IsEmpty());
  EXPECT_EQ(verification.verdict, "PARTIAL");  // Nobody tracked.
  EXPECT_EQ(read_file(run_ / "feed-topic.csv"), "id,partition,offset,status\n");
}

struct Tampering {
  const char* name;
  const char* file;
  const char* after;
  const char* from;
  const char* to;
  const char* named;  ///< The figure that must be.
};

class TamperingTest : public VerifyTest, public testing::WithParamInterface<Tampering> {};

TEST_P(TamperingTest, IsNamed) {
  feed();
  const Tampering& p = GetParam();
  tamper(p.file, p.after, p.from, p.to);
  EXPECT_THAT(wrong(verify()), Contains(p.named));
}

const Tampering kTamperings[] = {
    {"PlanImages", "plan.json", "\"images\"", ": 4", ": 5", "plan.json images"},
    {"PlanBytes", "plan.json", "\"bytes\"", ": ", ": 1", "plan.json bytes"},
    {"PlanDuration", "plan.json", "\"largest_image_bytes\"", "3000", "3001", "plan.json largest_image_bytes"},
    {"PlanHash", "plan.json", "\"plan_hash\"", ": \"", ": \"0", "plan.json plan_hash"},
    {"DatasetHash", "plan.json", "\"dataset_hash\"", ": \"", ": \"0", "plan.json dataset_hash"},
    {"FeedSent", "feed.json", "\"finished\"", "\"sent\":", "\"sent\":1", "feed.json sent"},
    {"FeedLateness", "feed.json", "\"lateness\"", "\"p99_ms\":", "\"p99_ms\":7", "feed.json lateness p99_ms"},
    {"FeedDelivery", "feed.json", "\"delivery\"", "\"mean_ms\":", "\"mean_ms\":1",
     "feed.json delivery mean_ms"},
    {"FeedLateShare", "feed.json", "late_over_1ms_fraction", ":0.0", ":0.5",
     "feed.json late_over_1ms_fraction"},
    {"FeedSkew", "feed.json", "\"partition_bytes\"", "\"cv\":", "\"cv\":1", "feed.json partition_bytes cv"},
    {"LedgerCount", "ledger.json", "\"acknowledged\"", ": ", ": 1", "ledger.json counts acknowledged"},
    {"LedgerIds", "ledger.json", "\"unknown\": {", "\"total\": 0", "\"total\": 1",
     "ledger.json unknown total"},
    {"RunVerdict", "run.json", "\"state\"", "PARTIAL", "VALID", "run.json verdict state"},
    {"RunCount", "run.json", "\"counts\"", "\"sent\": ", "\"sent\": 1", "run.json counts sent"},
};
INSTANTIATE_TEST_SUITE_P(All, TamperingTest, testing::ValuesIn(kTamperings),
                         [](const auto& instance) { return instance.param.name; });

TEST_F(VerifyTest, EveryCellOfATableIsHeldAgainstItsOwn) {
  feed();
  const std::string feed_csv = read_file(run_ / "feed.csv");
  for (const char* column : {"target_mbps", "planned_bytes", "planned_images", "sent_bytes",
                             "acknowledged_images", "failed_images", "lateness_p50_ms", "delivery_max_ms"}) {
    tamper_cell("feed.csv", 2, column, "123");
    EXPECT_THAT(wrong(verify()), ElementsAre(fmt::format("feed.csv segment 2 {}", column)));
    std::ofstream(run_ / "feed.csv") << feed_csv;
  }
  tamper_cell("seconds.csv", 3, "dropped_images", "1");
  EXPECT_THAT(wrong(verify()), ElementsAre("seconds.csv second 3 dropped_images"));
}

TEST_F(VerifyTest, EveryCellOfARowOfSendsMatters) {
  feed();
  const std::string sends = read_file(run_ / "sends.csv");
  const auto figures = [&](const std::string& column, const std::string& value) {
    tamper_cell("sends.csv", 7, column, value);
    const auto names = wrong(verify());
    std::ofstream(run_ / "sends.csv") << sends;
    (void)record::derive(run_);
    return names;
  };
  EXPECT_THAT(figures("bytes", "2999"), Contains("sends.csv image 7 bytes"));
  EXPECT_THAT(figures("partition", "7"), Contains("sends.csv image 7 partition"));
  EXPECT_THAT(figures("intended_ns", "1795284000000000000"), Contains("sends.csv image 7 intended_ns"));
  EXPECT_THAT(figures("sent_ns", "1795284002000000000"), Contains("feed.json lateness mean_ms"));
  EXPECT_THAT(figures("acked_ns", "1795284002000000000"), Contains("feed.json delivery mean_ms"));
  EXPECT_THAT(figures("status", "failed:X"), Contains("feed.json acknowledged"));
  EXPECT_THAT(figures("id", "8"), Contains("ledger.json counts acknowledged"));
  EXPECT_THAT(figures("id", "88"), Contains("sends.csv image 88"));
  EXPECT_TRUE(verify().holds());
}

TEST_F(VerifyTest, ARowThatIsMissingOrTooManyIsNamed) {
  feed();
  const std::string seconds = read_file(run_ / "seconds.csv");
  std::ofstream(run_ / "seconds.csv", std::ios::app) << "9,1,1\n";
  EXPECT_THAT(wrong(verify()), ElementsAre("seconds.csv second 9"));
  std::ofstream(run_ / "seconds.csv") << seconds.substr(0, seconds.find("\n3,") + 1);
  EXPECT_THAT(wrong(verify()), ElementsAre("seconds.csv second 3"));
  std::filesystem::remove(run_ / "seconds.csv");
  EXPECT_THAT(wrong(verify()), ElementsAre("seconds.csv header"));
}

TEST_F(VerifyTest, OfManyWrongFiguresTheFirstAreNamedAndAllCounted) {
  feed();
  std::string sends = read_file(run_ / "sends.csv");
  for (std::size_t at = 0; (at = sends.find(",3000,", at)) != std::string::npos;) {
    sends.replace(at, 6, ",3001,");
  }
  for (std::size_t at = 0; (at = sends.find(",1000,", at)) != std::string::npos;) {
    sends.replace(at, 6, ",1001,");
  }
  std::ofstream(run_ / "sends.csv") << sends;
  EXPECT_THAT(wrong(verify()), Contains(AllOf(HasSubstr(" more: sends.csv has the images of the plan"))));
}

TEST_F(VerifyTest, WithoutTheDatasetThePlanIsKnownByItsSums) {
  feed();
  std::filesystem::remove(dir_ / "images.hdf5");
  const Verification verification = verify();
  EXPECT_TRUE(verification.holds());
  EXPECT_THAT(skipped(verification), ElementsAre(AllOf(StartsWith("the plan was not made again"),
                                                       HasSubstr((dir_ / "images.hdf5").string()),
                                                       HasSubstr("is not there"), HasSubstr("--dataset"))));
  EXPECT_THAT(right(verification), Contains("sends.csv has every image once"));

  tamper_cell("plan.csv", 1, "bytes", "1");
  EXPECT_THAT(wrong(verify()), Contains("plan.json bytes"));
}

TEST_F(VerifyTest, ADatasetThatBecameAnotherMakesNoPlan) {
  feed();
  write_dataset(2000);
  const Verification verification = verify();
  EXPECT_TRUE(verification.holds());
  EXPECT_THAT(skipped(verification), ElementsAre(HasSubstr("is not that of the run: its hash is ")));
}

// It was looked for where verify ran, and "ok" was said of what was not checked.
TEST_F(VerifyTest, ADatasetThatWasNamedRelativeIsFoundFromAnywhere) {
  dataset_ = "images.hdf5";
  {
    const WorkingDirectory here(dir_.path());
    feed();
  }

  EXPECT_EQ(record::last_event(run_, "feed", "started")["settings"]["dataset"],
            (dir_ / "images.hdf5").string());
  EXPECT_THAT(skipped(verify()), IsEmpty());
}

TEST_F(VerifyTest, ADatasetThatWasMovedIsTakenFromWhereItIsSaidToBe) {
  feed();
  std::filesystem::rename(dir_ / "images.hdf5", dir_ / "moved.hdf5");
  options_.dataset = dir_ / "moved.hdf5";
  EXPECT_THAT(skipped(verify()), IsEmpty());
  EXPECT_THAT(right(verify()), Contains("sends.csv has the images of the plan"));

  const auto message = [this] { return test::message_of<UsageError>([this] { return verify(); }); };
  write_dataset(2000);
  options_.dataset = dir_ / "images.hdf5";
  EXPECT_THAT(message(), AllOf(HasSubstr("--dataset"), HasSubstr("is not that of the run")));
  options_.dataset = dir_ / "nowhere.hdf5";
  EXPECT_THAT(message(), AllOf(HasSubstr("--dataset"), HasSubstr("nowhere.hdf5 is not there")));
}

// A row that was missing was told as a feed that had been cut short, and never by its id.
TEST_F(VerifyTest, ARowOfSendsThatIsMissingIsNamed) {
  feed();
  const std::string sends = read_file(run_ / "sends.csv");
  const std::size_t row = sends.find("\n17,") + 1;
  std::ofstream(run_ / "sends.csv") << sends.substr(0, row) << sends.substr(sends.find('\n', row) + 1);

  for (const bool with_dataset : {true, false}) {
    if (!with_dataset) {
      std::filesystem::remove(dir_ / "images.hdf5");
    }
    const auto names = wrong(verify());
    EXPECT_THAT(names, Contains("sends.csv image 17"));
    EXPECT_THAT(names, Contains("feed.json sent"));
    EXPECT_THAT(names, Not(Contains("feed.json dropped")));
    EXPECT_THAT(names, Not(Contains("feed.json segments_cut")));
    EXPECT_THAT(names, Not(Contains(HasSubstr("planned"))));
  }
}

TEST_F(VerifyTest, ARowOfSendsThatStandsTwiceIsNamed) {
  feed();
  const std::string sends = read_file(run_ / "sends.csv");
  const std::size_t row = sends.find("\n17,") + 1;
  std::ofstream(run_ / "sends.csv", std::ios::app) << sends.substr(row, sends.find('\n', row) + 1 - row);
  EXPECT_THAT(wrong(verify()), Contains("sends.csv image 17"));
}

TEST_F(VerifyTest, ALineOfSendsThatCannotBeReadIsNamed) {
  feed();
  tamper("sends.csv", "\n17,", "acknowledged", "acknowlegded");
  const std::string sends = read_file(run_ / "sends.csv");
  const auto line =
      std::count(sends.begin(), sends.begin() + static_cast<std::ptrdiff_t>(sends.find("gded")), '\n') + 1;
  const Verification verification = verify();
  EXPECT_THAT(wrong(verification), Contains(fmt::format("sends.csv:{} is no row of it", line)));
  EXPECT_THAT(verification.reasons, Contains(HasSubstr(fmt::format("the first is sends.csv:{}", line))));
}

TEST_F(VerifyTest, AFileOfSendsThatNoFeedWroteIsNamedAsItIs) {
  feed();
  std::filesystem::remove(run_ / "sends.csv");
  EXPECT_THAT(wrong(verify()), Contains(AllOf(StartsWith("cannot read "), HasSubstr("sends.csv"))));
  std::ofstream(run_ / "sends.csv") << "id,bytes\n";
  EXPECT_THAT(wrong(verify()), Contains(HasSubstr("sends.csv has no column partition")));
}

// It said that the feed had been killed, and not why it had ended.
TEST_F(VerifyTest, AFeedThatFailedIsToldWithItsError) {
  FedRun run(run_, 2, 10);
  run.acknowledged(0, 0, 1'000'000);
  run.write();
  run.note("failed", {{"error", "cannot write sends.csv: No space left on device"}});

  const Verification verification = verify();

  EXPECT_THAT(skipped(verification),
              Contains(AllOf(HasSubstr("the feed failed (cannot write sends.csv: No space left on device)"),
                             Not(HasSubstr("killed")))));
  EXPECT_EQ(verification.verdict, "PARTIAL");
  EXPECT_THAT(verification.reasons, Contains("feed failed: cannot write sends.csv: No space left on device"));
}

TEST_F(VerifyTest, AFeedThatWasKilledIsToldSo) {
  kill_a_feed();
  EXPECT_THAT(skipped(verify()), Contains(HasSubstr("feed.json has no end: the feed was killed")));
  EXPECT_THAT(verify().reasons, Contains("feed has not finished"));
}

TEST_F(VerifyTest, APlanThatCannotBeReadIsTheUsersToMend) {
  feed();
  const auto message = [this] { return test::message_of<UsageError>([this] { return verify(); }); };
  for (const char* broken : {"{", "[]", "{}", R"({"images": "many"})"}) {
    std::ofstream(run_ / "plan.json") << broken;
    EXPECT_THAT(message(), AllOf(HasSubstr("RUN"), HasSubstr("plan.json"))) << broken;
  }
  std::filesystem::remove(run_ / "plan.csv");
  EXPECT_THAT(message(), HasSubstr("RUN"));
}

TEST_F(VerifyTest, ARunThatIsOlderThanItsFilesIsDerivedAnew) {
  feed();
  record::RunDirectory::join(run_, "track", {}, clock_.wall_now())
      .append("finished", {{"answers", 0}}, clock_.wall_now());
  const Verification verification = verify();
  EXPECT_TRUE(verification.holds()) << testing::PrintToString(wrong(verification));
  EXPECT_EQ(verification.verdict, "INVALID");
  EXPECT_THAT(verification.reasons, Contains(HasSubstr("acknowledged images have no answer")));
  EXPECT_EQ(read_json(run_ / "run.json")["verdict"]["state"], "INVALID");
}

TEST_F(VerifyTest, AFeedThatWasCutShortIsVerifiedByItsPlan) {
  std::stop_source cut;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    if (record.tag == 20) {
      clock_.advance(300ms);
      cut.request_stop();
    }
  };
  feed(cut.get_token());
  kafka_.on_send = {};

  EXPECT_TRUE(verify().holds()) << testing::PrintToString(wrong(verify()));
  const std::string seconds = read_file(run_ / "seconds.csv");
  tamper_cell("seconds.csv", 1, "planned_bytes", "1");
  EXPECT_THAT(wrong(verify()), ElementsAre("seconds.csv second 1 planned_bytes"));

  std::filesystem::remove(dir_ / "images.hdf5");
  const Verification without_plan = verify();
  EXPECT_TRUE(without_plan.holds()) << testing::PrintToString(wrong(without_plan));
  EXPECT_THAT(skipped(without_plan),
              Contains(StartsWith("what seconds.csv says was planned was not compared")));
  EXPECT_THAT(right(without_plan), Contains("seconds.csv is what sends.csv adds up to"));
  EXPECT_THAT(skipped(without_plan), Not(Contains(StartsWith("what feed.csv says"))));
  tamper_cell("seconds.csv", 1, "sent_bytes", "1");
  EXPECT_THAT(wrong(verify()), ElementsAre("seconds.csv second 1 sent_bytes"));
}

TEST_F(VerifyTest, AnErrorOfKafkaLeavesTheChecksOfTheFiles) {
  feed();
  kafka_.set_down(true);

  const Verification verification = verify_from_topic();

  EXPECT_THROW(std::rethrow_exception(verification.topic_error), UnavailableError);
  EXPECT_THAT(right(verification), Contains("seconds.csv is what sends.csv adds up to"));
  EXPECT_THAT(right(verification), Not(Contains(HasSubstr("has every acknowledged image"))));
  EXPECT_EQ(verification.verdict, "PARTIAL");
}

TEST_F(VerifyTest, AnErrorWhileTheTopicIsReadSaysNothingOfIt) {
  feed();
  kafka_.fail_next_poll(kafka::KafkaError(ExitCode::unavailable, "_ALL_BROKERS_DOWN", true, "all are down"));

  const Verification verification = verify_from_topic();

  EXPECT_THROW(std::rethrow_exception(verification.topic_error), kafka::KafkaError);
  EXPECT_TRUE(verification.holds());
  EXPECT_THAT(right(verification), Not(Contains(HasSubstr("has every acknowledged image"))));
  EXPECT_FALSE(std::filesystem::exists(run_ / "feed-topic.csv"));
}

TEST_F(VerifyTest, ATopicThatHasDeletedImagesOfTheRunSettlesNothing) {
  kill_a_feed();
  kafka_.delete_before("yolo_input", 0, 1);  // Image 0, which was acknowledged there.

  const Verification verification = verify_from_topic();

  EXPECT_THAT(wrong(verification),
              ElementsAre("topic yolo_input acknowledged images that it has deleted since"));
  EXPECT_FALSE(std::filesystem::exists(run_ / "feed-topic.csv"));
  EXPECT_EQ(read_json(run_ / "run.json")["counts"]["unknown"], 18);
}

TEST_F(VerifyTest, ATopicThatMayHaveDeletedImagesNobodyKnewSettlesNothing) {
  kill_a_feed();
  kafka_.delete_before("yolo_input", 1, 1);  // Image 3, of which only its send was known.

  const Verification verification = verify_from_topic();

  EXPECT_TRUE(verification.holds()) << testing::PrintToString(wrong(verification));
  EXPECT_FALSE(std::filesystem::exists(run_ / "feed-topic.csv"));
  EXPECT_EQ(verification.unknown, 18);
}

TEST_F(VerifyTest, WhatATopicDeletedBeforeTheRunIsNotOfIt) {
  for (int i = 0; i < 6; ++i) {
    kafka_.add_record("yolo_input", i % 2, "old", "record");
  }
  kafka_.delete_before("yolo_input", 0, 3);
  kafka_.delete_before("yolo_input", 1, 2);
  clock_.advance(1h);
  feed();

  const Verification verification = verify_from_topic();

  EXPECT_TRUE(verification.holds()) << testing::PrintToString(wrong(verification));
  EXPECT_TRUE(std::filesystem::exists(run_ / "feed-topic.csv"));
}

TEST_F(VerifyTest, WhatTheTopicDoesNotHaveIsNamed) {
  kafka_.add_topic("elsewhere", 2);
  feed();
  options_.topic = "elsewhere";
  const auto names = wrong(verify_from_topic());
  EXPECT_THAT(names, Contains("image 0"));
  EXPECT_THAT(names, Contains(HasSubstr("more: topic elsewhere has every acknowledged image")));
}

TEST_F(VerifyTest, WhatTheTopicHasOtherwiseIsNamed) {
  feed();
  kafka_.add_topic("copy", 2);
  for (test::FakeRecord record : kafka_.records("yolo_input")) {
    if (record.key == "3") {
      record.value.resize(17);
    } else if (record.key == "4") {
      record.timestamp_ms += 1;
    } else if (record.key == "5") {
      record.headers.clear();  // Of nobody's run.
    } else if (record.key == "6") {
      record.key = "60000";
    }
    kafka_.add_record("copy", record);
    if (record.key == "7") {
      kafka_.add_record("copy", record);
    }
  }
  options_.topic = "copy";
  const auto names = wrong(verify_from_topic());
  EXPECT_THAT(names, Contains("image 3 size in the topic"));
  EXPECT_THAT(names, Contains("image 4 CreateTime in the topic"));
  EXPECT_THAT(names, Contains("image 5"));
  EXPECT_THAT(names, Contains(StartsWith("topic copy key at ")));
  EXPECT_THAT(names, Contains("image 7"));
}

TEST_F(VerifyTest, TheTopicDecidesWhatNobodyKnew) {
  kill_a_feed();

  const Verification verification = verify_from_topic();

  EXPECT_TRUE(verification.holds()) << testing::PrintToString(wrong(verification));
  EXPECT_THAT(told(verification),
              Contains("of the images of unknown fate 2 are in topic yolo_input, 3 are not, 13 "
                       "were never sent"));
  EXPECT_THAT(
      read_file(run_ / "feed-topic.csv"),
      StartsWith("id,partition,offset,status\n1,,,failed:NOT_IN_TOPIC\n3,1,0,acknowledged\n"
                 "4,,,failed:NOT_IN_TOPIC\n5,,,failed:NOT_IN_TOPIC\n6,0,2,acknowledged\n7,,,dropped\n"));
  const Json counts = read_json(run_ / "run.json")["counts"];
  EXPECT_EQ(counts["unknown"], 0);
  EXPECT_EQ(counts["acknowledged"], 4);
  EXPECT_EQ(counts["failed"], 3);
  EXPECT_EQ(counts["dropped"], 13);
  EXPECT_EQ(counts["planned"], 20);
  EXPECT_TRUE(verify().holds());  // And again, with what it left.
}

// One that a slower thread had not come to counted as sent and lost, since the other thread was further.
TEST_F(VerifyTest, OfSeveralThreadsEachTellsHowFarItWas) {
  kill_a_feed(/*threads=*/2);  // The last of the one is 6, of the other 3.

  const Verification verification = verify_from_topic();

  EXPECT_THAT(told(verification), Contains(HasSubstr("2 are in topic yolo_input, 2 are not, 14 were never")));
  EXPECT_THAT(
      read_file(run_ / "feed-topic.csv"),
      HasSubstr("\n1,,,failed:NOT_IN_TOPIC\n3,1,0,acknowledged\n4,,,failed:NOT_IN_TOPIC\n5,,,dropped\n"));
}

TEST_F(VerifyTest, AcknowledgedImagesThatTheTopicLacksMakeTheRunInvalid) {
  feed();
  const std::vector<test::FakeRecord> all = kafka_.records("yolo_input");
  fill_topic({all.begin(), all.end() - 1});

  const Verification verification = verify_from_topic();

  EXPECT_FALSE(verification.holds());
  EXPECT_EQ(verification.verdict, "INVALID");
  EXPECT_THAT(verification.reasons, Contains(HasSubstr("1 acknowledged images are not in the topic")));
  const Json ledger = read_json(run_ / "ledger.json");
  EXPECT_EQ(ledger["counts"]["lost"], 1);
  EXPECT_EQ(ledger["lost"]["ids"], Json({all.back().key}));
  EXPECT_FALSE(std::filesystem::exists(run_ / "feed-topic.csv"));

  fill_topic(all);
  EXPECT_EQ(verify_from_topic().verdict, "PARTIAL");
  EXPECT_EQ(read_json(run_ / "ledger.json")["counts"]["lost"], 0);
}

TEST_F(VerifyTest, ATopicThatLostImagesTakesBackNothingThatWasSettled) {
  kill_a_feed();
  (void)verify_from_topic();
  const std::string settled = read_file(run_ / "feed-topic.csv");
  std::vector<test::FakeRecord> some = kafka_.records("yolo_input");
  std::erase_if(some, [](const test::FakeRecord& record) { return record.key == "6"; });
  fill_topic(some);

  const Verification verification = verify_from_topic();

  EXPECT_THAT(wrong(verification), ElementsAre("image 6"));
  EXPECT_EQ(read_file(run_ / "feed-topic.csv"), settled);
  EXPECT_EQ(read_json(run_ / "run.json")["counts"]["acknowledged"], 4);
  EXPECT_EQ(verification.verdict, "INVALID");
}

TEST_F(VerifyTest, AnotherTopicLeavesTheRunAsItIs) {
  kafka_.add_topic("elsewhere", 2);
  kill_a_feed();
  std::filesystem::remove(run_ / "run.json");
  std::ofstream(run_ / "run.json") << R"({"id": "other"})";
  options_.topic = "elsewhere";
  (void)verify_from_topic();
  EXPECT_EQ(read_file(run_ / "run.json"), R"({"id": "other"})");
  EXPECT_FALSE(std::filesystem::exists(run_ / "ledger.json"));
  EXPECT_FALSE(std::filesystem::exists(run_ / "feed-topic.csv"));
  EXPECT_FALSE(std::filesystem::exists(run_ / "feed-lost.csv"));

  options_.topic = "nope";
  const std::exception_ptr error = verify_from_topic().topic_error;
  EXPECT_EQ(test::message_of<UsageError>([&] { std::rethrow_exception(error); }),
            "--other-topic nope: there is no such topic");
}

TEST_F(VerifyTest, ARunThatCannotBeWrittenIsCheckedAllTheSame) {
  feed();
  std::filesystem::remove(run_ / ".lock");
  std::filesystem::create_directory(run_ / ".lock");
  const Verification verification = verify();
  EXPECT_TRUE(verification.holds());
  EXPECT_EQ(verification.verdict, "PARTIAL");
  EXPECT_THAT(skipped(verification), Contains(HasSubstr("were not derived anew")));
}

TEST_F(VerifyTest, AStopEndsTheReading) {
  feed();
  stop_.request_stop();
  EXPECT_THROW(std::rethrow_exception(verify_from_topic().topic_error), InterruptedError);
}

TEST_F(VerifyTest, EveryPartIsVerified) {
  const record::FeedPart first{1, 2};
  const record::FeedPart second{2, 2};
  FedRun one(run_, 2, 10, "{}", first);
  one.acknowledge_rest(0, 1'000'000);
  one.finish();
  FedRun two(run_, 2, 10, "{}", second);
  two.acknowledge_rest(1000, 2'000'000);
  two.finish();

  const Verification verification = verify();

  EXPECT_TRUE(verification.holds()) << testing::PrintToString(wrong(verification));
  EXPECT_THAT(right(verification), Contains("seconds-2.csv is what sends-2.csv adds up to"));
  tamper_cell("feed-2.csv", 1, "sent_bytes", "1");
  EXPECT_THAT(wrong(verify()), ElementsAre("feed-2.csv segment 1 sent_bytes"));
}

TEST_F(VerifyTest, AFeedAtWorkIsLeftAlone) {
  const auto message = [this] { return test::message_of<UsageError>([this] { return verify(); }); };
  {
    const auto at_work = record::RunDirectory::join(run_, "feed", Json::object(), clock_.wall_now());
    EXPECT_THAT(message(), AllOf(HasSubstr("RUN"), HasSubstr("is being fed by process")));
  }
  std::filesystem::remove_all(run_);
  kill_a_feed();
  EXPECT_NO_THROW((void)verify());
}

TEST_F(VerifyTest, OfAnotherHostOnlySilenceTellsThatAFeedHasEnded) {
  kill_a_feed();
  tamper("feed.json", "\"host\"", ":\"", ":\"not-");
  EXPECT_THAT(test::message_of<UsageError>([this] { return verify(); }),
              HasSubstr("may still be fed on host"));
  for (const char* file : {"feed.json", "sends.csv"}) {
    std::filesystem::last_write_time(run_ / file, std::filesystem::file_time_type::clock::now() - 2min);
  }
  clock_.advance(1h);
  EXPECT_NO_THROW((void)verify());
}

TEST_F(VerifyTest, WhatIsNoFedRunIsNamed) {
  const auto message = [this] { return test::message_of<UsageError>([this] { return verify(); }); };
  EXPECT_THAT(message(), AllOf(HasSubstr("RUN"), HasSubstr("there is no such folder")));
  (void)record::RunDirectory::join(run_, "track", {}, clock_.wall_now());
  EXPECT_THAT(message(), AllOf(HasSubstr("RUN"), HasSubstr("was not fed")));
}

}  // namespace
}  // namespace kexp::feeder
