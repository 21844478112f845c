#pragma once

#include <memory>

#include "engine.hpp"
#include "graph_detector.hpp"

namespace kexp::inference {

/// OpenCV's dnn module on the CPU, with our activations. The number of threads is OpenCV's own, one for the
/// process: that of the engine made last, so all of a process are made with the same.
[[nodiscard]] std::unique_ptr<Engine> make_opencv_engine(EngineInput input);

}  // namespace kexp::inference
