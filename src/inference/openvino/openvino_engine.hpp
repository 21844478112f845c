#pragma once

#include <filesystem>
#include <memory>

#include "kexp/inference/detector.hpp"

#include "openvino/openvino_abi.hpp"

namespace kexp::inference {

/// The device that `options` ask for. Errors: UsageError naming --device, or --precision where the device has
/// no bfloat16.
[[nodiscard]] OpenvinoDevice describe_device(const OpenvinoApi& api, const DetectorOptions& options);

/// A detector on OpenVINO. The graph is compiled for each size of input; from the fourth on for all others at
/// once. Errors: ModelError naming the file.
[[nodiscard]] std::unique_ptr<Detector> make_openvino_detector(const std::filesystem::path& model,
                                                               const DetectorOptions& options,
                                                               const OpenvinoApi& api,
                                                               const OpenvinoDevice& device);

}  // namespace kexp::inference
