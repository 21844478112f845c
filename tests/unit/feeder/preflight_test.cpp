#include "preflight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/feeder/calibrate.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// 200 images of 1000 and 3000 bytes in turn over 10 s, into 2 partitions.
class PreflightTest : public testing::Test {
 protected:
  PreflightTest() {
    kafka_.add_topic("yolo_input", 2);
    options_.peak = ByteRate::bytes_per_second(40'000);
    plan_for({1000, 3000}, 20);
  }

  void plan_for(const std::vector<std::uint64_t>& sizes, double images_per_s) {
    cycle::PlanOptions plan;
    plan.curve.profile = "constant";
    plan.curve.duration_s = 10;
    plan.peak_images_per_s = images_per_s;
    plan.partitions = 2;
    prepared_.plan = cycle::Plan::make(plan, sizes);
  }

  PreflightReport run() {
    const auto admin = kafka_.make_admin({}, {});
    return preflight(options_, prepared_, {kafka_, *admin, clock_, log_}, stop_.get_token());
  }
  std::string refusal() {
    const std::string message = message_of<UsageError>([&] { return run(); });
    EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input"));
    return message;
  }
  void set(const std::string& key, const std::string& value) {
    kafka_.set_topic_config("yolo_input", key, value);
  }
  /// One producer got 10,000 images/s of 1 kB and 1000 of 10 kB.
  Calibration calibration() const {
    Calibration calibration;
    calibration.time = "2026-11-21T18:00:00.000Z";
    calibration.host = host_name();
    calibration.servers = options_.client.servers;
    calibration.cluster = "fake-cluster";
    calibration.rates = {{1000, 10'000, 10, 1}, {10'000, 1000, 10, 1}};
    return calibration;
  }
  /// A calibration that has `times` of the plan's peak: 20 images/s of 2 kB.
  void store_peak(double times) {
    Calibration stored = calibration();
    stored.rates = {{1000, times * 40, 1, 1}, {3000, times * 40 / 3, 1, 1}};
    store(stored);
  }

  test::TempDir dir_;
  test::ScopedEnv cache_{"XDG_CACHE_HOME", dir_.path().string()};
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  std::stop_source stop_;
  FeederOptions options_;
  PreparedPlan prepared_;
};

TEST_F(PreflightTest, ATopicWithNothingAgainstTheRunPassesAndLeavesNoTrace) {
  set("message.timestamp.type", "CreateTime");
  set("max.message.bytes", "16777216");
  set("cleanup.policy", "delete");
  set("retention.bytes", "-1");
  set("retention.ms", "604800000");
  set("message.timestamp.after.max.ms", "3600000");
  set("message.timestamp.before.max.ms", "9223372036854775807");

  const PreflightReport report = run();

  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(report.clocks_not_measured, "");
  ASSERT_EQ(report.broker_clocks.size(), 1U);
  EXPECT_EQ(report.broker_clocks[0].broker, 1);
  EXPECT_LE(report.broker_clocks[0].ahead, 500us);
  EXPECT_GE(report.broker_clocks[0].ahead, -500us);
  EXPECT_EQ(report.broker_clocks[0].uncertainty, 500us);  // The fake answers at once.
  EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input"));
}

TEST_F(PreflightTest, PartitionsOtherThanAskedAreNamed) {
  const auto admin = kafka_.make_admin({}, {});
  EXPECT_EQ(topic_partitions(*admin, options_), 2U);
  options_.partitions = 5;
  EXPECT_THAT(message_of<UsageError>([&] { return topic_partitions(*admin, options_); }),
              AllOf(HasSubstr("--partitions is 5"), HasSubstr("has 2")));
  options_.topic = "elsewhere";
  EXPECT_THAT(message_of<kafka::KafkaError>([&] { return topic_partitions(*admin, options_); }),
              AllOf(HasSubstr("--topic"), HasSubstr("elsewhere")));
}

TEST_F(PreflightTest, ATopicThatOverwritesTheIntendedTimesIsRefused) {
  set("message.timestamp.type", "LogAppendTime");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("--topic yolo_input has message.timestamp.type=LogAppendTime"),
                               HasSubstr("--add-config message.timestamp.type=CreateTime")));
}

TEST_F(PreflightTest, ACompactedTopicIsRefused) {
  for (const char* policy : {"compact", "compact,delete"}) {
    set("cleanup.policy", policy);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(std::string("cleanup.policy=") + policy + ","),
                                 HasSubstr("--add-config cleanup.policy=delete")));
  }
}

TEST_F(PreflightTest, ATopicThatDoesNotTakeTheLargestImageIsRefused) {
  set("max.message.bytes", "3511");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("max.message.bytes=3511"), HasSubstr("3000 bytes"),
                               HasSubstr("3512"), HasSubstr("--add-config max.message.bytes=16777216")));
  set("max.message.bytes", "3512");
  EXPECT_THAT(run().warnings, IsEmpty());
}

TEST_F(PreflightTest, ABrokerThatDoesNotTakeTheLargestImageIsRefused) {
  kafka_.set_broker_config("socket.request.max.bytes", "3000");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("broker 1 has socket.request.max.bytes=3000"),
                               HasSubstr("3000 bytes"), HasSubstr("socket.request.max.bytes=104857600")));
}

TEST_F(PreflightTest, AProducerThatDoesNotTakeTheLargestImageIsRefused) {
  options_.client.properties = {{"message.max.bytes", "3511"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("-X message.max.bytes=3511"), HasSubstr("3000 bytes"),
                               HasSubstr("-X message.max.bytes=16777216")));
  options_.client.properties = {{"queue.buffering.max.kbytes", "3"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("-X queue.buffering.max.kbytes=3"),
                               HasSubstr("-X queue.buffering.max.kbytes=16384")));
  options_.client.properties = {{"queue.buffering.max.kbytes", "3"}, {"queue.buffering.max.kbytes", "4"}};
  EXPECT_THAT(run().warnings, IsEmpty()) << "the last one wins";
}

TEST_F(PreflightTest, ARetentionBelowTheFullestPartitionIsRefused) {
  const std::vector<std::uint64_t>& bytes = prepared_.plan.partition_bytes();
  const std::uint64_t most =
      std::max(bytes[0], bytes[1]) + 100 * 200;  // 100 images, each with a little more.

  set("retention.bytes", std::to_string(most - 1));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("retention.bytes="), HasSubstr(std::to_string(most) + " bytes"),
                               HasSubstr("--add-config retention.bytes=-1")));
  set("retention.bytes", std::to_string(most));
  EXPECT_THAT(run().warnings, IsEmpty());
}

TEST_F(PreflightTest, ARetentionShorterThanTheRunIsRefused) {
  set("retention.ms", "9999");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("retention.ms=9999"), HasSubstr("lasts 10 s"),
                               HasSubstr("--add-config retention.ms=3610000")));
}

TEST_F(PreflightTest, ARetentionWithoutTimeForConsumersIsAWarning) {
  set("retention.ms", "60000");
  EXPECT_THAT(run().warnings, ElementsAre(AllOf(HasSubstr("60 s (retention.ms)"), HasSubstr("lasts 10 s"))));
  set("retention.ms", "-1");
  EXPECT_THAT(run().warnings, IsEmpty());
}

TEST_F(PreflightTest, SettingsThatMayNotBeReadAreAWarning) {
  kafka_.on_admin = [](const std::string& call, const std::string&) {
    if (call == "topic_settings") {
      throw kafka::KafkaError(ExitCode::failed, "TOPIC_AUTHORIZATION_FAILED", false, "not for you");
    }
  };
  EXPECT_THAT(run().warnings,
              ElementsAre(AllOf(HasSubstr("not everything was checked"), HasSubstr("not for you"))));
  kafka_.on_admin = [](const std::string&, const std::string&) { throw UnavailableError("no broker"); };
  EXPECT_THAT(message_of<UnavailableError>([&] { return run(); }), HasSubstr("no broker"));
}

// --- Calibration ------------------------------------------------------------------------------------------

TEST_F(PreflightTest, APeakAboveTheCalibrationIsRefusedUnlessForced) {
  store_peak(0.5);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("20 images/s of 2"), HasSubstr("can send 10 images/s of that size"),
                    HasSubstr("it got 20 images/s of 1.00 kB and 7 images/s of 3.00 kB to localhost:9092"),
                    HasSubstr("--max-mbps to 0.02,"), HasSubstr("--threads 2"),
                    HasSubstr("calibrate again (kexp feed calibrate)"), HasSubstr("--force")));
  options_.max_images_per_s = 20;
  EXPECT_THAT(refusal(), HasSubstr("--max-ips to 10,"));
  options_.max_images_per_s = 20'000;
  EXPECT_THAT(refusal(), HasSubstr("--max-ips to 10000,"));  // It was 1e+04.
  options_.max_images_per_s = 20;
  options_.force = true;
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("this feed's peak")));
}

// It was rounded up: 15.6 where 15.555 is served, and whoever followed it was refused again.
TEST_F(PreflightTest, APeakThatIsAdvisedIsServed) {
  options_.max_images_per_s = 20;
  for (const double times : {0.0123456, 0.123456, 0.7777, 0.9996}) {
    store_peak(times);
    plan_for({1000, 3000}, 20);
    const std::string said = refusal();
    const double advised = std::stod(said.substr(said.find("--max-ips to ") + 13));
    EXPECT_GT(advised, 0.99 * times * 20);
    plan_for({1000, 3000}, advised);
    EXPECT_THAT(run().warnings, IsEmpty()) << said;
  }
}

// It was reckoned from the highest fraction of the curve, whatever --max-mbps was.
TEST_F(PreflightTest, AnAdvisedPeakIsOfTheFlagWhateverTheCurveMakesOfIt) {
  options_.peak = ByteRate::bytes_per_second(20'000);
  store_peak(0.5);
  EXPECT_THAT(refusal(), HasSubstr("--max-mbps to 0.01,"));
}

TEST_F(PreflightTest, NoMoreThreadsAreAdvisedThanThereMayBe) {
  store_peak(0.001);
  EXPECT_THAT(refusal(), testing::AllOf(HasSubstr("--max-mbps to"), testing::Not(HasSubstr("--threads"))));
}

TEST_F(PreflightTest, APeakWithinTheCalibrationPasses) {
  store_peak(1.01);
  EXPECT_THAT(run().warnings, IsEmpty());
}

TEST_F(PreflightTest, AShardNeedsItsShareOfThePeakOnly) {
  store_peak(0.51);
  options_.shard = {1, 2};
  EXPECT_THAT(run().warnings, IsEmpty());
}

TEST_F(PreflightTest, ThreadsBeyondWhatOneProducerGotAreAWarning) {
  store_peak(0.51);
  options_.threads = 2;
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("2 threads")));
  options_.threads = 1;
  EXPECT_THAT(refusal(), HasSubstr("--threads 2"));
}

TEST_F(PreflightTest, ThePeakOfImagesOfEverySizeIsHeldAgainstWhatThatSizeGot) {
  Calibration stored = calibration();
  stored.rates = {{1000, 60'000, 60, 1}, {30'000, 1800, 54, 1}, {300'000, 670, 201, 1}};
  store(stored);
  for (const auto& [bytes, images_per_s] :
       {std::pair{1000U, 60'000.0}, {30'000U, 1800.0}, {300'000U, 670.0}}) {
    plan_for({bytes}, 0.98 * images_per_s);
    EXPECT_THAT(run().warnings, IsEmpty()) << bytes;
    plan_for({bytes}, 1.02 * images_per_s);
    EXPECT_THAT(refusal(), HasSubstr("calibration")) << bytes;
  }
}

TEST_F(PreflightTest, TimersThatAreHopelesslyLateAreRefusedUnlessForced) {
  Calibration stored = calibration();
  stored.lateness_50.p99_ms = 150;
  store(stored);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("150.0 ms late"), HasSubstr("kexp feed calibrate"), HasSubstr("--force")));
  options_.force = true;
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("150.0 ms late")));

  stored.lateness_50.p99_ms = 1.5;
  store(stored);
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("PERTURBED")));
}

TEST_F(PreflightTest, ACalibrationIsOfTheClusterHoweverItsServersAreWritten) {
  store_peak(0.5);
  options_.client.servers = "127.0.0.1:9092,localhost:9092";
  EXPECT_THAT(refusal(), HasSubstr("to localhost:9092"));
}

TEST_F(PreflightTest, ACalibrationOfAnotherClusterOrAnotherHostIsNotAsked) {
  Calibration stored = calibration();
  stored.rates = {{1000, 1, 1, 1}};
  stored.cluster = "another-cluster";
  store(stored);
  EXPECT_THAT(run().warnings, IsEmpty());
  stored.cluster = "fake-cluster";
  stored.host = "elsewhere";
  store(stored);
  EXPECT_THAT(run().warnings, IsEmpty());
  write_file_atomically(calibration_file("fake-cluster"), "{\"time\": ");
  EXPECT_THAT(run().warnings, IsEmpty());
}

// --- The brokers' clocks ----------------------------------------------------------------------------------

TEST_F(PreflightTest, ABrokerThatIsTooFarBehindIsRefused) {
  kafka_.set_broker_ahead(-2h);
  set("message.timestamp.after.max.ms", "3600000");
  // Two hours, the minutes that images may be late, and one more.
  EXPECT_THAT(refusal(), AllOf(HasSubstr("message.timestamp.after.max.ms=3600000"),
                               HasSubstr("broker 1 is 2 h 00 min behind"), HasSubstr("INVALID_TIMESTAMP"),
                               HasSubstr("--add-config message.timestamp.after.max.ms=7380000")));
}

TEST_F(PreflightTest, ABrokerThatIsTooFarAheadIsRefused) {
  kafka_.set_broker_ahead(2h);
  set("message.timestamp.before.max.ms", "3600000");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("message.timestamp.before.max.ms=3600000"), HasSubstr("ahead of")));
}

TEST_F(PreflightTest, TheOlderLimitHoldsWhereTheNewerIsAtItsDefault) {
  kafka_.set_broker_ahead(-2h);
  set("message.timestamp.difference.max.ms", "3600000");
  EXPECT_THAT(refusal(), HasSubstr("message.timestamp.difference.max.ms=3600000"));
  set("message.timestamp.after.max.ms", "9223372036854775807");
  EXPECT_THAT(refusal(), HasSubstr("message.timestamp.difference.max.ms=3600000"));
  set("message.timestamp.after.max.ms", "86400000");
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("times of other hosts")));
}

TEST_F(PreflightTest, ABrokerNearTheLimitIsAWarning) {
  kafka_.set_broker_ahead(59min);
  set("message.timestamp.before.max.ms", "3600000");
  EXPECT_THAT(run().warnings,
              ElementsAre(HasSubstr("images that are late may be refused"), HasSubstr("NTP")));
}

TEST_F(PreflightTest, ABrokerThatIsAheadShortensTheRetention) {
  kafka_.set_broker_ahead(2h);
  set("retention.ms", "7205000");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("retention.ms=7205000"), HasSubstr("7200 s ahead")));
}

TEST_F(PreflightTest, AClockThatIsOffIsAWarningAndInTheRun) {
  kafka_.set_broker_ahead(250ms);
  const PreflightReport report = run();
  EXPECT_THAT(report.warnings, ElementsAre(AllOf(HasSubstr("broker 1"), HasSubstr("ahead of"))));

  auto directory = record::RunDirectory::join(dir_ / "run", "feed", Json::object(), clock_.wall_now());
  record_preflight(report, directory, log_, clock_.wall_now());
  const Json event = record::last_event(dir_ / "run", "feed", "broker_clock");
  EXPECT_EQ(event.at("broker"), 1);
  EXPECT_NEAR(event.at("ahead_ms").get<double>(), 250, 0.6);
  EXPECT_DOUBLE_EQ(event.at("uncertainty_ms").get<double>(), 0.5);
  EXPECT_EQ(log_.count(LogLevel::warn, "broker 1"), 1U);
}

TEST_F(PreflightTest, TheReadingOfTheShortestRoundTripCounts) {
  int sends = 0;
  kafka_.on_send = [&](const kafka::OutgoingRecord&) { clock_.advance(++sends == 3 ? 2ms : 40ms); };
  const PreflightReport report = run();
  ASSERT_EQ(report.broker_clocks.size(), 1U);
  EXPECT_EQ(report.broker_clocks[0].uncertainty, 1500us);
}

TEST_F(PreflightTest, AClockThatMayNotBeMeasuredIsAWarning) {
  kafka_.on_admin = [](const std::string& call, const std::string&) {
    if (call == "create_topic") {
      throw kafka::KafkaError(ExitCode::failed, "TOPIC_AUTHORIZATION_FAILED", false, "not for you");
    }
  };
  const PreflightReport report = run();
  EXPECT_THAT(report.warnings, ElementsAre(AllOf(HasSubstr("not measured"), HasSubstr("not for you"))));
  EXPECT_THAT(report.clocks_not_measured, HasSubstr("not for you"));
  EXPECT_EQ(log_.lines().size(), 0U) << "there is no topic to delete";

  auto directory = record::RunDirectory::join(dir_ / "run", "feed", Json::object(), clock_.wall_now());
  record_preflight(report, directory, log_, clock_.wall_now());
  EXPECT_EQ(record::last_event(dir_ / "run", "feed", "broker_clock").at("not_measured"), "not for you");
}

TEST_F(PreflightTest, TheScratchTopicGoesWhenTheProbeFails) {
  kafka_.fail_next("NOT_ENOUGH_REPLICAS");
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("NOT_ENOUGH_REPLICAS")));
  EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input"));

  kafka_.hold_reports();
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("no answer")));
  EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input"));
}

TEST_F(PreflightTest, TheScratchTopicGoesWhenTheFeedIsStopped) {
  kafka_.on_send = [&](const kafka::OutgoingRecord&) { stop_.request_stop(); };
  EXPECT_THAT(message_of<InterruptedError>([&] { return run(); }), HasSubstr("stopped"));
  EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input"));
}

TEST_F(PreflightTest, AScratchTopicMadeWithoutAnAnswerIsDeletedToo) {
  kafka_.on_admin = [&](const std::string& call, const std::string& name) {
    if (call == "create_topic") {
      kafka_.add_topic(name, 1);
      throw UnavailableError("no answer in time");
    }
  };
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("no answer in time")));
  EXPECT_THAT(kafka_.topics(), ElementsAre("yolo_input"));
}

TEST_F(PreflightTest, AScratchTopicThatStaysIsNamed) {
  kafka_.on_admin = [](const std::string& call, const std::string&) {
    if (call == "delete_topic") {
      throw UnavailableError("no broker answered");
    }
  };
  EXPECT_THAT(run().warnings, IsEmpty());
  EXPECT_EQ(log_.count(LogLevel::warn, "topic=kexp-clock-"), 1U);
}

TEST_F(PreflightTest, TheClocksAreLeftAloneWhenTold) {
  options_.broker_clock = false;
  kafka_.on_admin = [](const std::string& call, const std::string&) { EXPECT_NE(call, "create_topic"); };
  const PreflightReport report = run();
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(report.clocks_not_measured, "--no-broker-clock");
}

TEST_F(PreflightTest, ATopicWithoutLeadersHasNoClockToMeasure) {
  kafka_.on_describe = [](kafka::TopicInfo& info) {
    for (kafka::PartitionInfo& partition : info.partitions) {
      partition.leader = -1;
    }
  };
  EXPECT_THAT(run().warnings, ElementsAre(HasSubstr("no partition has a leader")));
}

}  // namespace
}  // namespace kexp::feeder
