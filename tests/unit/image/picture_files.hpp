#pragma once

#include <cstdint>
#include <vector>

#include "kexp/image/image.hpp"

namespace kexp::test {

using Bytes = std::vector<std::uint8_t>;

/// A picture whose pixels all differ and change smoothly, so that JPEG keeps them nearly.
image::Image gradient(int width, int height);

/// The colour at (x, y), as {blue, green, red}.
std::vector<int> pixel_of(const image::Image& image, int x, int y);

/// `image` as a JPEG with an EXIF block that holds this orientation, in either byte order.
Bytes jpeg_with_orientation(const image::Image& image, int orientation, bool big_endian);

/// A JPEG of 4 components. Pixels are 0.
Bytes cmyk_jpeg(int width, int height);
/// A grey picture that holds x + y.
Bytes grey_jpeg(int width, int height);
Bytes progressive_jpeg(const image::Image& image);
/// A progressive JPEG with a scan for each coefficient, 190 in all.
Bytes jpeg_of_many_scans(const image::Image& image);
/// `jpeg` with other sides written into its header.
Bytes jpeg_claiming(Bytes jpeg, std::uint16_t width, std::uint16_t height);

/// A PNG as libpng writes it: `samples` row by row, as the colour type and the depth want them (16 bits
/// big-endian).
struct PngLayout {
  int colour_type;
  int depth;
  int channels;
  bool interlaced = false;
};
Bytes png_file(int width, int height, const PngLayout& layout, const Bytes& samples);
/// Pixels are indices into {red, green, blue, white}.
Bytes palette_png(int width, int height, const Bytes& indices);

/// A PNG whose header claims these sides.
Bytes png_claiming(std::uint32_t width, std::uint32_t height);

/// `png` with one more chunk after its header.
Bytes with_chunk(const Bytes& png, const char* type, const Bytes& data);

/// A TIFF block with one directory entry.
Bytes exif_block(int orientation, bool big_endian);

}  // namespace kexp::test
