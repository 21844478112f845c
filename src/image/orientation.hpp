#pragma once

#include "kexp/image/image.hpp"

#include "exif.hpp"

namespace kexp::image {

/// Turns a stored picture upright.
void apply_orientation(Orientation orientation, Image& image);

}  // namespace kexp::image
