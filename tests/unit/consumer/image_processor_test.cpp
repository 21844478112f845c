#include "image_processor.hpp"

#include <filesystem>

#include <gmock/gmock.h>

#include "kexp/core/file.hpp"
#include "kexp/kafka/options.hpp"

#include "messages.hpp"
#include "support/capturing_log.hpp"
#include "support/data.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_detector.hpp"
#include "support/temp_dir.hpp"

namespace kexp::consumer {
namespace {

using namespace std::chrono_literals;
using test::FakeClock;
using test::FakeDetector;
using test::TestMessage;
using testing::HasSubstr;

class ImageProcessorTest : public testing::Test {
 protected:
  ImageProcessorTest() {
    processing_.identity = {"pod-1", "worker-1", "10.244.1.7"};
    processing_.threads = 1;
    message_ = std::make_unique<TestMessage>(3, 99);
    message_->key_text = "4711";
    message_->run = "run-a";
    message_->bytes = test::png(8, 6);
    message_->created_ms = unix_ms(FakeClock::kStart) - 12;
  }

  record::Result process() {
    const ThrottleMeter throttling(system_root_);
    ImageProcessor processor(detector_, clock_, throttling, log_, processing_);
    return processor.process({{}, std::move(message_), std::move(decoded_)}, 3100us);
  }
  record::Result process(std::vector<std::uint8_t> bytes) {
    message_->bytes = std::move(bytes);
    return process();
  }

  FakeClock clock_;
  FakeDetector detector_;
  test::CapturingLog log_;
  Processing processing_;
  std::filesystem::path system_root_ = test::data_file("cgroup/unlimited");
  std::unique_ptr<TestMessage> message_;
  std::optional<DecodedImage> decoded_;
};

TEST_F(ImageProcessorTest, DescribesAnImage) {
  detector_.on_detect = [this](const image::Image& image) {
    clock_.advance(55ms);
    return FakeDetector::answer(image);
  };
  const record::Result result = process();

  EXPECT_DOUBLE_EQ(result.idle_ms, 3.1);
  EXPECT_EQ(result.start_time_ms, unix_ms(FakeClock::kStart) - 12);
  EXPECT_EQ(result.end_time_ms, unix_ms(FakeClock::kStart));
  EXPECT_DOUBLE_EQ(result.queue_ms, 12);
  EXPECT_EQ(result.done_time_ms, unix_ms(FakeClock::kStart) + 55);
  EXPECT_DOUBLE_EQ(result.pre_ms, 1);
  EXPECT_DOUBLE_EQ(result.inf_ms, 2);
  EXPECT_DOUBLE_EQ(result.post_ms, 0.5);
  EXPECT_EQ(result.source, "10.244.1.7");
  EXPECT_EQ(result.node, "worker-1");
  EXPECT_EQ(result.pod, "pod-1");
  EXPECT_EQ(result.model, "fake-model");
  EXPECT_EQ(result.engine, "fake");
  EXPECT_EQ(result.threads, 1);
  EXPECT_EQ(result.dimensions, (std::vector<std::int64_t>{1, 3, 416, 416}));
  EXPECT_EQ(result.width, 8);
  EXPECT_EQ(result.height, 6);
  EXPECT_EQ(result.id, "4711");
  EXPECT_EQ(result.run, "run-a");
  EXPECT_EQ(result.partition, 3);
  EXPECT_EQ(result.offset, 99);
  EXPECT_EQ(result.errors, 0);
  ASSERT_EQ(result.detections.size(), 1U);
  EXPECT_EQ(result.detections[0].label, "person");
  EXPECT_DOUBLE_EQ(result.detections[0].confidence, 0.75);
  EXPECT_EQ(result.detections[0].box, (std::array<double, 4>{0, 0, 4, 3}));
}

TEST_F(ImageProcessorTest, TakesMessagesOfForeignProducers) {
  message_->key_text.clear();
  message_->run.reset();
  const record::Result result = process();
  EXPECT_EQ(result.id, "3-99");
  EXPECT_EQ(result.run, "");
  EXPECT_EQ(result.errors, 0);
}

TEST_F(ImageProcessorTest, TakesAnImageThatWasDecodedAhead) {
  decoded_.emplace();
  decode_message(*message_, clock_, {}, *decoded_);
  decoded_->took = 7ms;
  message_->bytes.clear();
  const record::Result result = process();
  EXPECT_EQ(result.errors, 0);
  EXPECT_EQ(result.width, 8);
  EXPECT_DOUBLE_EQ(result.decode_ms, 7);
  EXPECT_EQ(detector_.images(), 1);
}

TEST_F(ImageProcessorTest, ReleasesTheMessageBeforeInference) {
  bool released = false;
  bool released_before_inference = false;
  message_->released = &released;
  detector_.on_detect = [&](const image::Image& image) {
    released_before_inference = released;
    return FakeDetector::answer(image);
  };
  process();
  EXPECT_TRUE(released_before_inference);
}

TEST_F(ImageProcessorTest, AnswersAnEmptyMessageWithAnError) {
  const record::Result result = process({});
  EXPECT_EQ(result.errors, 1);
  EXPECT_THAT(result.error, HasSubstr("empty"));
  EXPECT_EQ(result.id, "4711");
  EXPECT_EQ(result.dimensions, (std::vector<std::int64_t>{1, 3, 416, 416}));
  EXPECT_EQ(detector_.images(), 0);
}

TEST_F(ImageProcessorTest, AnswersWhatIsNoImageWithAnError) {
  const std::string text = "not a picture at all";
  const record::Result result = process({text.begin(), text.end()});
  EXPECT_EQ(result.errors, 1);
  EXPECT_NE(result.error, "");
  EXPECT_EQ(detector_.images(), 0);
}

TEST_F(ImageProcessorTest, AnswersHalfAnImageWithAnError) {
  std::vector<std::uint8_t> bytes = test::png(64, 64);
  bytes.resize(bytes.size() / 2);
  const record::Result result = process(bytes);
  EXPECT_EQ(result.errors, 1);
  EXPECT_TRUE(result.detections.empty());
  EXPECT_EQ(detector_.images(), 0);
}

TEST_F(ImageProcessorTest, AnswersATooLargeMessageWithAnErrorThatNamesTheLimit) {
  std::vector<std::uint8_t> bytes = test::png();
  bytes.resize(static_cast<std::size_t>(kafka::kMaxImageBytes) + 1);
  const record::Result result = process(bytes);
  EXPECT_EQ(result.errors, 1);
  EXPECT_THAT(result.error, HasSubstr("15000001"));
  EXPECT_THAT(result.error, HasSubstr("15000000"));
}

TEST_F(ImageProcessorTest, AnswersWithAnErrorAPictureThatNeedsMoreThanItsShareOfMemory) {
  processing_.picture_limits.memory_bytes = 8 * 6 * 3 - 1;
  const record::Result result = process();
  EXPECT_EQ(result.errors, 1);
  EXPECT_THAT(result.error, HasSubstr("8 x 6 pixels and needs"));
  EXPECT_EQ(detector_.images(), 0);
}

TEST_F(ImageProcessorTest, AnswersWithAnErrorAPictureThatTheEngineCannotDo) {
  detector_.on_detect = [](const image::Image& image) {
    if (image.width == 8) {
      throw inference::ModelError("the engine said no");
    }
    return FakeDetector::answer(image);
  };
  const record::Result result = process();
  EXPECT_EQ(result.errors, 1);
  EXPECT_EQ(result.error, "the engine said no");
  EXPECT_TRUE(result.detections.empty());
  EXPECT_EQ(log_.count(LogLevel::warn, "partition=3 offset=99"), 1U);
}

// A model file deleted while pods worked: all that came in another form was answered, with an error, and
// lost.
TEST_F(ImageProcessorTest, MakesUpNoAnswerOnceTheModelFileIsGone) {
  detector_.on_detect = [](const image::Image&) -> inference::DetectorResult {
    throw inference::ModelFileError("no model file a.onnx");
  };
  EXPECT_THAT(test::message_of<FailedError>([this] { process(); }),
              testing::AllOf(HasSubstr("no model file a.onnx"), HasSubstr("partition 3 offset 99")));
  EXPECT_EQ(detector_.images(), 1);
}

TEST_F(ImageProcessorTest, MakesUpNoAnswerOnceTheEngineDoesNothingAnyMore) {
  detector_.on_detect = [](const image::Image&) -> inference::DetectorResult {
    throw std::runtime_error("out of order");
  };
  EXPECT_THAT(test::message_of<FailedError>([this] { process(); }),
              testing::AllOf(HasSubstr("out of order"), HasSubstr("partition 3 offset 99")));
  EXPECT_EQ(detector_.images(), 2);  // The second was the picture on which it has worked.
}

TEST_F(ImageProcessorTest, AnswersWithAnErrorAPictureForWhichThereIsNoMemory) {
  detector_.on_detect = [](const image::Image&) -> inference::DetectorResult { throw std::bad_alloc(); };
  const record::Result result = process();
  EXPECT_EQ(result.errors, 1);
  EXPECT_THAT(result.error, HasSubstr("no memory for a picture of 8x6"));
}

TEST_F(ImageProcessorTest, NamesAClassBeyondTheLabelsByItsNumber) {
  detector_.on_detect = [](const image::Image& image) {
    inference::DetectorResult found = FakeDetector::answer(image);
    found.detections[0].class_id = 79;
    return found;
  };
  const record::Result result = process();
  ASSERT_EQ(result.detections.size(), 1U);
  EXPECT_EQ(result.detections[0].class_id, 79);
  EXPECT_EQ(result.detections[0].label, "class 79");
}

TEST_F(ImageProcessorTest, SaysHowLongTheImageWasThrottled) {
  const test::TempDir root;
  std::filesystem::copy(test::data_file("cgroup/v2-container"), root.path(),
                        std::filesystem::copy_options::recursive);
  system_root_ = root.path();
  detector_.on_detect = [&](const image::Image& image) {
    root.write("sys/fs/cgroup/cpu.stat",
               "usage_usec 1\nnr_periods 11\nnr_throttled 2\nthrottled_usec 1542\n");
    return FakeDetector::answer(image);
  };
  const record::Result result = process();
  EXPECT_DOUBLE_EQ(result.throttled_ms, 1.5);  // It was 42 us before.
  EXPECT_EQ(result.throttled_periods, 1);
}

}  // namespace
}  // namespace kexp::consumer
