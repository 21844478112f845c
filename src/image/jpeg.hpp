#pragma once

#include <cstdint>
#include <span>

#include "kexp/image/image.hpp"

namespace kexp::image {

/// As decode_into and read_dimensions, for a JPEG. On an error `image` holds anything.
void decode_jpeg(std::span<const std::uint8_t> bytes, Image& image, const DecodeLimits& limits);
[[nodiscard]] Dimensions read_jpeg_dimensions(std::span<const std::uint8_t> bytes);

}  // namespace kexp::image
