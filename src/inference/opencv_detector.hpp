#pragma once

#include <filesystem>
#include <memory>

#include "kexp/inference/detector.hpp"

namespace kexp::inference {

/// A detector on OpenCV's dnn module, on the CPU. The number of threads is OpenCV's own, one for the process.
[[nodiscard]] std::unique_ptr<Detector> make_opencv_detector(const std::filesystem::path& model,
                                                             const DetectorOptions& options);

}  // namespace kexp::inference
