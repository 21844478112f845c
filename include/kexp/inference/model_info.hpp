#pragma once

/// What an ONNX file says about itself: read from the file alone, no engine involved.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexp/core/units.hpp"
#include "kexp/inference/decode.hpp"

namespace kexp::inference {

struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;  ///< -1 where a dimension is open.
};

struct ModelInfo {
  std::string name;  ///< The file's name without its ending.
  std::uint64_t bytes = 0;
  std::int64_t opset = 0;
  std::string producer;
  std::string description;  ///< "Ultralytics YOLOv8n model", as the file says; may be empty.
  std::string license;      ///< As the file says; empty when it does not.
  TensorInfo input;
  TensorInfo output;       ///< The tensor with the boxes; in a prepared model the first one of its head.
  Size2 size;              ///< Of the input; where that is open, what the metadata says, else {0, 0}.
  bool open_size = false;  ///< The graph leaves the input's sides open.
  std::optional<int> stride;
  std::optional<OutputLayout> layout;  ///< Absent when the output's shape is open.
  std::vector<std::string> labels;     ///< By class id; empty when unknown.
  bool labels_given = false;           ///< The file names its classes.
  std::vector<std::string> warnings;
};

/// Errors: ModelError naming the file: not there; no ONNX model or cut short; no detector.
[[nodiscard]] ModelInfo read_model_info(const std::filesystem::path& file);
/// The same of a file's content; `file` is for messages and the name.
[[nodiscard]] ModelInfo read_model_info(const std::filesystem::path& file, std::string_view content);

/// The content of a model file. Errors: ModelError when it is not there or is no file.
[[nodiscard]] std::string read_model_file(const std::filesystem::path& file);

/// Labels by class id out of a Python dictionary or list: `{0: 'person', 1: "dog's"}`, `['person']`.
/// Ids that are left out become "class 3". nullopt when the text is neither.
[[nodiscard]] std::optional<std::vector<std::string>> parse_labels(std::string_view text);

/// The inverse: a Python dictionary.
[[nodiscard]] std::string labels_text(const std::vector<std::string>& labels);

/// "yolov5 rows, 25200 boxes, 80 classes".
[[nodiscard]] std::string layout_text(const OutputLayout& layout);

}  // namespace kexp::inference
