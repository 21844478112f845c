#pragma once

/// Darknet models (cfg + weights + names) made ONNX ones.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kexp/core/units.hpp"

namespace kexp::inference {

struct DarknetFiles {
  std::filesystem::path cfg;
  std::filesystem::path weights;
  std::filesystem::path names;  ///< One label a line.
  std::optional<Size2> input;   ///< Else that of the cfg's [net].
  std::string license;          ///< Goes into the model's metadata; may be empty.
};

struct DarknetModel {
  std::string onnx;  ///< The file's content.
  Size2 input;
  std::vector<std::string> warnings;
};

/// Converts a model: convolutions with batch normalisation folded in, and one output `output0` of
/// 1 x N x (5 + classes) in YOLOv5's row layout, boxes in pixels of the input (RGB, [0, 1]).
///
/// Layers: convolutional, maxpool, upsample, route, shortcut, yolo. The same files give the same bytes.
/// Errors: ModelError naming `file:line` of the cfg, or the numbers where weights and cfg do not fit.
[[nodiscard]] DarknetModel convert_darknet(const DarknetFiles& files);

}  // namespace kexp::inference
