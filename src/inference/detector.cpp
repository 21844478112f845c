#include "kexp/inference/detector.hpp"

#include "opencv_detector.hpp"

namespace kexp::inference {

std::unique_ptr<Detector> make_detector(const std::filesystem::path& model, const DetectorOptions& options) {
  validate(options);  // the one engine of this build is both "auto" and "opencv"
  return make_opencv_detector(model, options);
}

}  // namespace kexp::inference
