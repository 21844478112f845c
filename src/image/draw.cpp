#include <algorithm>
#include <array>
#include <cmath>

#include "kexp/image/image.hpp"

#include "font.hpp"

namespace kexp::image {

namespace {

using Bgr = std::array<std::uint8_t, 3>;

struct Rectangle {
  int left, top, right, bottom;  ///< Right and bottom are outside.
};

Bgr bgr_of(std::uint32_t rgb) {
  return {static_cast<std::uint8_t>(rgb), static_cast<std::uint8_t>(rgb >> 8),
          static_cast<std::uint8_t>(rgb >> 16)};
}

// Black or white, whichever can be read on `paper`.
Bgr ink_on(const Bgr& paper) {
  const int brightness = paper[0] + 6 * paper[1] + 3 * paper[2];
  return brightness > 1275 ? Bgr{0, 0, 0} : Bgr{255, 255, 255};
}

// What lies outside the picture is left out.
void fill(Image& image, const Rectangle& area, const Bgr& colour) {
  for (int y = std::max(area.top, 0); y < std::min(area.bottom, image.height); ++y) {
    for (int x = std::max(area.left, 0); x < std::min(area.right, image.width); ++x) {
      const auto pixel = static_cast<std::ptrdiff_t>(y) * image.width + x;
      std::copy(colour.begin(), colour.end(), image.bgr.begin() + 3 * pixel);
    }
  }
}

void draw_glyph(Image& image, const Glyph& glyph, int left, int top, int scale, const Bgr& ink) {
  for (int row = 0; row < kGlyphHeight; ++row) {
    for (int column = 0; column < kGlyphWidth; ++column) {
      if ((glyph[static_cast<std::size_t>(row)] >> (kGlyphWidth - 1 - column) & 1) != 0) {
        const int x = left + column * scale;
        const int y = top + row * scale;
        fill(image, {x, y, x + scale, y + scale}, ink);
      }
    }
  }
}

// Above the box where there is room, else inside its upper edge.
void draw_caption(Image& image, const std::string& caption, int left, int top, int scale, const Bgr& paper) {
  const int advance = (kGlyphWidth + 1) * scale;
  const int height = (kGlyphHeight + 2) * scale;
  const int width = static_cast<int>(caption.size()) * advance + scale;
  const int x = std::clamp(left, 0, std::max(0, image.width - width));
  const int y = top >= height ? top - height : std::max(top, 0);
  fill(image, {x, y, x + width, y + height}, paper);
  const Bgr ink = ink_on(paper);
  for (std::size_t i = 0; i < caption.size(); ++i) {
    draw_glyph(image, glyph_of(caption[i]), x + scale + static_cast<int>(i) * advance, y + scale, scale, ink);
  }
}

// A pixel position near the picture: a box may be anywhere, an int may not.
int pixel(double value, int side) {
  return static_cast<int>(std::lround(std::clamp(value, -1.0, side + 1.0)));
}

}  // namespace

void draw_box(Image& image, double x, double y, double width, double height, const std::string& caption,
              std::uint32_t rgb) {
  const int scale = std::max(1, std::max(image.width, image.height) / 600);
  const int line = 2 * scale;
  const Bgr colour = bgr_of(rgb);
  const Rectangle box{pixel(x, image.width), pixel(y, image.height), pixel(x + width, image.width),
                      pixel(y + height, image.height)};
  fill(image, {box.left, box.top, box.right, box.top + line}, colour);
  fill(image, {box.left, box.bottom - line, box.right, box.bottom}, colour);
  fill(image, {box.left, box.top, box.left + line, box.bottom}, colour);
  fill(image, {box.right - line, box.top, box.right, box.bottom}, colour);
  if (!caption.empty()) {
    draw_caption(image, caption, box.left, box.top, scale, colour);
  }
}

}  // namespace kexp::image
