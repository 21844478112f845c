#include "kexp/inference/detector.hpp"

#include "graph_detector.hpp"
#include "opencv/opencv_engine.hpp"

namespace kexp::inference {

const Preparation& Detector::preparation() const {
  static const Preparation kNone;
  return kNone;
}

std::unique_ptr<Detector> make_detector(const std::filesystem::path& model, const DetectorOptions& options) {
  validate(options);  // the one engine of this build is both "auto" and "opencv"
  return make_graph_detector(model, options, make_opencv_engine);
}

}  // namespace kexp::inference
