#include <algorithm>

#include <gmock/gmock.h>

#include "kexp/image/image.hpp"

#include "picture_files.hpp"

namespace kexp::test {
namespace {

using ::testing::Each;
using ::testing::Gt;
using ::testing::Lt;

/// Black but for a white block in the stored top left corner.
image::Image marked(int width, int height) {
  image::Image image{width, height, Bytes(static_cast<std::size_t>(3 * width * height))};
  for (int y = 0; y < height / 2; ++y) {
    for (int x = 0; x < width / 2; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        image.bgr[static_cast<std::size_t>(3 * (y * width + x) + channel)] = 255;
      }
    }
  }
  return image;
}

struct Case {
  int orientation;
  bool right, bottom;  ///< Where the block stands in the upright picture.
  bool swapped;
};

class OrientationTest : public ::testing::TestWithParam<Case> {};

TEST_P(OrientationTest, TurnsThePictureUpright) {
  const Case& wanted = GetParam();
  for (const bool big_endian : {false, true}) {
    const Bytes bytes = jpeg_with_orientation(marked(48, 32), wanted.orientation, big_endian);

    const image::Image upright = image::decode(bytes);
    const image::Dimensions dimensions = image::read_dimensions(bytes);

    ASSERT_EQ(upright.width, wanted.swapped ? 32 : 48);
    ASSERT_EQ(upright.height, wanted.swapped ? 48 : 32);
    EXPECT_EQ(dimensions.width, upright.width);
    EXPECT_EQ(dimensions.height, upright.height);
    for (const bool right : {false, true}) {
      for (const bool bottom : {false, true}) {
        const auto pixel = pixel_of(upright, right ? upright.width - 2 : 2, bottom ? upright.height - 2 : 2);
        if (right == wanted.right && bottom == wanted.bottom) {
          EXPECT_THAT(pixel, Each(Gt(200)));
        } else {
          EXPECT_THAT(pixel, Each(Lt(50)));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Exif, OrientationTest,
                         ::testing::Values(Case{1, false, false, false}, Case{2, true, false, false},
                                           Case{3, true, true, false}, Case{4, false, true, false},
                                           Case{5, false, false, true}, Case{6, true, false, true},
                                           Case{7, true, true, true}, Case{8, false, true, true}),
                         [](const auto& test) { return std::to_string(test.param.orientation); });

// A block in a corner cannot tell a mirrored turn from a plain one; which edge became which can.
TEST(OrientationTest, KeepsTheWayRoundOfATurn) {
  image::Image stored = marked(48, 32);
  std::fill(stored.bgr.begin(), stored.bgr.end(), std::uint8_t{0});
  std::fill_n(stored.bgr.begin(), 3 * 48 * 8, std::uint8_t{255});  // a white band along the stored top edge

  const image::Image transposed = image::decode(jpeg_with_orientation(stored, 5, false));
  const image::Image turned = image::decode(jpeg_with_orientation(stored, 6, false));

  EXPECT_THAT(pixel_of(transposed, 2, 45), Each(Gt(200))) << "the top edge is the left one now";
  EXPECT_THAT(pixel_of(transposed, 29, 2), Each(Lt(50)));
  EXPECT_THAT(pixel_of(turned, 29, 2), Each(Gt(200))) << "the top edge is the right one now";
  EXPECT_THAT(pixel_of(turned, 2, 45), Each(Lt(50)));
}

TEST(OrientationTest, ReadsThePngChunk) {
  const Bytes png = with_chunk(image::encode_png(marked(48, 32)), "eXIf", exif_block(6, true));

  EXPECT_EQ(image::decode(png).width, 32);
  EXPECT_EQ(image::read_dimensions(png).height, 48);
}

TEST(OrientationTest, IgnoresABrokenBlock) {
  const Bytes whole = exif_block(6, false);
  const Bytes png = image::encode_png(marked(48, 32));
  for (std::size_t size = 4; size < 20; ++size) {  // cut before the value
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(image::decode(with_chunk(png, "eXIf", cut)).width, 48) << size << " bytes";
  }
  for (const int value : {0, 9, 65535}) {
    EXPECT_EQ(image::decode(jpeg_with_orientation(marked(48, 32), value, false)).width, 48) << value;
  }
  Bytes far = whole;
  far[7] = 0xFF;  // the directory lies far beyond the end
  EXPECT_EQ(image::decode(with_chunk(png, "eXIf", far)).width, 48);
}

}  // namespace
}  // namespace kexp::test
