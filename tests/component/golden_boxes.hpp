#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/data.hpp"

namespace kexp::test {

/// A detection of the golden data: corners in pixels of the image.
struct GoldenBox {
  int class_id = 0;
  double confidence = 0;
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

/// yolov5n's detections at 640x640, confidence 0.25, IoU 0.45, by image. Requires: KEXP_TEST_DATA is set.
std::map<std::string, std::vector<GoldenBox>> golden_boxes();

/// The bytes of an image that `golden_boxes` names.
std::vector<std::uint8_t> golden_image(const std::string& name);

}  // namespace kexp::test
