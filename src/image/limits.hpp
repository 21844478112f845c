#pragma once

#include <cstdint>

#include "kexp/image/image.hpp"

namespace kexp::image {

/// Largest width and height that is decoded.
inline constexpr std::uint32_t kMaxSide = 16384;
/// Most pixels that are decoded. Pixels take 3 bytes each, twice that while a picture is turned upright, and
/// those of a progressive JPEG 6 more; a file that claims them can be small.
inline constexpr std::uint32_t kMaxPixels = 100'000'000;

/// Errors: FailedError when a side is 0 or above kMaxSide, or there are more pixels than kMaxPixels.
[[nodiscard]] Dimensions checked_dimensions(std::uint32_t width, std::uint32_t height);

/// What decoding takes beside the pixels themselves.
struct DecodeNeeds {
  std::uint64_t beside_pixels = 0;  ///< Until the last row is there.
  bool turned = false;              ///< Then the pixels are copied once.
};

/// Makes room in `image` for a picture of `stored` size. Errors: FailedError when `limits` do not allow it.
void allocate(Image& image, Dimensions stored, const DecodeNeeds& needs, const DecodeLimits& limits);

}  // namespace kexp::image
