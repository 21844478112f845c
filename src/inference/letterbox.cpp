#include "kexp/inference/letterbox.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace kexp::inference {

namespace {

constexpr float kGrey = 114.0F / 255.0F;

/// Half to even, as Python rounds.
int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }

std::size_t size(int value) { return static_cast<std::size_t>(value); }

/// The picture at its size inside the input; the picture itself when nothing changes.
cv::Mat scaled(const image::Image& image, Size2 to) {
  // OpenCV only reads it; cv::Mat has no const form.
  const cv::Mat picture(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.bgr.data()));
  if (picture.cols == to.width && picture.rows == to.height) {
    return picture;
  }
  cv::Mat result;
  cv::resize(picture, result, cv::Size(to.width, to.height), 0, 0, cv::INTER_LINEAR);
  return result;
}

/// The odd pixel of padding goes right and below.
void centre(Letterbox& box) {
  box.left = rounded((box.input.width - box.scaled.width) / 2.0 - 0.1);
  box.top = rounded((box.input.height - box.scaled.height) / 2.0 - 0.1);
}

}  // namespace

Letterbox fit(Size2 image, Size2 input) {
  assert(image.width > 0 && image.height > 0 && input.width > 0 && input.height > 0);
  const double ratio = std::min(static_cast<double>(input.width) / image.width,
                                static_cast<double>(input.height) / image.height);
  Letterbox result{image, input, {}, 0, 0};
  result.scaled.width = std::max(rounded(image.width * ratio), 1);
  result.scaled.height = std::max(rounded(image.height * ratio), 1);
  centre(result);
  return result;
}

Letterbox fit_rectangle(Size2 image, Size2 largest, int stride) {
  Letterbox result = fit(image, largest);
  const auto whole_strides = [&](int side) { return (side + stride - 1) / stride * stride; };
  result.input = {std::min(whole_strides(result.scaled.width), largest.width),
                  std::min(whole_strides(result.scaled.height), largest.height)};
  centre(result);
  return result;
}

void fill_blob(const image::Image& image, const Letterbox& letterbox, std::vector<float>& blob) {
  assert(image.width == letterbox.image.width && image.height == letterbox.image.height);
  const std::size_t width = size(letterbox.input.width);
  const std::size_t plane = width * size(letterbox.input.height);
  if (letterbox.scaled == letterbox.input) {
    blob.resize(3 * plane);
  } else {
    blob.assign(3 * plane, kGrey);
  }
  const cv::Mat picture = scaled(image, letterbox.scaled);
  for (int y = 0; y < picture.rows; ++y) {
    const std::uint8_t* bgr = picture.ptr<std::uint8_t>(y);
    float* red = blob.data() + size(letterbox.top + y) * width + size(letterbox.left);
    float* green = red + plane;
    float* blue = green + plane;
    for (int x = 0; x < picture.cols; ++x) {
      blue[x] = static_cast<float>(bgr[3 * x]) / 255.0F;
      green[x] = static_cast<float>(bgr[3 * x + 1]) / 255.0F;
      red[x] = static_cast<float>(bgr[3 * x + 2]) / 255.0F;
    }
  }
}

Detection to_image(const Candidate& candidate, const Letterbox& letterbox) {
  const auto along = [](double value, int pad, int scaled_side, int side) {
    return std::clamp((value - pad) * side / scaled_side, 0.0, static_cast<double>(side));
  };
  const auto x_of = [&](double x) {
    return along(x, letterbox.left, letterbox.scaled.width, letterbox.image.width);
  };
  const auto y_of = [&](double y) {
    return along(y, letterbox.top, letterbox.scaled.height, letterbox.image.height);
  };
  Detection result;
  result.class_id = candidate.class_id;
  result.confidence = candidate.confidence;
  result.x = x_of(candidate.x1);
  result.y = y_of(candidate.y1);
  result.width = x_of(candidate.x2) - result.x;
  result.height = y_of(candidate.y2) - result.y;
  return result;
}

}  // namespace kexp::inference
