#pragma once

#include <filesystem>
#include <string_view>

#include <onnx/onnx_pb.h>

#include "kexp/inference/model_info.hpp"

namespace kexp::inference {

/// The warning where labels are not UTF-8: answers and metrics could not hold them.
inline constexpr const char* kLabelsMended =
    "its labels are not UTF-8: what cannot be read in them became U+FFFD";

/// Parses an ONNX file's content. Errors: ModelError naming `file` when it is no ONNX model or is cut short.
[[nodiscard]] onnx::ModelProto parse_onnx(const std::filesystem::path& file, std::string_view content);

/// What a parsed file of `bytes` says about itself. Errors: ModelError naming `file`.
[[nodiscard]] ModelInfo read_model_info(const std::filesystem::path& file, const onnx::ModelProto& model,
                                        std::size_t bytes);

/// Where the file names no classes: COCO's when there are 80, else numbers. Errors: ModelError when there are
/// more than any detector has.
void complete_labels(ModelInfo& info, std::size_t classes);

}  // namespace kexp::inference
