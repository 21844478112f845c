#include "orientation.hpp"

#include <cstddef>
#include <utility>

namespace kexp::image {

namespace {

/// Where the upright picture starts in the stored one, and where its rows and columns go from there, in
/// pixels.
struct Walk {
  std::ptrdiff_t start;
  std::ptrdiff_t per_column;
  std::ptrdiff_t per_row;
};

Walk walk_of(Orientation orientation, std::ptrdiff_t width, std::ptrdiff_t height) {
  const std::ptrdiff_t right = width - 1;
  const std::ptrdiff_t bottom = (height - 1) * width;
  switch (orientation) {
    case Orientation::upright:
      return {0, 1, width};
    case Orientation::mirrored:
      return {right, -1, width};
    case Orientation::half_turn:
      return {bottom + right, -1, -width};
    case Orientation::flipped:
      return {bottom, 1, -width};
    case Orientation::transposed:
      return {0, width, 1};
    case Orientation::turn_right:
      return {bottom, -width, 1};
    case Orientation::transversed:
      return {bottom + right, -width, -1};
    case Orientation::turn_left:
      return {right, width, -1};
  }
  return {0, 1, width};
}

}  // namespace

void apply_orientation(Orientation orientation, Image& image) {
  if (orientation == Orientation::upright) {
    return;
  }
  const Walk walk = walk_of(orientation, image.width, image.height);
  if (swaps_sides(orientation)) {
    std::swap(image.width, image.height);
  }
  std::vector<std::uint8_t> upright(image.bgr.size());
  std::uint8_t* out = upright.data();
  for (std::ptrdiff_t y = 0; y < image.height; ++y) {
    const std::uint8_t* in = image.bgr.data() + 3 * (walk.start + y * walk.per_row);
    for (std::ptrdiff_t x = 0; x < image.width; ++x, in += 3 * walk.per_column, out += 3) {
      out[0] = in[0];
      out[1] = in[1];
      out[2] = in[2];
    }
  }
  image.bgr = std::move(upright);
}

}  // namespace kexp::image
