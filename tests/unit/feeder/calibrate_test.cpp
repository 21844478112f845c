#include "kexp/feeder/calibrate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
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

TEST_F(CalibrateTest, TellsWhatTheProducerGotAcknowledgedOfEverySize) {
  const Calibration calibration = run();

  EXPECT_EQ(calibration.servers, "localhost:9092");
  EXPECT_EQ(calibration.cluster, "fake-cluster");
  std::vector<double> sizes;
  for (const CalibratedRate& rate : calibration.rates) {
    sizes.push_back(rate.image_bytes);
    const double seconds_each = 1e-3 + 1e-8 * rate.image_bytes;
    EXPECT_NEAR(rate.images_per_s * seconds_each, 1, 1e-9);
    EXPECT_NEAR(rate.megabytes_per_s * seconds_each, rate.image_bytes / 1e6, 1e-9);
  }
  EXPECT_EQ(sizes, (std::vector<double>{1000, 10'000, 30'000, 100'000, 300'000, 1'000'000}));
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
  options_.most_bytes = 3'000'000;  // Half a megabyte of each size.
  (void)run();
  EXPECT_EQ(sends_, (500 + 50 + 17 + 5 + 2 + 1) + 6);  // And a first one of each.
}

TEST_F(CalibrateTest, SendsTheDatasetsImagesToAllPartitionsInPlaceOfTheSizesNearToThem) {
  dataset::Writer writer(dir_ / "images.hdf5", "camera");
  writer.add(std::vector<std::uint8_t>(20'000, 7));
  writer.add(std::vector<std::uint8_t>(40'000, 7));
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

  const Calibration calibration = run();

  EXPECT_EQ(partitions.size(), 4U);
  EXPECT_EQ(sizes, (std::set<std::size_t>{1000, 10'000, 20'000, 40'000, 100'000, 300'000, 1'000'000}));
  ASSERT_EQ(calibration.rates.size(), 6U);
  EXPECT_EQ(calibration.rates[2].image_bytes, 30'000);  // Whichever of the two came last.
  EXPECT_EQ(calibration.rates[2].dataset, options_.dataset.string());
  EXPECT_EQ(calibration.rates[1].dataset, "");
}

TEST_F(CalibrateTest, WaitsWhileTheQueueIsFull) {
  kafka_.on_send = [&](const kafka::OutgoingRecord&) { kafka_.set_queue_full(++sends_ % 4 != 0); };
  // Three pauses of 1 ms before each image.
  for (const CalibratedRate& rate : run().rates) {
    EXPECT_NEAR(rate.images_per_s, 333.3, 17) << rate.image_bytes;  // Large ones are few.
  }
}

TEST_F(CalibrateTest, TheScratchTopicGoesWhenTheBrokerTakesNothing) {
  kafka_.fail_next("NOT_ENOUGH_REPLICAS", 1'000'000);
  EXPECT_THAT(message_of<UnavailableError>([&] { return run(); }),
              AllOf(HasSubstr("kexp-calibrate-"), HasSubstr("NOT_ENOUGH_REPLICAS")));
  EXPECT_THAT(kafka_.topics(), IsEmpty());
}

TEST_F(CalibrateTest, TheScratchTopicGoesWhenItIsStopped) {
  for (const bool queue_is_full : {false, true}) {
    sends_ = 0;
    stop_ = std::stop_source();
    kafka_.on_send = [&](const kafka::OutgoingRecord&) {
      clock_.advance(1ms);
      if (++sends_ == 20) {
        kafka_.set_queue_full(queue_is_full);
        stop_.request_stop();
      }
    };
    EXPECT_THAT(message_of<InterruptedError>([&] { return run(); }), HasSubstr("stopped"));
    EXPECT_THAT(kafka_.topics(), IsEmpty());
    EXPECT_EQ(sends_, 20);
  }
}

// Both rates were kept, and the lower one refused feeds.
TEST_F(CalibrateTest, ASizeThatWasDisturbedIsLeftOut) {
  kafka_.on_send = [this](const kafka::OutgoingRecord& record) {
    clock_.advance(record.value.size() == 30'000 ? 30ms : 1ms + 10ns * static_cast<int>(record.value.size()));
  };

  const Calibration calibration = run();

  EXPECT_EQ(calibration.rates.size(), 5U);
  ASSERT_EQ(calibration.left_out.size(), 1U);
  EXPECT_EQ(calibration.left_out[0].rate.image_bytes, 30'000);
  EXPECT_EQ(calibration.left_out[0].because, "images of 100 kB got 500 images/s");
  store(calibration);
  EXPECT_EQ(to_json(*stored_calibration("fake-cluster")), to_json(calibration));
}

TEST(CalibrationTest, WhatOtherSizesContradictIsLeftOut) {
  const auto kept = [](std::vector<CalibratedRate> rates) {
    Calibration calibration;
    calibration.rates = std::move(rates);
    leave_contradicted_out(calibration);
    std::vector<double> sizes;
    for (const CalibratedRate& rate : calibration.rates) {
      sizes.push_back(rate.image_bytes);
    }
    return sizes;
  };
  using Sizes = std::vector<double>;
  const CalibratedRate small{10'000, 20'000, 200, 1};
  const CalibratedRate large{100'000, 2500, 250, 1};
  EXPECT_EQ(kept({small, {30'000, 6000, 180, 1}, large}), (Sizes{10'000, 30'000, 100'000}));
  EXPECT_EQ(kept({small, {30'000, 2001, 60, 1}, large}), (Sizes{10'000, 100'000}));  // A hollow.
  EXPECT_EQ(kept({{10'000, 1999, 20, 1}, large}), (Sizes{100'000}));
  EXPECT_EQ(kept({{10'000, 2001, 20, 1}, large}), (Sizes{10'000, 100'000}));
  // Bytes a second may fall with the size, and rise with it, but not both.
  EXPECT_EQ(kept({small, {30'000, 3334, 100.02, 1}, large}), (Sizes{10'000, 30'000, 100'000}));
  EXPECT_EQ(kept({small, {30'000, 3332, 99.96, 1}, large}), (Sizes{10'000, 100'000}));
  EXPECT_EQ(kept({small, {30'000, 3332, 99.96, 1}}), (Sizes{10'000, 30'000}));
  EXPECT_EQ(kept({{30'000, 3332, 99.96, 1}, large}), (Sizes{30'000, 100'000}));
}

TEST_F(CalibrateTest, WhatIsStoredIsReadAgain) {
  const Calibration calibration = run();
  Calibration stored = calibration;
  stored.lateness_50 = {};
  stored.lateness_50.p99_ms = std::nan("");  // Nothing was measured.
  store(stored);

  const auto read = stored_calibration("fake-cluster");
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read).dump(), to_json(stored).dump());
  EXPECT_TRUE(std::isnan(read->lateness_50.p99_ms));
  EXPECT_FALSE(stored_calibration("another-cluster"));
  EXPECT_THAT(calibration_file("fake-cluster").string(),
              AllOf(HasSubstr(dir_.path().string()), HasSubstr("calibration")));
}

TEST_F(CalibrateTest, AClusterIsTheSameHoweverItsServersAreWritten) {
  options_.client.servers = "127.0.0.1:9092";
  EXPECT_EQ(run().cluster, "fake-cluster");
  kafka_.set_cluster_id("");  // An old broker has none.
  EXPECT_EQ(run().cluster, "127.0.0.1:9092");
}

TEST(CalibrationTest, BetweenTwoSizesTheTimeForAnImageIsInterpolated) {
  Calibration calibration;
  // 0.1 ms, 0.5 ms, 1.5 ms: no line through two of them gives the third.
  calibration.rates = {{10'000, 10'000, 100, 1}, {30'000, 2000, 60, 1}, {300'000, 1e3 / 1.5, 200, 1}};

  EXPECT_DOUBLE_EQ(calibration.images_per_s(10'000), 10'000);
  EXPECT_DOUBLE_EQ(calibration.images_per_s(30'000), 2000);
  EXPECT_DOUBLE_EQ(calibration.images_per_s(300'000), 1e3 / 1.5);
  EXPECT_DOUBLE_EQ(calibration.images_per_s(20'000), 1e3 / 0.3);
  EXPECT_DOUBLE_EQ(calibration.images_per_s(165'000), 1000);
  EXPECT_DOUBLE_EQ(calibration.images_per_s(500), 10'000);
  EXPECT_DOUBLE_EQ(calibration.images_per_s(600'000), 1e3 / 3);
  EXPECT_EQ(calibration.around(165'000).first.image_bytes, 30'000);
  EXPECT_EQ(calibration.around(165'000).second.image_bytes, 300'000);
  EXPECT_EQ(calibration.around(1).first.image_bytes, 10'000);
  EXPECT_EQ(calibration.around(1e6).second.image_bytes, 300'000);
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
