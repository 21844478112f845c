#include "kexp/inference/letterbox.hpp"

#include <gmock/gmock.h>

namespace kexp::test {
namespace {

using inference::fit;
using inference::Letterbox;

TEST(LetterboxTest, KeepsTheAspectAndCentres) {
  const Letterbox box = fit({810, 1080}, {640, 640});

  EXPECT_EQ(box.scaled, (Size2{480, 640}));
  EXPECT_EQ(box.left, 80);
  EXPECT_EQ(box.top, 0);
}

TEST(LetterboxTest, PutsTheOddPixelRightAndBelow) {
  EXPECT_EQ(fit({100, 97}, {100, 100}).top, 1) << "3 rows: 1 above, 2 below";
  EXPECT_EQ(fit({99, 100}, {100, 100}).left, 0) << "1 column: to the right";
}

TEST(LetterboxTest, RoundsHalfToEven) {
  EXPECT_EQ(fit({200, 101}, {100, 100}).scaled.height, 50) << "50.5";
  EXPECT_EQ(fit({200, 103}, {100, 100}).scaled.height, 52) << "51.5";
}

TEST(LetterboxTest, EnlargesSmallPicturesAndKeepsAPixelOfThinOnes) {
  EXPECT_EQ(fit({32, 16}, {640, 640}).scaled, (Size2{640, 320}));
  EXPECT_EQ(fit({16384, 1}, {640, 640}).scaled, (Size2{640, 1}));
}

TEST(LetterboxTest, FillsPlanesOfRedGreenAndBlueAroundGrey) {
  const image::Image picture{2, 1, {255, 0, 51, 255, 0, 51}};  // blue 255, green 0, red 51
  std::vector<float> blob;

  fill_blob(picture, fit({2, 1}, {2, 3}), blob);

  const float grey = 114.0F / 255.0F;
  EXPECT_THAT(blob, ::testing::ElementsAre(grey, grey, 51.0F / 255.0F, 51.0F / 255.0F, grey, grey,  //
                                           grey, grey, 0.0F, 0.0F, grey, grey,                      //
                                           grey, grey, 1.0F, 1.0F, grey, grey));
}

TEST(LetterboxTest, LeavesNothingOfThePictureBefore) {
  std::vector<float> blob;
  fill_blob({2, 2, std::vector<std::uint8_t>(12, 255)}, fit({2, 2}, {2, 2}), blob);

  fill_blob({2, 1, std::vector<std::uint8_t>(6, 255)}, fit({2, 1}, {2, 2}), blob);

  EXPECT_EQ(blob[2], 114.0F / 255.0F) << "the second row is padding now";
}

TEST(LetterboxTest, MapsABoxBackWithEachAxisOwnGain) {
  const Letterbox box = fit({333, 100}, {640, 640});  // 333 to 640, 100 to 192 (192.19)
  ASSERT_EQ(box.scaled, (Size2{640, 192}));

  const auto whole = to_image({0, 224, 640, 416, 0.5F, 3}, box);

  EXPECT_DOUBLE_EQ(whole.x, 0);
  EXPECT_DOUBLE_EQ(whole.y, 0);
  EXPECT_DOUBLE_EQ(whole.width, 333);
  EXPECT_DOUBLE_EQ(whole.height, 100) << "with one gain for both it is 99.9";
  EXPECT_EQ(whole.class_id, 3);
}

TEST(LetterboxTest, ClipsABoxToThePicture) {
  const auto clipped = to_image({-50, -50, 700, 90, 1, 0}, fit({640, 480}, {640, 640}));

  EXPECT_DOUBLE_EQ(clipped.x, 0);
  EXPECT_DOUBLE_EQ(clipped.y, 0);
  EXPECT_DOUBLE_EQ(clipped.width, 640);
  EXPECT_DOUBLE_EQ(clipped.height, 10) << "80 rows of padding";
}

}  // namespace
}  // namespace kexp::test
