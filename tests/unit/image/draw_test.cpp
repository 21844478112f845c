#include <limits>

#include <gmock/gmock.h>

#include "kexp/image/image.hpp"

#include "picture_files.hpp"

namespace kexp::test {
namespace {

using ::testing::ElementsAre;

constexpr std::uint32_t kOrange = 0xFF8000;

image::Image black(int width, int height) {
  return {width, height, Bytes(static_cast<std::size_t>(3 * width * height))};
}

TEST(DrawTest, DrawsTheFrameOfABox) {
  image::Image image = black(100, 80);

  image::draw_box(image, 20, 30, 40, 20, "", kOrange);

  EXPECT_THAT(pixel_of(image, 20, 30), ElementsAre(0x00, 0x80, 0xFF));
  EXPECT_THAT(pixel_of(image, 59, 49), ElementsAre(0x00, 0x80, 0xFF));
  EXPECT_THAT(pixel_of(image, 40, 40), ElementsAre(0, 0, 0)) << "the inside stays";
  EXPECT_THAT(pixel_of(image, 60, 50), ElementsAre(0, 0, 0));
}

TEST(DrawTest, WritesTheCaptionAboveTheBox) {
  image::Image image = black(200, 100);

  image::draw_box(image, 20, 30, 100, 50, "dog 0.9", kOrange);

  EXPECT_THAT(pixel_of(image, 20, 29), ElementsAre(0x00, 0x80, 0xFF)) << "its paper";
  image::Image other = black(200, 100);
  image::draw_box(other, 20, 30, 100, 50, "cat 0.9", kOrange);
  EXPECT_NE(image.bgr, other.bgr) << "the text can be told apart";
}

TEST(DrawTest, KeepsToThePictureWhateverTheBox) {
  image::Image image = black(30, 20);
  const double far = std::numeric_limits<double>::max();

  image::draw_box(image, -50, -50, 500, 500, std::string(300, '~'), kOrange);
  image::draw_box(image, far, far, far, far, "x", kOrange);
  image::draw_box(image, 5, 5, 0, 0, "x", kOrange);

  EXPECT_EQ(image.bgr.size(), 3U * 30 * 20);
}

}  // namespace
}  // namespace kexp::test
