#include "opencv/attention.hpp"

#include <mutex>
#include <vector>

#include <opencv2/dnn/all_layers.hpp>
#include <opencv2/dnn/layer.details.hpp>

#include "graph/onnx_graph.hpp"
#include "opencv/kernels.hpp"

namespace kexp::inference {

namespace {

constexpr const char* kProductType = "KexpMatMul";
constexpr const char* kSoftmaxType = "KexpSoftmax";

using Shapes = std::vector<cv::dnn::MatShape>;

/// Rows, columns and how often of a tensor that is seen as matrices one after the other.
struct Matrices {
  explicit Matrices(const cv::Mat& tensor)
      : rows(static_cast<std::size_t>(tensor.size[tensor.dims - 2])),
        columns(static_cast<std::size_t>(tensor.size[tensor.dims - 1])),
        count(tensor.total() / (rows * columns)) {}
  std::size_t rows, columns, count;
};

class ProductLayer final : public cv::dnn::Layer {
 public:
  explicit ProductLayer(const cv::dnn::LayerParams& parameters) : Layer(parameters) {}
  static cv::Ptr<cv::dnn::Layer> create(cv::dnn::LayerParams& parameters) {
    return cv::makePtr<ProductLayer>(parameters);
  }

  bool getMemoryShapes(const Shapes& inputs, int, Shapes& outputs, Shapes&) const override {
    CV_Assert(inputs.size() == 2 && inputs[0].size() == inputs[1].size() && inputs[0].size() >= 2);
    const std::size_t last = inputs[0].size() - 1;
    CV_Assert(inputs[0][last] == inputs[1][last - 1]);
    for (std::size_t i = 0; i + 2 <= last; ++i) {
      CV_Assert(inputs[0][i] == inputs[1][i]);
    }
    outputs.assign(1, inputs[0]);
    outputs[0][last] = inputs[1][last];
    return false;
  }

  void forward(cv::InputArrayOfArrays in, cv::OutputArrayOfArrays out, cv::OutputArrayOfArrays) override {
    std::vector<cv::Mat> inputs;
    std::vector<cv::Mat> outputs;
    in.getMatVector(inputs);
    out.getMatVector(outputs);
    const Matrices left(inputs[0]);
    const Matrices right(inputs[1]);
    for (std::size_t i = 0; i < left.count; ++i) {
      multiply(inputs[0].ptr<float>() + i * left.rows * left.columns,
               inputs[1].ptr<float>() + i * right.rows * right.columns,
               outputs[0].ptr<float>() + i * left.rows * right.columns, left.rows, left.columns,
               right.columns);
    }
  }
};

class SoftmaxLayer final : public cv::dnn::Layer {
 public:
  explicit SoftmaxLayer(const cv::dnn::LayerParams& parameters) : Layer(parameters) {}
  static cv::Ptr<cv::dnn::Layer> create(cv::dnn::LayerParams& parameters) {
    return cv::makePtr<SoftmaxLayer>(parameters);
  }

  bool getMemoryShapes(const Shapes& inputs, int required, Shapes& outputs,
                       Shapes& internals) const override {
    Layer::getMemoryShapes(inputs, required, outputs, internals);
    return true;  // in place
  }

  void forward(cv::InputArrayOfArrays in, cv::OutputArrayOfArrays out, cv::OutputArrayOfArrays) override {
    std::vector<cv::Mat> inputs;
    std::vector<cv::Mat> outputs;
    in.getMatVector(inputs);
    out.getMatVector(outputs);
    const Matrices all(inputs[0]);
    softmax(inputs[0].ptr<float>(), outputs[0].ptr<float>(), all.count * all.rows, all.columns);
  }
};

/// A product of what the network calculates; one with weights OpenCV does well.
bool is_product(const GraphIndex& index, const onnx::NodeProto* node) {
  return node != nullptr && node->op_type() == "MatMul" && node->input_size() == 2 &&
         index.constant(node->input(0)) == nullptr && index.constant(node->input(1)) == nullptr;
}

/// Over the rows of a product, which has four dimensions in every attention.
bool is_softmax_of_rows(const GraphIndex& index, const onnx::NodeProto& node) {
  constexpr std::int64_t kLastOfFour = 3;
  const onnx::AttributeProto* axis = attribute(node, "axis");
  const bool last = axis != nullptr && (axis->i() == -1 || axis->i() == kLastOfFour);
  return node.op_type() == "Softmax" && node.input_size() == 1 && last &&
         is_product(index, index.producer(node.input(0)));
}

}  // namespace

std::size_t replace_attention(onnx::GraphProto& graph) {
  const GraphIndex index(graph);
  std::vector<onnx::NodeProto*> products;
  std::vector<onnx::NodeProto*> softmaxes;
  for (auto& node : *graph.mutable_node()) {
    if (is_product(index, &node)) {
      products.push_back(&node);
    } else if (is_softmax_of_rows(index, node)) {
      softmaxes.push_back(&node);
    }
  }
  for (onnx::NodeProto* node : products) {
    node->set_op_type(kProductType);
  }
  for (onnx::NodeProto* node : softmaxes) {
    node->set_op_type(kSoftmaxType);
    node->clear_attribute();
  }
  return products.size() + softmaxes.size();
}

void register_attention() {
  static std::once_flag once;
  std::call_once(once, [] {
    cv::dnn::LayerFactory::registerLayer(kProductType, ProductLayer::create);
    cv::dnn::LayerFactory::registerLayer(kSoftmaxType, SoftmaxLayer::create);
  });
}

}  // namespace kexp::inference
