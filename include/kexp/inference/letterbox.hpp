#pragma once

#include <vector>

#include "kexp/core/units.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/decode.hpp"
#include "kexp/inference/detector.hpp"

namespace kexp::inference {

/// How a picture stands in the network's input: scaled with its aspect kept, centred, grey around it.
struct Letterbox {
  Size2 image;
  Size2 input;
  Size2 scaled;  ///< The picture's size inside the input.
  int left = 0;
  int top = 0;
};

/// Fits `image` into `input`, enlarging too. Sizes are rounded half to even, and the odd pixel of padding
/// goes right and below, as the networks were trained.
/// Requires: all sides above 0.
[[nodiscard]] Letterbox fit(Size2 image, Size2 input);

/// The same in the smallest input of whole strides that holds the picture, at the scale that it has in
/// `largest`: nothing is padded but to the next stride.
[[nodiscard]] Letterbox fit_rectangle(Size2 image, Size2 largest, int stride);

/// Fills `blob` (1x3xHxW, RGB, [0, 1]) with the letterboxed picture; its memory is used again.
/// Requires: `image` has the size that `letterbox` was made for.
void fill_blob(const image::Image& image, const Letterbox& letterbox, std::vector<float>& blob);

/// A box of the input as one of the original image, clipped to it.
///
/// Each axis has its own gain, scaled / image: rounding makes them differ by a little.
[[nodiscard]] Detection to_image(const Candidate& candidate, const Letterbox& letterbox);

}  // namespace kexp::inference
