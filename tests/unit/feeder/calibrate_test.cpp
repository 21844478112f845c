#include "kexp/feeder/calibrate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kexp/core/error.hpp"
#include "kexp/dataset/dataset.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "support/recording_progress.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// Every send takes 1 ms, and 1 ms more for each 100 kB.
class CalibrateTest : public testing::Test {
 protected:
  CalibrateTest() {
    options_.duration = 8s;
    options_.most_bytes = 60'000'000;
    kafka_.on_send = [this](const kafka::OutgoingRecord& record) {
      sends_ += 1;
      clock_.advance(1ms + 10ns * static_cast<int>(record.value.size()));
    };
  }
  Calibration run() { return calibrate(options_, {kafka_, clock_, log_, progress_}, stop_.get_token()); }

  test::TempDir dir_;
  test::ScopedEnv cache_{"XDG_CACHE_HOME", dir_.path().string()};
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  test::RecordingProgress progress_;
  std::stop_source stop_;
  CalibrateOptions options_;
  int sends_ = 0;
};

TEST_F(CalibrateTest, TellsWhatTheProducerGotAcknowledged) {
  const Calibration calibration = run();

  EXPECT_EQ(calibration.servers, "localhost:9092");
  EXPECT_EQ(calibration.mean_image_bytes, 300'000);
  EXPECT_NEAR(calibration.images_per_s, 250, 0.01);  // 4 ms each.
  EXPECT_NEAR(calibration.megabytes_per_s, 75, 0.01);
  EXPECT_NEAR(calibration.small_images_per_s, 1 / 1.01e-3, 0.1);
  EXPECT_EQ(calibration.lateness_50.count, 50U);  // An eighth of 8 s.
  EXPECT_EQ(calibration.lateness_1000.count, 1000U);
  EXPECT_EQ(calibration.lateness_1000.max_ms, 0);
  EXPECT_THAT(kafka_.topics(), IsEmpty());
  EXPECT_EQ(kafka_.producer_options().client.servers, "localhost:9092");
}

TEST_F(CalibrateTest, EndsWithinItsTimeOrItsBytes) {
  const SteadyTime start = clock_.now();
  options_.most_bytes = 1'000'000'000'000;
  (void)run();
  EXPECT_LE(clock_.now() - start, 8s);

  sends_ = 0;
  options_.most_bytes = 3'000'000;
  (void)run();
  // 10 images and the first; then what an eighth of a second of small ones takes, and the first of them.
  EXPECT_LT(sends_, 12 + 1 + 800);
  EXPECT_GT(sends_, 12 + 1 + 700);
}

TEST_F(CalibrateTest, SendsTheDatasetsImagesToAllPartitions) {
  dataset::Writer writer(dir_ / "images.hdf5", "camera");
  writer.add(std::vector<std::uint8_t>(2000, 7));
  writer.add(std::vector<std::uint8_t>(4000, 7));
  writer.finish();
  options_.dataset = dir_ / "images.hdf5";
  options_.partitions = 4;
  std::set<std::int32_t> partitions;
  std::set<std::size_t> sizes;
  kafka_.on_send = [&](const kafka::OutgoingRecord& record) {
    partitions.insert(record.partition);
    sizes.insert(record.value.size());
    clock_.advance(1ms);
  };

  EXPECT_NEAR(run().mean_image_bytes, 3000, 1);

  EXPECT_EQ(partitions.size(), 4U);
  EXPECT_EQ(sizes, (std::set<std::size_t>{1000, 2000, 4000}));
}

TEST_F(CalibrateTest, WaitsWhileTheQueueIsFull) {
  kafka_.on_send = [&](const kafka::OutgoingRecord&) { kafka_.set_queue_full(++sends_ % 4 != 0); };
  // Three pauses of 1 ms before each image.
  EXPECT_NEAR(run().images_per_s, 333.3, 1);
}

TEST_F(CalibrateTest, TheScratchTopicGoesWhenTheBrokerTakesNothing) {
  kafka_.fail_next("NOT_ENOUGH_REPLICAS", 1'000'000);
  EXPECT_THAT(message_of<UnavailableError>([&] { return run(); }),
              AllOf(HasSubstr("kexp-calibrate-"), HasSubstr("NOT_ENOUGH_REPLICAS")));
  EXPECT_THAT(kafka_.topics(), IsEmpty());
}

TEST_F(CalibrateTest, TheScratchTopicGoesWhenItIsStopped) {
  kafka_.on_send = [&](const kafka::OutgoingRecord&) {
    clock_.advance(1ms);
    if (++sends_ == 20) {
      stop_.request_stop();
    }
  };
  EXPECT_THAT(message_of<InterruptedError>([&] { return run(); }), HasSubstr("stopped"));
  EXPECT_THAT(kafka_.topics(), IsEmpty());
  EXPECT_EQ(sends_, 20);
}

TEST_F(CalibrateTest, WhatIsStoredIsReadAgain) {
  const Calibration calibration = run();
  Calibration stored = calibration;
  stored.lateness_50 = {};
  stored.lateness_50.p99_ms = std::nan("");  // Nothing was measured.
  store(stored);

  const auto read = stored_calibration("localhost:9092");
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read).dump(), to_json(stored).dump());
  EXPECT_TRUE(std::isnan(read->lateness_50.p99_ms));
  EXPECT_FALSE(stored_calibration("elsewhere:9092"));
  EXPECT_THAT(calibration_file("localhost:9092").string(),
              AllOf(HasSubstr(dir_.path().string()), HasSubstr("calibration")));
}

TEST_F(CalibrateTest, FlagsOutOfRangeAreNamed) {
  const auto message = [&](auto change) {
    CalibrateOptions options;
    change(options);
    return message_of<UsageError>([&] { validate(options); });
  };
  EXPECT_THAT(message([](auto& o) { o.duration = 1s; }), HasSubstr("--duration"));
  EXPECT_THAT(message([](auto& o) { o.partitions = 0; }), HasSubstr("--partitions"));
  EXPECT_THAT(message([](auto& o) { o.replication = 0; }), HasSubstr("--replication"));
  EXPECT_THAT(message([](auto& o) { o.most_bytes = 0; }), HasSubstr("--most-mb"));
}

}  // namespace
}  // namespace kexp::feeder
