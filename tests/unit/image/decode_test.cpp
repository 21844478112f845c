#include <algorithm>
#include <cmath>
#include <png.h>

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/image/image.hpp"

#include "picture_files.hpp"
#include "support/errors.hpp"

namespace kexp::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const Bytes& bytes) {
  return message_of<FailedError>([&] { return image::decode(bytes); });
}

int largest_difference(const image::Image& a, const image::Image& b) {
  int largest = a.bgr.size() == b.bgr.size() ? 0 : 256;
  for (std::size_t i = 0; largest < 256 && i < a.bgr.size(); ++i) {
    largest = std::max(largest, std::abs(int{a.bgr[i]} - int{b.bgr[i]}));
  }
  return largest;
}

TEST(DecodeTest, GivesBackWhatPngKeepsExactly) {
  const image::Image picture = gradient(31, 17);

  const image::Image decoded = image::decode(image::encode_png(picture));

  EXPECT_EQ(decoded.width, 31);
  EXPECT_EQ(decoded.height, 17);
  EXPECT_EQ(decoded.bgr, picture.bgr);
}

TEST(DecodeTest, GivesBackJpegNearly) {
  const image::Image picture = gradient(64, 48);

  EXPECT_LE(largest_difference(image::decode(image::encode_jpeg(picture, 95)), picture), 12);
  EXPECT_LE(largest_difference(image::decode(progressive_jpeg(picture)), picture), 12);
}

TEST(DecodeTest, MakesGreyJpegThreeEqualChannels) {
  const image::Image decoded = image::decode(grey_jpeg(20, 10));

  EXPECT_THAT(pixel_of(decoded, 10, 5), ElementsAre(15, 15, 15));
}

// The version changes nothing that is read, but libjpeg warns of it as it does of damage.
TEST(DecodeTest, ReadsAJpegOfAnUnknownVersionOfJfif) {
  const image::Image picture = gradient(20, 10);
  Bytes jpeg = image::encode_jpeg(picture, 95);
  constexpr std::size_t kMajorVersion = 11;  // After SOI, the marker, its length and "JFIF".
  ASSERT_EQ(jpeg[kMajorVersion], 1);
  jpeg[kMajorVersion] = 2;

  EXPECT_LE(largest_difference(image::decode(jpeg), picture), 12);
}

TEST(DecodeTest, ReadsEveryKindOfPng) {
  EXPECT_THAT(pixel_of(image::decode(palette_png(2, 2, {0, 1, 2, 3})), 0, 1), ElementsAre(255, 0, 0));
  const Bytes grey16 = png_file(2, 1, {PNG_COLOR_TYPE_GRAY, 16, 1}, {0x12, 0xFF, 0x80, 0x00});
  EXPECT_THAT(pixel_of(image::decode(grey16), 0, 0), ElementsAre(0x12, 0x12, 0x12));
  const Bytes grey1 = png_file(8, 1, {PNG_COLOR_TYPE_GRAY, 1, 1}, {0b01000000});
  EXPECT_THAT(pixel_of(image::decode(grey1), 1, 0), ElementsAre(255, 255, 255));
  const Bytes alpha = png_file(1, 1, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4}, {10, 20, 30, 0});
  EXPECT_THAT(pixel_of(image::decode(alpha), 0, 0), ElementsAre(30, 20, 10))
      << "alpha is dropped, not applied";
}

TEST(DecodeTest, ReadsInterlacedPng) {
  const image::Image picture = gradient(19, 23);  // as RGB: the channels are the other way round
  const Bytes bytes = png_file(19, 23, {PNG_COLOR_TYPE_RGB, 8, 3, true}, picture.bgr);

  const std::vector<int> pixel = pixel_of(picture, 7, 11);

  EXPECT_THAT(pixel_of(image::decode(bytes), 7, 11), ElementsAre(pixel[2], pixel[1], pixel[0]));
}

TEST(DecodeTest, IgnoresPngChunksThatChangeNoPixel) {
  const Bytes picture = image::encode_png(gradient(4, 4));

  EXPECT_EQ(image::decode(with_chunk(picture, "iCCP", {'b', 'a', 'd', 0, 0, 1, 2, 3})).width, 4);
  EXPECT_EQ(image::decode(with_chunk(picture, "tEXt", {'a', 0, 'b'})).width, 4);
}

TEST(DecodeTest, RefusesWhatIsNoPicture) {
  EXPECT_THAT(refusal({}), HasSubstr("0 bytes"));
  EXPECT_THAT(refusal({'G', 'I', 'F', '8'}),
              HasSubstr("no JPEG or PNG: 4 bytes that start with 47 49 46 38"));
}

TEST(DecodeTest, RefusesCmyk) { EXPECT_THAT(refusal(cmyk_jpeg(8, 8)), HasSubstr("CMYK")); }

TEST(DecodeTest, RefusesSidesAboveTheLimit) {
  const Bytes wide = png_file(16385, 1, {PNG_COLOR_TYPE_GRAY, 8, 1}, Bytes(16385));

  EXPECT_THAT(refusal(wide), HasSubstr("16385 x 1"));
  EXPECT_THROW(static_cast<void>(image::read_dimensions(wide)), FailedError);
  EXPECT_EQ(image::decode(png_file(16384, 1, {PNG_COLOR_TYPE_GRAY, 8, 1}, Bytes(16384))).width, 16384);
}

// A message of some bytes must not take gigabytes, which a pod has not.
TEST(DecodeTest, RefusesMorePixelsThanMemoryIsFor) {
  const Bytes jpeg = progressive_jpeg(gradient(8, 8));

  EXPECT_THAT(refusal(png_claiming(0x7FFFFFFF, 0x7FFFFFFF)), HasSubstr("2147483647 x 2147483647"));
  EXPECT_THAT(refusal(png_claiming(16384, 16384)), HasSubstr("more than 100 million"));
  EXPECT_THAT(refusal(jpeg_claiming(jpeg, 65500, 65500)), HasSubstr("65500 x 65500"));
  EXPECT_THAT(refusal(jpeg_claiming(jpeg, 10001, 10000)), HasSubstr("more than 100 million"));
}

std::string refusal(const Bytes& bytes, std::uint64_t memory_bytes) {
  image::Image image;
  return message_of<FailedError>([&] { image::decode_into(bytes, image, {memory_bytes}); });
}

// A megabyte of progressive JPEG took 0.9 GB: more than many pods may have, which died of it again and again.
TEST(DecodeTest, RefusesWhatNeedsMoreMemoryThanThereIs) {
  const image::Image picture = gradient(64, 48);
  constexpr std::uint64_t kPixels = 64 * 48 * 3;
  image::Image image;

  EXPECT_NO_THROW(image::decode_into(image::encode_jpeg(picture, 90), image, {kPixels}));
  EXPECT_NO_THROW(image::decode_into(image::encode_png(picture), image, {kPixels}));
  EXPECT_THAT(refusal(image::encode_png(picture), kPixels - 1), HasSubstr("64 x 48 pixels and needs"));
  EXPECT_THAT(refusal(image::encode_jpeg(picture, 90), kPixels - 1), HasSubstr("there is room for"));
}

TEST(DecodeTest, CountsTheCopyOfATurnedPicture) {
  const Bytes turned = jpeg_with_orientation(gradient(64, 48), 6, false);
  constexpr std::uint64_t kPixels = 64 * 48 * 3;
  image::Image image;

  EXPECT_NO_THROW(image::decode_into(turned, image, {2 * kPixels}));
  EXPECT_NE(refusal(turned, 2 * kPixels - 1), "");
}

TEST(DecodeTest, CountsTheCoefficientsOfAProgressiveJpeg) {
  const Bytes progressive = progressive_jpeg(gradient(64, 48));
  constexpr std::uint64_t kPixels = 64 * 48 * 3;
  constexpr std::uint64_t kCoefficients =
      64 * 48 * 2 * (1 + 0.25 + 0.25);  // colours at half width and height
  image::Image image;

  EXPECT_NO_THROW(image::decode_into(progressive, image, {kPixels + kCoefficients}));
  EXPECT_NE(refusal(progressive, kPixels + kCoefficients - 1), "");
}

TEST(DecodeTest, TellsTheMemoryInMegabytes) {
  const Bytes jpeg = jpeg_claiming(progressive_jpeg(gradient(8, 8)), 10000, 9990);

  EXPECT_THAT(refusal(jpeg, 200'000'000),
              HasSubstr("10000 x 9990 pixels and needs 600 MB to decode, there is room for 200 MB"));
}

// Each scan goes over all pixels: thousands of empty ones would keep a pod busy for minutes.
TEST(DecodeTest, RefusesAJpegOfMoreScansThanEncodersMake) {
  EXPECT_THAT(refusal(jpeg_of_many_scans(gradient(16, 16))), HasSubstr("more than 100 scans"));
}

// Half a JPEG decodes "successfully" for libjpeg: the rest is grey, and only a warning says so.
class TruncatedTest : public ::testing::TestWithParam<const char*> {
 protected:
  static Bytes whole() {
    const std::string kind = GetParam();
    const image::Image picture = gradient(24, 24);
    return kind == "png"    ? image::encode_png(picture)
           : kind == "jpeg" ? image::encode_jpeg(picture, 90)
                            : progressive_jpeg(picture);
  }
};

TEST_P(TruncatedTest, EveryPrefixIsAnError) {
  const Bytes bytes = whole();
  image::Image image;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    image.width = 7;
    EXPECT_THROW(image::decode_into(std::span(bytes).first(size), image), FailedError) << size << " bytes";
    EXPECT_EQ(image.width, 0) << "half a picture is left after " << size << " bytes";
  }
  EXPECT_NO_THROW(image::decode_into(bytes, image));
}

TEST_P(TruncatedTest, NoChangedByteCrashes) {
  Bytes bytes = whole();
  image::Image image;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint8_t before = bytes[i];
    for (const int flip : {0x01, 0x80, 0xFF}) {
      bytes[i] = static_cast<std::uint8_t>(before ^ flip);
      try {
        image::decode_into(bytes, image);
        EXPECT_EQ(image.bgr.size(), static_cast<std::size_t>(3 * image.width * image.height));
      } catch (const FailedError&) {
        EXPECT_TRUE(image.bgr.empty());
      }
    }
    bytes[i] = before;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, TruncatedTest, ::testing::Values("png", "jpeg", "progressive"),
                         [](const auto& test) { return std::string(test.param); });

TEST(DecodeTest, UsesItsMemoryAgain) {
  image::Image image = image::decode(image::encode_png(gradient(64, 64)));
  const std::uint8_t* memory = image.bgr.data();

  image::decode_into(image::encode_png(gradient(32, 64)), image);

  EXPECT_EQ(image.bgr.data(), memory);
  EXPECT_EQ(image.bgr.size(), 3U * 32 * 64);
}

TEST(DecodeTest, GivesBackTheMemoryOfALargePictureOnly) {
  image::Image image;
  image.bgr.resize(64'000'001);
  image::release_large(image);
  EXPECT_EQ(image.bgr.capacity(), 0U);

  image::decode_into(image::encode_png(gradient(64, 64)), image);
  image::release_large(image);
  EXPECT_GE(image.bgr.capacity(), 3U * 64 * 64);
  EXPECT_EQ(image.width, 0);
}

TEST(FormatTest, KnowsTheFormatsByTheirFirstBytes) {
  EXPECT_EQ(image::format_of(image::encode_jpeg(gradient(4, 4), 80)), image::Format::jpeg);
  EXPECT_EQ(image::format_of(image::encode_png(gradient(4, 4))), image::Format::png);
  EXPECT_EQ(image::format_of(Bytes{0xFF, 0xD8}), image::Format::unknown);
}

}  // namespace
}  // namespace kexp::test
