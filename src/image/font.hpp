#pragma once

#include <array>
#include <cstdint>

namespace kexp::image {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 7;

/// Seven rows from the top; bit 4 is the leftmost pixel.
using Glyph = std::array<std::uint8_t, kGlyphHeight>;

/// The picture of an ASCII character; small letters look like capitals, what has no picture is a full block.
[[nodiscard]] const Glyph& glyph_of(char character);

}  // namespace kexp::image
