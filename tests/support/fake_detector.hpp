#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kexp/inference/detector.hpp"

namespace kexp::test {

/// A detector that finds one person filling the left upper quarter of every image, or what `on_detect` says.
///
/// Threads: as Detector; `images` any. Set `on_detect` before it is used.
class FakeDetector final : public inference::Detector {
 public:
  [[nodiscard]] inference::DetectorResult detect(const image::Image& image) override {
    ++images_;
    if (on_detect) {
      return on_detect(image);
    }
    return answer(image);
  }
  [[nodiscard]] const std::string& engine() const override { return engine_; }
  [[nodiscard]] const std::string& model_name() const override { return model_; }
  [[nodiscard]] const std::vector<std::string>& labels() const override { return labels_; }
  [[nodiscard]] std::vector<std::int64_t> input_shape() const override { return {1, 3, 416, 416}; }
  [[nodiscard]] const inference::Preparation& preparation() const override { return prepared; }

  /// What it says without `on_detect`: 1, 2 and 0.5 ms for the three stages.
  [[nodiscard]] static inference::DetectorResult answer(const image::Image& image) {
    inference::DetectorResult result;
    result.detections.push_back({0, 0.75, 0, 0, image.width / 2.0, image.height / 2.0});
    result.preprocess = std::chrono::milliseconds(1);
    result.inference = std::chrono::milliseconds(2);
    result.postprocess = std::chrono::microseconds(500);
    result.input_shape = {1, 3, 416, 416};
    return result;
  }

  /// Images seen so far.
  [[nodiscard]] int images() const { return images_; }

  std::function<inference::DetectorResult(const image::Image&)> on_detect;
  inference::Preparation prepared;

 private:
  std::atomic<int> images_ = 0;
  std::string engine_ = "fake";
  std::string model_ = "fake-model";
  std::vector<std::string> labels_ = {"person", "bicycle"};
};

}  // namespace kexp::test
