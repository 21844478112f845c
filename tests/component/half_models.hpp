#pragma once

#include <string>

namespace kexp::test {

/// An ONNX model's content with its weights, constants, input and output in 16-bit floats, as yolov5's own
/// release is.
std::string in_halves(const std::string& content);

}  // namespace kexp::test
