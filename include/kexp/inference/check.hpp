#pragma once

/// Trying a model on pictures: what it finds and what that costs.

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/model_info.hpp"
#include "kexp/record/result.hpp"

namespace kexp::inference {

struct CheckOptions {
  std::filesystem::path model;
  std::filesystem::path annotate;  ///< Folder for the pictures with their boxes drawn; empty: none.
  DetectorOptions detector;
};

/// One picture, tried. `error` is empty when it could be processed.
struct CheckedImage {
  std::filesystem::path file;
  image::Dimensions dimensions;
  Nanoseconds decode{};
  DetectorResult found;
  std::string error;
  WallTime started{}, done{};
};

/// A loaded model and the pictures it is tried on. Threads: one at a time.
class ModelCheck {
 public:
  using MakeDetector = std::function<std::unique_ptr<Detector>(const std::filesystem::path& model,
                                                               const DetectorOptions& options)>;
  /// Loads and warms the model. Errors: UsageError, ModelError. Lifetime: `clock` outlives this.
  ModelCheck(CheckOptions options, const Clock& clock, const MakeDetector& make = make_detector);

  [[nodiscard]] const ModelInfo& info() const { return info_; }
  [[nodiscard]] const Detector& detector() const { return *detector_; }
  /// What the last picture cost in the network, the slowest type of layer first.
  [[nodiscard]] std::vector<LayerTime> layer_times() { return detector_->layer_times(); }
  /// Of the detector: reading and repairing the file, building the network or taking it from the engine's
  /// cache, and the first run.
  [[nodiscard]] Nanoseconds load_time() const { return load_time_; }

  /// What is wrong with a picture, or with the engine at it, is in its `error`; it is not thrown. The first
  /// picture of a form runs twice: engines plan or compile a network for each, which is no inference.
  /// Errors: FailedError when the annotated one cannot be written.
  [[nodiscard]] CheckedImage check(const std::filesystem::path& file);

  /// The network's time on a grey picture, `rounds` times.
  [[nodiscard]] std::vector<Nanoseconds> inference_times(int rounds);

  /// The answer that a consumer would send, with the file's name as id.
  [[nodiscard]] record::Result to_result(const CheckedImage& checked) const;
  /// Name of a class; "class 7" where the model has none.
  [[nodiscard]] std::string label(int class_id) const;

 private:
  [[nodiscard]] DetectorResult detect();
  void annotate(const CheckedImage& checked);

  CheckOptions options_;
  const Clock& clock_;
  ModelInfo info_;
  std::unique_ptr<Detector> detector_;
  Nanoseconds load_time_{};
  std::set<std::vector<std::int64_t>> warm_;  ///< Shapes of the input that have run.
  image::Image image_;
};

/// JPEG and PNG files of a folder in the order of their names, or the file itself.
/// Errors: UsageError naming --images when there is none.
[[nodiscard]] std::vector<std::filesystem::path> find_images(const std::filesystem::path& file_or_folder);

}  // namespace kexp::inference
