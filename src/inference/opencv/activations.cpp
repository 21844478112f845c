#include "opencv/activations.hpp"

#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include <opencv2/dnn/all_layers.hpp>
#include <opencv2/dnn/layer.details.hpp>

#include "graph/onnx_graph.hpp"
#include "opencv/kernels.hpp"

namespace kexp::inference {

namespace {

constexpr const char* kSiluType = "KexpSilu";
constexpr const char* kSigmoidType = "KexpSigmoid";

using Kernel = void (*)(const float*, float*, std::size_t);

/// A convolution takes it over and calls `forwardSlice` on each piece of its result while that is in the
/// cache.
template <Kernel kKernel>
class FastActivation final : public cv::dnn::ActivationLayer {
 public:
  explicit FastActivation(const cv::dnn::LayerParams& parameters) { setParamsFrom(parameters); }

  static cv::Ptr<cv::dnn::Layer> create(cv::dnn::LayerParams& parameters) {
    return cv::makePtr<FastActivation>(parameters);
  }

  void forwardSlice(const float* from, float* to, int length, std::size_t plane, int first,
                    int end) const override {
    for (int channel = first; channel < end; ++channel, from += plane, to += plane) {
      kKernel(from, to, static_cast<std::size_t>(length));
    }
  }

  bool getMemoryShapes(const std::vector<cv::dnn::MatShape>& inputs, int required,
                       std::vector<cv::dnn::MatShape>& outputs,
                       std::vector<cv::dnn::MatShape>& internals) const override {
    Layer::getMemoryShapes(inputs, required, outputs, internals);
    return true;  // in place
  }

  void forward(cv::InputArrayOfArrays inputs, cv::OutputArrayOfArrays outputs,
               cv::OutputArrayOfArrays) override {
    std::vector<cv::Mat> from;
    std::vector<cv::Mat> to;
    inputs.getMatVector(from);
    outputs.getMatVector(to);
    for (std::size_t i = 0; i < from.size(); ++i) {
      kKernel(from[i].ptr<float>(), to[i].ptr<float>(), from[i].total());
    }
  }
};

/// The Mul of a Sigmoid's result and what it was made from, when nobody else takes the result.
const onnx::NodeProto* gate_of(const GraphIndex& index, const onnx::NodeProto& sigmoid) {
  const auto& takers = index.consumers(sigmoid.output(0));
  if (takers.size() != 1 || takers[0]->op_type() != "Mul" || takers[0]->input_size() != 2) {
    return nullptr;
  }
  const onnx::NodeProto& gate = *takers[0];
  const std::string& other = gate.input(0) == sigmoid.output(0) ? gate.input(1) : gate.input(0);
  return other == sigmoid.input(0) ? &gate : nullptr;
}

}  // namespace

std::size_t fuse_activations(onnx::GraphProto& graph) {
  const GraphIndex index(graph);
  std::unordered_set<std::string> outputs;
  for (const auto& output : graph.output()) {
    outputs.insert(output.name());
  }
  std::unordered_set<const onnx::NodeProto*> fused;
  std::size_t made = 0;
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() != "Sigmoid" || node.input_size() != 1 || node.output_size() != 1) {
      continue;
    }
    const onnx::NodeProto* gate = outputs.count(node.output(0)) == 0 ? gate_of(index, node) : nullptr;
    node.set_op_type(gate == nullptr ? kSigmoidType : kSiluType);
    if (gate != nullptr) {
      fused.insert(gate);
      node.set_output(0, gate->output(0));
    }
    ++made;
  }
  drop_nodes(graph, [&](const onnx::NodeProto& node) { return fused.count(&node) > 0; });
  return made;
}

void register_activations() {
  static std::once_flag once;
  std::call_once(once, [] {
    cv::dnn::LayerFactory::registerLayer(kSiluType, FastActivation<silu>::create);
    cv::dnn::LayerFactory::registerLayer(kSigmoidType, FastActivation<sigmoid>::create);
  });
}

}  // namespace kexp::inference
