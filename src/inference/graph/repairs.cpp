#include "graph/repairs.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "kexp/inference/detector.hpp"

#include "graph/onnx_graph.hpp"

namespace kexp::inference {

namespace {

using Renamed = std::unordered_map<std::string, std::string>;
using Names = std::unordered_set<std::string>;

bool is_cast_to_float(const onnx::NodeProto& node) {
  const onnx::AttributeProto* to = attribute(node, "to");
  return node.op_type() == "Cast" && to != nullptr && to->i() == onnx::TensorProto::FLOAT;
}

/// Whether a node makes integers or truth values whatever it takes.
bool makes_no_floats(const onnx::NodeProto& node) {
  static constexpr std::array<std::string_view, 9> kTypes{"Shape", "Size",    "NonZero", "ArgMax", "ArgMin",
                                                          "Equal", "Greater", "Less",    "Not"};
  return (node.op_type() == "Cast" && !is_cast_to_float(node)) ||
         std::find(kTypes.begin(), kTypes.end(), node.op_type()) != kTypes.end();
}

/// Follows first inputs back to where the type is known. Others than images and weights do not come in.
bool is_float(const GraphIndex& index, std::string tensor, int nodes) {
  for (int steps = 0; steps <= nodes; ++steps) {
    const onnx::TensorProto* constant = index.constant(tensor);
    if (constant != nullptr) {
      return constant->data_type() == onnx::TensorProto::FLOAT;
    }
    const onnx::NodeProto* node = index.producer(tensor);
    if (node == nullptr || is_cast_to_float(*node)) {
      return true;
    }
    if (makes_no_floats(*node) || node->input_size() == 0) {
      return false;
    }
    tensor = node->input(0);
  }
  return false;
}

Names output_names(const onnx::GraphProto& graph) {
  Names names;
  for (const auto& output : graph.output()) {
    names.insert(output.name());
  }
  return names;
}

/// Lets everybody who took a node's output take its input, for nodes that `idle` says yes to.
std::size_t bypass(onnx::GraphProto& graph, const std::function<bool(const onnx::NodeProto&)>& idle) {
  const Names outputs = output_names(graph);
  Renamed renamed;
  Names dropped;
  for (const auto& node : graph.node()) {
    const bool plain = node.input_size() == 1 && node.output_size() == 1;
    if (plain && outputs.count(node.output(0)) == 0 && node.input(0) != node.output(0) && idle(node)) {
      renamed.emplace(node.output(0), node.input(0));
    }
  }
  const auto origin = [&](std::string name) {
    for (std::size_t steps = 0; steps <= renamed.size(); ++steps) {
      const auto found = renamed.find(name);
      if (found == renamed.end()) {
        break;
      }
      name = found->second;
    }
    return name;
  };
  for (auto& node : *graph.mutable_node()) {
    for (std::string& input : *node.mutable_input()) {
      input = origin(input);
    }
  }
  drop_nodes(graph, [&](const onnx::NodeProto& node) {
    return node.output_size() == 1 && renamed.count(node.output(0)) > 0;
  });
  return renamed.size();
}

constexpr std::int64_t kSplitTakesSizes = 13;  // from this opset on they are an input

std::int64_t opset_of(const onnx::ModelProto& model) {
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty()) {
      return import.version();
    }
  }
  return 0;
}

std::vector<std::int64_t> split_sizes(const onnx::NodeProto& node, const onnx::TensorProto& tensor) {
  constexpr double kMostChannels = 1 << 20;
  std::vector<std::int64_t> sizes;
  for (const double size : numbers(tensor)) {
    if (!(size >= 0 && size <= kMostChannels)) {
      throw ModelError(fmt::format("broken graph: {} has a size of {}", node_text(node), size));
    }
    sizes.push_back(static_cast<std::int64_t>(size));
  }
  return sizes;
}

void drop_split_attributes(onnx::NodeProto& node) {
  auto& attributes = *node.mutable_attribute();
  for (int i = attributes.size() - 1; i >= 0; --i) {
    if (attributes[i].name() == "num_outputs" || attributes[i].name() == "split") {
      attributes.DeleteSubrange(i, 1);
    }
  }
}

void set_split(onnx::NodeProto& node, const std::vector<std::int64_t>& sizes) {
  node.mutable_input()->DeleteSubrange(1, node.input_size() - 1);
  drop_split_attributes(node);
  auto& split = *node.add_attribute();
  split.set_name("split");
  split.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t size : sizes) {
    split.add_ints(size);
  }
}

/// The first input that is no weight.
onnx::ValueInfoProto* image_input(onnx::GraphProto& graph) {
  Names weights;
  for (const auto& weight : graph.initializer()) {
    weights.insert(weight.name());
  }
  for (auto& value : *graph.mutable_input()) {
    if (weights.count(value.name()) == 0) {
      return &value;
    }
  }
  return nullptr;
}

/// The nodes that the graph's outputs need, by index.
std::vector<bool> needed_nodes(const onnx::GraphProto& graph,
                               const std::unordered_map<std::string, int>& producers) {
  std::vector<bool> needed(static_cast<std::size_t>(graph.node_size()), false);
  std::vector<std::string> open;
  for (const auto& output : graph.output()) {
    open.push_back(output.name());
  }
  while (!open.empty()) {
    const auto found = producers.find(open.back());
    open.pop_back();
    if (found == producers.end() || needed[static_cast<std::size_t>(found->second)]) {
      continue;
    }
    needed[static_cast<std::size_t>(found->second)] = true;
    const auto& inputs = graph.node(found->second).input();
    open.insert(open.end(), inputs.begin(), inputs.end());
  }
  return needed;
}

/// Nodes in an order that can be run, as near to the graph's own as it goes.
std::vector<int> runnable_order(const onnx::GraphProto& graph) {
  std::unordered_map<std::string, int> producers;
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& output : graph.node(i).output()) {
      producers.emplace(output, i);
    }
  }
  const std::vector<bool> needed = needed_nodes(graph, producers);
  std::vector<std::vector<int>> takers(needed.size());
  std::vector<int> waits_for(needed.size(), 0);
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  std::size_t wanted = 0;
  for (int i = 0; i < graph.node_size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (!needed[at]) {
      continue;
    }
    ++wanted;
    for (const std::string& input : graph.node(i).input()) {
      const auto found = producers.find(input);
      if (found != producers.end()) {
        takers[static_cast<std::size_t>(found->second)].push_back(i);
        ++waits_for[at];
      }
    }
    if (waits_for[at] == 0) {
      ready.push(i);
    }
  }
  std::vector<int> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const int taker : takers[static_cast<std::size_t>(order.back())]) {
      if (--waits_for[static_cast<std::size_t>(taker)] == 0) {
        ready.push(taker);
      }
    }
  }
  if (order.size() < wanted) {
    for (int i = 0; i < graph.node_size(); ++i) {
      if (needed[static_cast<std::size_t>(i)] && waits_for[static_cast<std::size_t>(i)] > 0) {
        throw ModelError(fmt::format("broken graph: {} needs its own result", node_text(graph.node(i))));
      }
    }
  }
  return order;
}

void drop_unused_weights(onnx::GraphProto& graph) {
  Names used = output_names(graph);
  for (const auto& node : graph.node()) {
    used.insert(node.input().begin(), node.input().end());
  }
  const auto keep_used = [&](auto& values) {
    int kept = 0;
    for (int i = 0; i < values.size(); ++i) {
      if (used.count(values[i].name()) > 0) {
        values.SwapElements(kept++, i);
      }
    }
    values.DeleteSubrange(kept, values.size() - kept);
  };
  keep_used(*graph.mutable_initializer());
  keep_used(*graph.mutable_input());
}

}  // namespace

std::size_t drop_idle_casts(onnx::GraphProto& graph) {
  const GraphIndex index(graph);
  return bypass(graph, [&](const onnx::NodeProto& node) {
    return is_cast_to_float(node) && is_float(index, node.input(0), graph.node_size());
  });
}

std::size_t drop_identities(onnx::GraphProto& graph) {
  return bypass(graph, [](const onnx::NodeProto& node) { return node.op_type() == "Identity"; });
}

std::size_t inline_split_sizes(onnx::GraphProto& graph) {
  const GraphIndex index(graph);
  std::vector<std::pair<onnx::NodeProto*, std::vector<std::int64_t>>> found;
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() != "Split" || node.input_size() < 2 || node.input(1).empty()) {
      continue;
    }
    const onnx::TensorProto* sizes = index.constant(node.input(1));
    if (sizes == nullptr) {
      throw ModelError(
          fmt::format("{} takes its sizes from the image, which cannot be repaired", node_text(node)));
    }
    found.emplace_back(&node, split_sizes(node, *sizes));
  }
  for (auto& [node, sizes] : found) {
    set_split(*node, sizes);
  }
  return found.size();
}

std::size_t split_sizes_as_inputs(onnx::ModelProto& model) {
  if (opset_of(model) < kSplitTakesSizes) {
    return 0;
  }
  std::size_t count = 0;
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    const std::vector<std::int64_t> sizes = integers(node, "split");
    if (node.op_type() != "Split" || node.input_size() != 1 || sizes.empty()) {
      continue;
    }
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(fmt::format("{}/kexp_split", node.output(0)));
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(sizes.size()));
    tensor.mutable_int64_data()->Add(sizes.begin(), sizes.end());
    drop_split_attributes(node);
    node.add_input(tensor.name());
    ++count;
  }
  return count;
}

void set_input_size(onnx::GraphProto& graph, Size2 size) {
  onnx::ValueInfoProto* input = image_input(graph);
  if (input == nullptr) {
    return;
  }
  auto& shape = *input->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.clear_dim();
  for (const std::int64_t side : {1, 3, size.height, size.width}) {
    auto& dimension = *shape.add_dim();
    if (side > 0) {
      dimension.set_dim_value(side);
    }
  }
}

void set_outputs(onnx::GraphProto& graph, const std::vector<std::string>& outputs,
                 const std::vector<std::int64_t>& channels) {
  graph.clear_output();
  graph.clear_value_info();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    auto& value = *graph.add_output();
    value.set_name(outputs[i]);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(onnx::TensorProto::FLOAT);
    auto& shape = *tensor.mutable_shape();
    shape.add_dim()->set_dim_value(1);
    shape.add_dim()->set_dim_value(channels[i]);
    shape.add_dim();
    shape.add_dim();
  }
}

void tidy(onnx::GraphProto& graph) {
  google::protobuf::RepeatedPtrField<onnx::NodeProto> sorted;
  for (const int i : runnable_order(graph)) {
    sorted.Add(std::move(*graph.mutable_node(i)));
  }
  graph.mutable_node()->Swap(&sorted);
  drop_unused_weights(graph);
}

}  // namespace kexp::inference
