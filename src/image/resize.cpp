#include <algorithm>
#include <cassert>
#include <cmath>

#include "kexp/image/image.hpp"

namespace kexp::image {

namespace {

/// Between which two samples an output position lies, and how near the second.
struct Tap {
  std::size_t first;
  std::size_t second;
  float weight;  ///< Of the second.
};

std::vector<Tap> taps(int from, int to) {
  std::vector<Tap> result(static_cast<std::size_t>(to));
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double at = std::clamp((i + 0.5) * scale - 0.5, 0.0, from - 1.0);  // half-pixel centres
    const double below = std::floor(at);
    const auto first = static_cast<std::size_t>(below);
    result[static_cast<std::size_t>(i)] = {first, std::min(first + 1, static_cast<std::size_t>(from) - 1),
                                           static_cast<float>(at - below)};
  }
  return result;
}

float between(std::uint8_t a, std::uint8_t b, float weight) {
  return static_cast<float>(a) + (static_cast<float>(b) - static_cast<float>(a)) * weight;
}

}  // namespace

Image resize(const Image& image, int width, int height) {
  assert(width > 0 && height > 0 && image.width > 0 && image.height > 0);
  const std::vector<Tap> columns = taps(image.width, width);
  const std::vector<Tap> rows = taps(image.height, height);
  const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(image.width);
  Image result{width, height, {}};
  result.bgr.reserve(std::size_t{3} * columns.size() * rows.size());
  for (const Tap& row : rows) {
    const std::uint8_t* upper = image.bgr.data() + row.first * stride;
    const std::uint8_t* lower = image.bgr.data() + row.second * stride;
    for (const Tap& column : columns) {
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const std::size_t left = 3 * column.first + channel;
        const std::size_t right = 3 * column.second + channel;
        const float above = between(upper[left], upper[right], column.weight);
        const float below = between(lower[left], lower[right], column.weight);
        const float value = above + (below - above) * row.weight;
        result.bgr.push_back(static_cast<std::uint8_t>(value + 0.5F));
      }
    }
  }
  return result;
}

}  // namespace kexp::image
