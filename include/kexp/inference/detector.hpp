#pragma once

/// From a picture to detections: letterbox → blob → network → decode → NMS, behind one interface whatever
/// the engine and the YOLO family.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/units.hpp"
#include "kexp/image/image.hpp"

namespace kexp::inference {

/// A model that is missing, broken, or no detector; the message says which and what would be right.
class ModelError : public Error {
 public:
  explicit ModelError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// The file of a model that is at work is gone, or another one by now: that is no fault of any picture.
class ModelFileError : public ModelError {
 public:
  using ModelError::ModelError;
};

/// One found object; the box in pixels of the original image.
struct Detection {
  int class_id = 0;
  double confidence = 0;  ///< In [0, 1].
  double x = 0, y = 0, width = 0, height = 0;
};

/// The network input's size. Automatic: the exported one, and of a square only the part that a picture fills,
/// where the graph runs at any size. Else a square of the model's size, or a given one.
struct InputSize {
  enum class Kind { automatic, square, fixed } kind = Kind::automatic;
  Size2 size;  ///< When fixed.
};
/// Reads "auto", "square", "N" or "WxH". Errors: UsageError naming `flag`.
[[nodiscard]] InputSize parse_input_size(const std::string& text, const std::string& flag);

/// The parts between commas of each text: "0,person" → "0", "person". Errors: UsageError naming `flag` for an
/// empty one.
[[nodiscard]] std::vector<std::string> parse_classes(const std::vector<std::string>& texts,
                                                     const std::string& flag);

struct DetectorOptions {
  std::string engine = "auto";         ///< auto (OpenVINO where it is there), opencv, openvino.
  std::string precision = "f32";       ///< f32; bf16: OpenVINO only, faster, other results.
  std::string device = "CPU";          ///< OpenVINO's name of it.
  std::filesystem::path engine_cache;  ///< Folder for networks that OpenVINO compiled; empty: none.
  bool profiled = false;               ///< Keep what layers cost, where that is not free.
  Log* log = nullptr;                  ///< Gets what is worth saying; outlives the detector. nullptr: nobody.
  int threads = 1;
  /// Detectors that work at the same time in this process, with `threads` each: some engines have one pool of
  /// threads for all of them.
  int streams = 1;
  double confidence = 0.25;
  double iou = 0.45;
  int max_detections = 300;
  std::vector<std::string> classes;  ///< Only these, by id or label; empty: all.
  InputSize input;
};

/// What one image cost and gave.
struct DetectorResult {
  std::vector<Detection> detections;  ///< Highest confidence first.
  Nanoseconds preprocess{}, inference{}, postprocess{};
  std::vector<std::int64_t> input_shape;  ///< N x C x H x W of the blob.
};

/// What a model turned out to be, and what was done so that it runs.
struct Preparation {
  std::string head;                   ///< How its boxes are coded; empty when the graph decodes them itself.
  std::vector<std::string> changes;   ///< To its graph, for people.
  std::vector<std::string> warnings;  ///< What looks wrong in the file.
  bool rectangular = false;           ///< The network sees each picture without padding to a square.
};

/// The layers of one type in one run.
struct LayerTime {
  std::string type;
  int layers = 0;
  Nanoseconds time{};
};

/// Finds objects in images. Threads: one at a time per object.
class Detector {
 public:
  virtual ~Detector() = default;
  /// Errors: ModelError in the engine's own words; ModelFileError where a picture of another form needs the
  /// model's file once more, and it is not as it was.
  [[nodiscard]] virtual DetectorResult detect(const image::Image& image) = 0;
  [[nodiscard]] virtual const std::string& engine() const = 0;  ///< "opencv", "openvino-bf16".
  /// "OpenVINO 2026.4.1 on AMD EPYC, f32".
  [[nodiscard]] virtual std::string engine_description() const { return engine(); }
  [[nodiscard]] virtual const std::string& model_name() const = 0;  ///< "yolov3-tiny".
  [[nodiscard]] virtual const std::vector<std::string>& labels() const = 0;
  /// Of the last run.
  [[nodiscard]] virtual std::vector<std::int64_t> input_shape() const = 0;
  [[nodiscard]] virtual const Preparation& preparation() const;
  /// What the last run cost, the slowest type of layer first; empty when the engine does not say.
  [[nodiscard]] virtual std::vector<LayerTime> layer_times() { return {}; }
};

/// Loads `model` (an ONNX file) into the chosen engine and runs it once, so that the first image is no slower
/// than the next. Errors: ModelError naming the file; UsageError naming --engine, --precision, --device or
/// --classes.
[[nodiscard]] std::unique_ptr<Detector> make_detector(const std::filesystem::path& model,
                                                      const DetectorOptions& options);

/// "4.6.0", the OpenCV that the detector runs on.
[[nodiscard]] std::string opencv_version();

/// The module with the OpenVINO engine; nullopt when it was not built or is not where it belongs.
[[nodiscard]] std::optional<std::filesystem::path> openvino_module();

/// Looks into the file whether the model runs at the input size and has the classes that are asked for; no
/// engine is involved, and where nothing is asked for, nothing is read. Errors: as `make_detector`.
void check_fit(const std::filesystem::path& model, const DetectorOptions& options);

/// Pure checks of the options. Errors: UsageError naming the flag.
void validate(const DetectorOptions& options);

}  // namespace kexp::inference
