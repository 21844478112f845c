#pragma once

#include <cstdint>
#include <span>

namespace kexp::image {

/// How the stored picture has to be turned to stand upright; the values are those of EXIF tag 0x0112.
enum class Orientation : std::uint8_t {
  upright = 1,
  mirrored = 2,
  half_turn = 3,
  flipped = 4,
  transposed = 5,
  turn_right = 6,
  transversed = 7,
  turn_left = 8
};

/// The orientation in a TIFF block (what follows "Exif\0\0" in a JPEG's APP1, the whole eXIf chunk of a PNG):
/// `upright` where it is absent or the block is broken, for it says nothing about the pixels then.
[[nodiscard]] Orientation exif_orientation(std::span<const std::uint8_t> tiff);

/// True where upright width is stored height.
[[nodiscard]] constexpr bool swaps_sides(Orientation orientation) {
  return orientation >= Orientation::transposed;
}

}  // namespace kexp::image
