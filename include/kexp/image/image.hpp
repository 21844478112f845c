#pragma once

/// Pictures in memory, and the files they come in. JPEG is read by libjpeg-turbo, PNG by libpng.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace kexp::image {

/// 8-bit BGR, rows without padding: pixel (x, y) starts at 3 * (y * width + x).
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> bgr;
};

enum class Format { jpeg, png, unknown };
[[nodiscard]] Format format_of(std::span<const std::uint8_t> bytes);

/// Decodes a JPEG or PNG: EXIF orientation applied, grey, palette and 16-bit made 8-bit BGR, alpha dropped.
/// Errors: FailedError with the library's text for anything broken, truncated or CMYK, and for pictures above
/// 16384 pixels a side, 100 million in all, or 100 scans of a progressive JPEG: never half a picture.
[[nodiscard]] Image decode(std::span<const std::uint8_t> bytes);

/// What decoding one picture may take at its peak: its pixels, the coefficients of a progressive JPEG or the
/// copy that turns it upright.
struct DecodeLimits {
  std::uint64_t memory_bytes = std::numeric_limits<std::uint64_t>::max();
};

/// As above into `image`, whose memory is used again. Errors: also FailedError, before anything is taken, for
/// a picture that needs more memory than `limits` allow.
void decode_into(std::span<const std::uint8_t> bytes, Image& image, const DecodeLimits& limits = {});

/// Forgets the picture, and gives its memory back where it is more than usual pictures need (64 MB).
void release_large(Image& image);

/// Width and height after orientation, from the headers alone. Errors: FailedError.
struct Dimensions {
  int width = 0;
  int height = 0;
};
[[nodiscard]] Dimensions read_dimensions(std::span<const std::uint8_t> bytes);

[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

/// Bilinear resize, for making datasets. Requires: both sizes above 0.
[[nodiscard]] Image resize(const Image& image, int width, int height);

/// A box with a caption, drawn into the image: for looking at detections.
void draw_box(Image& image, double x, double y, double width, double height, const std::string& caption,
              std::uint32_t rgb);

}  // namespace kexp::image
