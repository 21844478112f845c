#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>

#include "kexp/core/error.hpp"
#include "kexp/dataset/dataset.hpp"
#include "kexp/dataset/frame_source.hpp"
#include "kexp/dataset/make.hpp"

#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

// AddressSanitizer asks for it: OpenCV's videoio loads libraries that leak while they are loaded (libusb).
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace kexp::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kFrames = 10;

// The shade of frame i, far enough from its neighbours to survive the codec.
int shade(int frame) { return 20 + 20 * frame; }

// 10 frames of 64x48 by OpenCV's own Motion-JPEG writer: no codec package is needed.
std::string write_video(const TempDir& dir) {
  const std::string file = (dir / "video.avi").string();
  cv::VideoWriter writer(file, cv::CAP_OPENCV_MJPEG, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 10,
                         {64, 48});
  for (int i = 0; i < kFrames; ++i) {
    writer.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar::all(shade(i))));
  }
  return file;
}

dataset::MakeResult make(const dataset::MakeOptions& options, std::stop_token stop = {}) {
  FakeClock clock;
  NoProgress progress;
  dataset::validate(options);
  return dataset::make_dataset(options, clock, progress, std::move(stop));
}

TEST(DatasetVideoTest, GivesEveryFrameInOrder) {
  const TempDir dir;
  const auto source = dataset::open_video(write_video(dir));

  image::Image frame;
  for (int i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(source->next(frame));
    EXPECT_EQ(frame.width, 64);
    EXPECT_EQ(frame.height, 48);
    ASSERT_EQ(frame.bgr.size(), 3U * 64 * 48);
    EXPECT_NEAR(frame.bgr[0], shade(i), 3);
  }
  EXPECT_FALSE(source->next(frame));
}

TEST(DatasetVideoTest, TakesEveryNthFrameUpToCount) {
  const TempDir dir;
  dataset::MakeOptions options;
  options.video = write_video(dir);
  options.out = dir / "video.h5";
  options.every = 3;
  options.count = 3;
  options.resize = Size2{32, 24};

  EXPECT_EQ(make(options).images, 3U);

  const auto read = dataset::Dataset::read(options.out);
  ASSERT_EQ(read.items().size(), 3U);
  for (int i = 0; i < 3; ++i) {
    const auto bytes = read.items()[static_cast<std::size_t>(i)].bytes;
    EXPECT_EQ(image::format_of(bytes), image::Format::jpeg);
    const image::Image frame = image::decode(bytes);
    EXPECT_EQ(frame.width, 32);
    EXPECT_NEAR(frame.bgr[0], shade(3 * i), 4);
  }
}

TEST(DatasetVideoTest, ReadsImagesThatAreNeitherJpegNorPng) {
  const TempDir dir;
  cv::Mat picture(6, 9, CV_8UC3, cv::Scalar(10, 20, 30));
  cv::imwrite((dir / "picture.bmp").string(), picture);

  const image::Image image = dataset::read_other_image(dir / "picture.bmp");

  EXPECT_EQ(image.width, 9);
  EXPECT_EQ(image.height, 6);
  EXPECT_THAT(std::vector<int>(image.bgr.begin(), image.bgr.begin() + 3), testing::ElementsAre(10, 20, 30));
}

TEST(DatasetVideoTest, NamesWhatIsNeitherVideoNorImage) {
  const TempDir dir;
  const auto file = dir.write("noise.avi", std::string(5000, '\x5a'));

  EXPECT_THAT(message_of<FailedError>([&] { return dataset::open_video(file.string()); }),
              HasSubstr(file.string()));
  EXPECT_THAT(message_of<FailedError>([&] { return dataset::read_other_image(file); }),
              AllOf(HasSubstr(file.string()), HasSubstr("image")));
}

TEST(DatasetVideoTest, AnInterruptLeavesNothing) {
  const TempDir dir;
  std::stop_source stop;
  stop.request_stop();
  dataset::MakeOptions options;
  options.video = write_video(dir);
  options.out = dir / "video.h5";

  EXPECT_THROW(make(options, stop.get_token()), InterruptedError);
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

}  // namespace
}  // namespace kexp::test
