#include "feed_images.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/random.hpp"

#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_kafka.hpp"
#include "support/recording_progress.hpp"
#include "support/temp_dir.hpp"

namespace kexp::feeder {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class FeedImagesTest : public testing::Test {
 protected:
  FeedImagesTest() {
    kafka_.add_topic("yolo_input", 1);
    options_.dataset = dir_ / "images.hdf5";
    options_.run = dir_ / "run";
    options_.curve.profile = "constant";
    options_.curve.duration_s = 4;
    options_.max_images_per_s = 10;
  }

  void make_dataset(std::size_t count, std::size_t bytes) {
    images_.clear();
    dataset::Writer writer(options_.dataset, "camera");
    for (std::size_t i = 0; i < count; ++i) {
      SplitMix64 random(i);
      std::string image(bytes + i, ' ');
      for (char& byte : image) {
        byte = static_cast<char>(random.next());
      }
      writer.add({reinterpret_cast<const std::uint8_t*>(image.data()), image.size()});
      images_.push_back(std::move(image));
    }
    writer.finish();
  }

  FeederResult run() { return run_feeder(options_, {kafka_, clock_, log_, progress_, metrics_}, {}); }
  Json started() {
    const std::string events = read_file(dir_ / "run" / "feed.json");
    return parse_json(events.substr(0, events.find('\n')), "feed.json");
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  test::FakeKafka kafka_{clock_};
  test::CapturingLog log_;
  test::RecordingProgress progress_;
  telemetry::Metrics metrics_;
  FeederOptions options_;
  std::vector<std::string> images_;
};

TEST_F(FeedImagesTest, ADatasetThatFitsIsInMemory) {
  make_dataset(10, 1'000);
  options_.dataset_memory_bytes = 10'045;

  (void)run();

  EXPECT_EQ(started().at("settings").at("streamed"), false);
  EXPECT_TRUE(log_.contains("feed: dataset_mb=0.0 in memory"));
}

TEST_F(FeedImagesTest, ALargerDatasetIsStreamedAndArrivesUnchanged) {
  make_dataset(10, 1'000);
  options_.dataset_memory_bytes = 10'044;

  (void)run();

  const Json settings = started().at("settings");
  EXPECT_EQ(settings.at("streamed"), true);
  EXPECT_DOUBLE_EQ(settings.at("dataset_mb").get<double>(), 0.010045);
  EXPECT_DOUBLE_EQ(settings.at("window_mb").get<double>(), 0.010044);
  EXPECT_TRUE(log_.contains("feed: dataset_mb=0.0 streamed window_mb=0.0"));
  const auto records = kafka_.records("yolo_input");
  ASSERT_EQ(records.size(), 40U);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(std::string(records[i].value.begin(), records[i].value.end()), images_[i % 10]) << i;
  }
}

TEST_F(FeedImagesTest, AnUnsetMemoryIsPlentyForASmallDataset) {
  make_dataset(3, 100);

  EXPECT_EQ(FeedImages(options_, FeedImages::Keep::images).is_streamed(), false);
}

TEST_F(FeedImagesTest, APlanNeedsNoImageInMemory) {
  make_dataset(3, 100);

  const FeedImages images(options_, FeedImages::Keep::index);

  EXPECT_EQ(images.is_streamed(), true);
  EXPECT_EQ(images.sizes(), (std::vector<std::uint64_t>{100, 101, 102}));
  EXPECT_EQ(images.hash(), dataset::Dataset::read(options_.dataset).hash());
}

TEST_F(FeedImagesTest, ADryRunPlansWhatTheRunSends) {
  make_dataset(10, 1'000);
  (void)run();

  EXPECT_EQ(prepare_plan(options_).plan_hash,
            parse_json(read_file(dir_ / "run" / "plan.json"), "plan.json").at("plan_hash"));
}

TEST_F(FeedImagesTest, AnImageLargerThanKafkaTakesIsRefusedHoweverItIsKept) {
  make_dataset(2, 15'000'000);
  for (const std::int64_t memory : {std::int64_t{1}, std::int64_t{1'000'000'000}}) {
    options_.dataset_memory_bytes = memory;
    EXPECT_THAT(test::message_of<UsageError>([&] { return FeedImages(options_, FeedImages::Keep::images); }),
                AllOf(HasSubstr("--dataset"), HasSubstr("image 1 has 15000001 bytes, at most 15000000")));
  }
}

TEST_F(FeedImagesTest, AFileThatIsCutShortInMidRunEndsItWithTheReason) {
  make_dataset(40, 100'000);
  options_.dataset_memory_bytes = 400'000;
  int sent = 0;
  kafka_.on_send = [&](const kafka::OutgoingRecord&) {
    if (++sent == 3) {
      std::filesystem::resize_file(options_.dataset, 2'000'000);
    }
  };

  EXPECT_THAT(test::message_of<FailedError>([&] { return run(); }),
              AllOf(HasSubstr("cannot be read any more: --dataset"), HasSubstr("sensor camera, frame ")));

  EXPECT_THAT(read_file(dir_ / "run" / "feed.json"),
              AllOf(HasSubstr("\"failed\""), HasSubstr("cannot be read any more")));
}

}  // namespace
}  // namespace kexp::feeder
