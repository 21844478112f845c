#pragma once

#include <filesystem>
#include <string_view>

#include <onnx/onnx_pb.h>

namespace kexp::inference {

/// Parses an ONNX file's content. Errors: ModelError naming `file` when it is no ONNX model or is cut short.
[[nodiscard]] onnx::ModelProto parse_onnx(const std::filesystem::path& file, std::string_view content);

}  // namespace kexp::inference
