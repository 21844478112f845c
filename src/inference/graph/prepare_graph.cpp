#include "graph/prepare_graph.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "kexp/inference/detector.hpp"

#include "graph/find_head.hpp"
#include "graph/onnx_graph.hpp"
#include "graph/repairs.hpp"
#include "half.hpp"
#include "onnx_file.hpp"

namespace kexp::inference {

namespace {

constexpr int kUsualStride = 32;
constexpr const char* kChangesKey = "kexp_changes";
constexpr std::string_view kBetweenChanges = "; ";

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {} node{}", count, what, count == 1 ? "" : "s");
}

void widen(PreparedGraph& prepared) {
  if (widen_halves(prepared.model)) {
    prepared.changes.emplace_back("16-bit floats made 32-bit ones");
    drop_idle_casts(*prepared.model.mutable_graph());
  }
}

void drop_copies(PreparedGraph& prepared) {
  if (const std::size_t count = drop_identities(*prepared.model.mutable_graph())) {
    prepared.changes.push_back(counted(count, "Identity") + " left out");
  }
}

/// Output channels of the convolutions that make `tensors`; 0 where that is not known.
std::vector<std::int64_t> channels_of(const onnx::GraphProto& graph,
                                      const std::vector<std::string>& tensors) {
  const GraphIndex index(graph);
  std::vector<std::int64_t> channels;
  for (const std::string& tensor : tensors) {
    const onnx::NodeProto* node = index.producer(tensor);
    const onnx::TensorProto* weight =
        node != nullptr && node->input_size() > 1 ? index.constant(node->input(1)) : nullptr;
    channels.push_back(weight != nullptr && weight->dims_size() > 0 ? weight->dims(0) : 0);
  }
  return channels;
}

void check_classes(PreparedGraph& prepared) {
  complete_labels(prepared.info, prepared.head->classes);
  const std::size_t labels = prepared.info.labels.size();
  if (prepared.info.labels_given && labels != prepared.head->classes) {
    throw ModelError(fmt::format("no YOLO detector that fits its labels: {} classes, but {} labels",
                                 prepared.head->classes, labels));
  }
}

/// Cuts the graph where its decoding begins, when that can be done here.
void cut(PreparedGraph& prepared) {
  onnx::GraphProto& graph = *prepared.model.mutable_graph();
  prepared.head = find_head(
      graph, {prepared.info.labels_given ? prepared.info.labels.size() : 0, prepared.info.output.shape});
  if (!prepared.head) {
    prepared.outputs = {prepared.info.output.name};
    return;
  }
  check_classes(prepared);
  prepared.outputs = tensor_names(*prepared.head);
  const int before = graph.node_size();
  set_outputs(graph, prepared.outputs, channels_of(graph, prepared.outputs));
  tidy(graph);
  prepared.changes.push_back(fmt::format("cut after its last {} convolutions: {} of {} nodes left",
                                         prepared.outputs.size(), graph.node_size(), before));
}

/// A graph that was cut before says itself what its outputs mean.
void take_cut(PreparedGraph& prepared, const Head& head) {
  prepared.head = head;
  prepared.outputs = tensor_names(head);
  check_classes(prepared);
  for (const std::string& name : prepared.outputs) {
    const auto& outputs = prepared.model.graph().output();
    const bool there = std::any_of(outputs.begin(), outputs.end(),
                                   [&](const auto& output) { return output.name() == name; });
    if (!there) {
      throw ModelError(
          fmt::format("broken model: its metadata {} names an output {} that it has not", kHeadKey, name));
    }
  }
}

/// Whether a node's results follow the image's size by themselves, with no constant that depends on it.
bool fits_any_size(const onnx::NodeProto& node) {
  static constexpr std::array<std::string_view, 16> kTypes{
      "Conv",      "Sigmoid", "Mul",       "Add",      "Concat", "MaxPool", "AveragePool",
      "LeakyRelu", "Relu",    "HardSwish", "Softplus", "Tanh",   "Clip",    "BatchNormalization",
      "Split",     "Constant"};
  constexpr int kResizeSizes = 3;  // the place of its input with fixed sizes; before it, the factors stand
  if (node.op_type() == "Resize") {
    return node.input_size() <= kResizeSizes || node.input(kResizeSizes).empty();
  }
  return std::find(kTypes.begin(), kTypes.end(), node.op_type()) != kTypes.end();
}

Sizes sizes_of(const PreparedGraph& prepared) {
  const auto& nodes = prepared.model.graph().node();
  if (prepared.head && std::all_of(nodes.begin(), nodes.end(), fits_any_size)) {
    return Sizes::any;
  }
  return prepared.info.open_size ? Sizes::by_choice : Sizes::one;
}

void check_outputs(const PreparedGraph& prepared) {
  const GraphIndex index(prepared.model.graph());
  for (const std::string& name : prepared.outputs) {
    if (index.producer(name) == nullptr) {
      throw ModelError(fmt::format("broken graph: no node makes its output {}", name));
    }
  }
}

bool is_finite(const onnx::TensorProto& tensor) {
  if (tensor.data_type() != onnx::TensorProto::FLOAT) {
    return true;
  }
  const auto& listed = tensor.float_data();
  const std::string& raw = tensor.raw_data();
  bool finite = std::all_of(listed.begin(), listed.end(), [](float value) { return std::isfinite(value); });
  for (std::size_t at = 0; at + sizeof(float) <= raw.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, raw.data() + at, sizeof(value));
    finite &= std::isfinite(value);
  }
  return finite;
}

/// A network of a diverged training answers nonsense. Constants of other nodes may be infinite, as masks are.
void check_weights(const onnx::GraphProto& graph) {
  static constexpr std::array<std::string_view, 5> kWeighing{"Conv", "ConvTranspose", "Gemm", "MatMul",
                                                             "BatchNormalization"};
  const GraphIndex index(graph);
  for (const auto& node : graph.node()) {
    if (std::find(kWeighing.begin(), kWeighing.end(), node.op_type()) == kWeighing.end()) {
      continue;
    }
    for (const std::string& input : node.input()) {
      const onnx::TensorProto* weights = index.constant(input);
      if (weights != nullptr && !is_finite(*weights)) {
        throw ModelError(fmt::format(
            "its weights {} hold NaN or infinity: its training diverged, or the file is damaged", input));
      }
    }
  }
}

/// What a file that was prepared before says was done to it.
std::vector<std::string> earlier_changes(const onnx::ModelProto& model) {
  const std::string text = metadata(model, kChangesKey);
  std::vector<std::string> changes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(kBetweenChanges, at), text.size());
    changes.push_back(text.substr(at, end - at));
    at = end + kBetweenChanges.size();
  }
  return changes;
}

void repair(PreparedGraph& prepared) {
  prepared.changes = earlier_changes(prepared.model);
  prepared.earlier_changes = prepared.changes.size();
  widen(prepared);
  drop_copies(prepared);
  if (const auto head = parse_head(metadata(prepared.model, kHeadKey))) {
    take_cut(prepared, *head);
  } else {
    cut(prepared);
  }
  if (const std::size_t count = inline_split_sizes(*prepared.model.mutable_graph())) {
    prepared.changes.push_back(counted(count, "Split") + " given fixed sizes");
  }
  tidy(*prepared.model.mutable_graph());
  check_outputs(prepared);
  check_weights(prepared.model.graph());
  prepared.sizes = sizes_of(prepared);
}

}  // namespace

PreparedGraph prepare_graph(const std::filesystem::path& file, std::string_view content) {
  PreparedGraph prepared;
  prepared.model = parse_onnx(file, content);
  prepared.info = read_model_info(file, prepared.model, content.size());
  try {
    repair(prepared);
  } catch (const ModelError& e) {
    throw ModelError(fmt::format("{}: {}", file.string(), e.what()));
  }
  return prepared;
}

std::string as_file(PreparedGraph graph) {
  if (graph.head) {
    set_metadata(graph.model, kHeadKey, head_json(*graph.head));
  }
  set_metadata(graph.model, kChangesKey, fmt::format("{}", fmt::join(graph.changes, kBetweenChanges)));
  return graph.model.SerializeAsString();
}

int largest_stride(const PreparedGraph& graph) {
  return graph.head ? graph.head->levels.back().stride : graph.info.stride.value_or(kUsualStride);
}

}  // namespace kexp::inference
