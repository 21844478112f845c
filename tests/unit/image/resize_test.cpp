#include <gmock/gmock.h>

#include "kexp/image/image.hpp"

#include "picture_files.hpp"

namespace kexp::test {
namespace {

using ::testing::ElementsAre;

image::Image grey(int width, int height, const Bytes& values) {
  image::Image image{width, height, {}};
  for (const std::uint8_t value : values) {
    image.bgr.insert(image.bgr.end(), 3, value);
  }
  return image;
}

Bytes first_channel(const image::Image& image) {
  Bytes values;
  for (std::size_t i = 0; i < image.bgr.size(); i += 3) {
    values.push_back(image.bgr[i]);
  }
  return values;
}

TEST(ResizeTest, KeepsAPictureOfTheSameSize) {
  const image::Image picture = gradient(13, 7);

  EXPECT_EQ(image::resize(picture, 13, 7).bgr, picture.bgr);
}

TEST(ResizeTest, UsesHalfPixelCentres) {
  const image::Image row = grey(2, 1, {0, 100});

  EXPECT_THAT(first_channel(image::resize(row, 4, 1)), ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(first_channel(image::resize(row, 1, 1)), ElementsAre(50));
}

TEST(ResizeTest, BlendsBothDirections) {
  EXPECT_THAT(first_channel(image::resize(grey(2, 2, {0, 40, 80, 120}), 1, 1)), ElementsAre(60));
  EXPECT_EQ(image::resize(gradient(640, 480), 31, 57).bgr.size(), 3U * 31 * 57);
}

}  // namespace
}  // namespace kexp::test
