#include "opencv_detector.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>

#include "kexp/inference/decode.hpp"
#include "kexp/inference/letterbox.hpp"
#include "kexp/inference/model_info.hpp"
#include "kexp/inference/nms.hpp"

namespace kexp::inference {

namespace {

namespace fs = std::filesystem;

/// OpenCV prints its errors before it throws them; they are ours to tell.
void silence_opencv() {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
}

std::string size_text(Size2 size) { return fmt::format("{}x{}", size.width, size.height); }

/// The size that the network runs at. Errors: ModelError where the model is exported for another.
Size2 input_size(const ModelInfo& info, const fs::path& model, const InputSize& wanted) {
  const Size2 exported = info.size;
  if (exported.width == 0) {
    throw ModelError(
        fmt::format("{}: its input size is open ({}), which OpenCV {} cannot run: export it with a fixed one",
                    model.string(), shape_text(info.input.shape), CV_VERSION));
  }
  const int side = std::max(exported.width, exported.height);
  const Size2 size = wanted.kind == InputSize::Kind::automatic ? exported
                     : wanted.kind == InputSize::Kind::square  ? Size2{side, side}
                                                               : wanted.size;
  if (size != exported) {
    throw ModelError(fmt::format("{}: exported for {}, cannot run at {} (--input): export it at that size",
                                 model.string(), size_text(exported), size_text(size)));
  }
  return size;
}

class OpencvDetector final : public Detector {
 public:
  OpencvDetector(const fs::path& model, const DetectorOptions& options) : file_(model), options_(options) {
    const std::string content = read_model_file(model);
    ModelInfo info = read_model_info(model, content);  // its graph is freed before the network is built
    size_ = input_size(info, model, options.input);
    name_ = std::move(info.name);
    labels_ = std::move(info.labels);
    output_ = std::move(info.output.name);
    load(content);
  }

  DetectorResult detect(const image::Image& image) override {
    const auto start = std::chrono::steady_clock::now();
    const Letterbox letterbox = fit({image.width, image.height}, size_);
    fill_blob(image, letterbox, blob_);
    const auto filled = std::chrono::steady_clock::now();
    const cv::Mat output = forward();
    const auto inferred = std::chrono::steady_clock::now();

    DetectorResult result;
    for (const Candidate& candidate : find(output)) {
      result.detections.push_back(to_image(candidate, letterbox));
    }
    result.input_shape = input_shape();
    result.preprocess = filled - start;
    result.inference = inferred - filled;
    result.postprocess = std::chrono::steady_clock::now() - inferred;
    return result;
  }

  const std::string& engine() const override { return engine_; }
  const std::string& model_name() const override { return name_; }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::vector<std::int64_t> input_shape() const override { return {1, 3, size_.height, size_.width}; }

  /// The first run, which OpenCV plans its memory in, and a look at what really comes out.
  void warm_up() {
    const auto pixels = static_cast<std::size_t>(size_.width) * static_cast<std::size_t>(size_.height);
    blob_.assign(3 * pixels, 0);
    const cv::Mat output = forward();
    const std::vector<std::int64_t> shape(output.size.p, output.size.p + output.dims);
    try {
      layout_ = layout_of(shape, labels_.size());
    } catch (const ModelError& e) {
      throw ModelError(fmt::format("{}: {}", file_.string(), e.what()));
    }
    if (output.type() != CV_32F || !output.isContinuous()) {
      throw ModelError(fmt::format("{}: its output is no plain float32 tensor", file_.string()));
    }
  }

 private:
  void load(const std::string& content) {
    try {
      net_ = cv::dnn::readNetFromONNX(content.data(), content.size());
      net_.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
      net_.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
    } catch (const cv::Exception& e) {
      throw cannot_run(e);
    }
  }

  cv::Mat forward() {
    const int shape[] = {1, 3, size_.height, size_.width};
    try {
      net_.setInput(cv::Mat(4, shape, CV_32F, blob_.data()));
      return net_.forward(output_);
    } catch (const cv::Exception& e) {
      throw cannot_run(e);
    }
  }

  [[nodiscard]] ModelError cannot_run(const cv::Exception& e) const {
    std::string cause = e.err;
    std::replace(cause.begin(), cause.end(), '\n', ' ');
    const bool halves = cause.find("FLOAT16") != std::string::npos;
    return ModelError(fmt::format("{}: OpenCV {} cannot run this graph: {} ({}:{}){}", file_.string(),
                                  CV_VERSION, cause, fs::path(e.file).filename().string(), e.line,
                                  halves ? "; kexp model prepare makes it one of 32-bit floats" : ""));
  }

  [[nodiscard]] std::vector<Candidate> find(const cv::Mat& output) const {
    const std::span<const float> tensor(output.ptr<float>(), output.total());
    std::vector<Candidate> candidates = decode(layout_, tensor, static_cast<float>(options_.confidence));
    const auto most = static_cast<std::size_t>(options_.max_detections);
    return layout_.layout == Layout::end_to_end ? best_first(std::move(candidates), most)
                                                : suppress(std::move(candidates), options_.iou, most);
  }

  fs::path file_;
  DetectorOptions options_;
  const std::string engine_ = "opencv";
  std::string name_;
  std::vector<std::string> labels_;
  std::string output_;
  Size2 size_;
  OutputLayout layout_;
  cv::dnn::Net net_;
  std::vector<float> blob_;
};

}  // namespace

std::unique_ptr<Detector> make_opencv_detector(const fs::path& model, const DetectorOptions& options) {
  silence_opencv();
  cv::setNumThreads(options.threads);
  auto detector = std::make_unique<OpencvDetector>(model, options);
  detector->warm_up();
  return detector;
}

std::string opencv_version() { return CV_VERSION; }

}  // namespace kexp::inference
