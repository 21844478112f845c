// Our decoders against OpenCV's own, whose pixels earlier experiments were made with.

#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>

#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"

#include "support/data.hpp"
#include "unit/image/picture_files.hpp"

namespace kexp::test {
namespace {

void expect_as_opencv(const Bytes& bytes, const std::string& name) {
  const image::Image ours = image::decode(bytes);
  const cv::Mat theirs = cv::imdecode(bytes, cv::IMREAD_COLOR);
  ASSERT_EQ(theirs.size(), cv::Size(ours.width, ours.height)) << name;
  const cv::Mat mine(ours.height, ours.width, CV_8UC3, const_cast<std::uint8_t*>(ours.bgr.data()));
  EXPECT_EQ(cv::norm(mine, theirs, cv::NORM_INF), 0) << name;
}

TEST(ImdecodeTest, EqualsOpenCvOnPhotographs) {
  const auto folder = test_data("data/images");
  if (!folder) {
    GTEST_SKIP() << kNoTestData;
  }
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    const std::string content = read_file(entry.path());
    expect_as_opencv(Bytes(content.begin(), content.end()), entry.path().filename());
  }
}

TEST(ImdecodeTest, EqualsOpenCvOnOtherKinds) {
  expect_as_opencv(grey_jpeg(100, 60), "grey");
  expect_as_opencv(progressive_jpeg(gradient(99, 61)), "progressive");
  expect_as_opencv(palette_png(2, 2, {0, 1, 2, 3}), "palette");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    expect_as_opencv(jpeg_with_orientation(gradient(50, 30), orientation, true), std::to_string(orientation));
  }
}

}  // namespace
}  // namespace kexp::test
