#include "opencv/opencv_engine.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>

#include "graph/repairs.hpp"
#include "nets_by_size.hpp"
#include "opencv/activations.hpp"
#include "opencv/attention.hpp"

namespace kexp::inference {

namespace {

/// OpenCV prints its errors before it throws them; they are ours to tell.
void silence_opencv() {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

TensorView view_of(const cv::Mat& tensor) {
  return {{tensor.size.p, tensor.size.p + tensor.dims}, tensor.ptr<float>()};
}

class OpencvEngine final : public Engine {
 public:
  explicit OpencvEngine(EngineInput input)
      : file_(std::move(input.file)),
        load_per_size_(input.load_per_size),
        model_(std::move(input.model)),
        names_(input.outputs.begin(), input.outputs.end()) {
    fuse_activations(*model_.mutable_graph());
    replace_attention(*model_.mutable_graph());
  }

  const std::string& name() const override { return name_; }
  std::string description() const override { return fmt::format("OpenCV {}", CV_VERSION); }

  std::vector<TensorView> run(std::vector<float>& blob, Size2 size) override {
    cv::dnn::Net& net = net_for(size);
    const int shape[] = {1, 3, size.height, size.width};
    try {
      net.setInput(cv::Mat(4, shape, CV_32F, blob.data()));
      net.forward(tensors_, names_);
    } catch (const cv::Exception& e) {
      throw cannot_run(e, failing_layer(net, {shape, shape + 4}));
    }
    return views();
  }

  std::vector<LayerTime> layer_times() override {
    cv::dnn::Net* net = nets_.last();
    if (net == nullptr) {
      return {};
    }
    std::vector<double> ticks;
    net->getPerfProfile(ticks);
    const std::vector<cv::String> layers = net->getLayerNames();
    std::map<std::string, LayerTime> by_type;
    for (std::size_t i = 0; i < ticks.size() && i < layers.size(); ++i) {
      if (ticks[i] > 0) {
        const std::string type = net->getLayer(net->getLayerId(layers[i]))->type;
        LayerTime& sum = by_type.emplace(type, LayerTime{type, 0, {}}).first->second;
        ++sum.layers;
        sum.time += std::chrono::duration_cast<Nanoseconds>(
            std::chrono::duration<double>(ticks[i] / cv::getTickFrequency()));
      }
    }
    std::vector<LayerTime> result;
    for (auto& [type, sum] : by_type) {
      result.push_back(std::move(sum));
    }
    return slowest_first(std::move(result));
  }

 private:
  /// One network takes every size, or one size each.
  cv::dnn::Net& net_for(Size2 size) {
    return nets_.get(load_per_size_ ? size : Size2{}, [&] { return load(size); });
  }

  [[nodiscard]] cv::dnn::Net load(Size2 size) {
    const std::string content = content_for(size);
    try {
      cv::dnn::Net net = cv::dnn::readNetFromONNX(content.data(), content.size());
      net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
      net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
      return net;
    } catch (const cv::Exception& e) {
      throw cannot_run(e, "");
    }
  }

  /// A graph that is loaded once is given back: two copies of its weights are enough.
  std::string content_for(Size2 size) {
    set_input_size(*model_.mutable_graph(), size);
    return load_per_size_ ? model_.SerializeAsString() : std::exchange(model_, {}).SerializeAsString();
  }

  [[nodiscard]] std::vector<TensorView> views() const {
    std::vector<TensorView> result;
    for (const cv::Mat& tensor : tensors_) {
      if (tensor.type() != CV_32F || !tensor.isContinuous()) {
        throw ModelError(fmt::format("{}: its output is no plain float32 tensor", file_));
      }
      result.push_back(view_of(tensor));
    }
    return result;
  }

  /// The first layer whose shape OpenCV cannot work out; empty when it is another fault.
  static std::string failing_layer(const cv::dnn::Net& net, const cv::dnn::MatShape& input) {
    for (const cv::String& layer : net.getLayerNames()) {
      try {
        std::vector<cv::dnn::MatShape> in;
        std::vector<cv::dnn::MatShape> out;
        net.getLayerShapes(input, net.getLayerId(layer), in, out);
      } catch (const cv::Exception&) {
        return layer;
      }
    }
    return {};
  }

  [[nodiscard]] ModelError cannot_run(const cv::Exception& e, const std::string& layer) const {
    return ModelError(fmt::format("{}: OpenCV {} cannot run this graph{}: {}", file_, CV_VERSION,
                                  layer.empty() ? "" : fmt::format(" (its node {})", layer),
                                  one_line(e.err)));
  }

  const std::string name_ = "opencv";
  std::string file_;
  bool load_per_size_;
  onnx::ModelProto model_;
  std::vector<cv::String> names_;
  NetsBySize<cv::dnn::Net> nets_;
  std::vector<cv::Mat> tensors_;
};

}  // namespace

std::unique_ptr<Engine> make_opencv_engine(EngineInput input) {
  silence_opencv();
  register_activations();
  register_attention();
  // OpenCV's pool is one for the process; while one network uses it, the others compute on their own threads.
  cv::setNumThreads(input.streams * (input.threads - 1) + 1);
  return std::make_unique<OpencvEngine>(std::move(input));
}

std::string opencv_version() { return CV_VERSION; }

}  // namespace kexp::inference
