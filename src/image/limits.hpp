#pragma once

#include <cstdint>

#include "kexp/image/image.hpp"

namespace kexp::image {

/// Largest width and height that is decoded.
inline constexpr std::uint32_t kMaxSide = 16384;

/// Errors: FailedError when a side is 0 or above kMaxSide.
[[nodiscard]] Dimensions checked_dimensions(std::uint32_t width, std::uint32_t height);

}  // namespace kexp::image
