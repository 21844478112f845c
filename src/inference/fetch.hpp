#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "kexp/core/units.hpp"
#include "kexp/inference/registry.hpp"

namespace kexp::inference {

/// "yolov3-tiny, yolov5n".
[[nodiscard]] std::string known_names();

/// The model's ONNX file, made from the Darknet files, which stay in the cache for other sizes.
[[nodiscard]] std::string fetch_yolov3_tiny(std::optional<Size2> input, const RegistryPorts& ports,
                                            std::stop_token stop);
/// The model's ONNX file, widened to 32-bit floats.
[[nodiscard]] std::string fetch_yolov5n(const RegistryPorts& ports, std::stop_token stop);

}  // namespace kexp::inference
