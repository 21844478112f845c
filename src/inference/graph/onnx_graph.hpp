#pragma once

/// Looking things up in an ONNX graph, and the small edits that repairs are made of.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <onnx/onnx_pb.h>

namespace kexp::inference {

/// Who makes and who takes each tensor of a graph. Lifetime: as long as the graph is not edited.
class GraphIndex {
 public:
  explicit GraphIndex(const onnx::GraphProto& graph);

  /// The node that makes a tensor; nullptr for inputs, weights and what nobody makes.
  [[nodiscard]] const onnx::NodeProto* producer(const std::string& tensor) const;
  /// The nodes that take a tensor, in the graph's order.
  [[nodiscard]] const std::vector<const onnx::NodeProto*>& consumers(const std::string& tensor) const;
  /// The value of a weight or constant, also behind nodes that only copy or reshape it; nullptr for others.
  [[nodiscard]] const onnx::TensorProto* constant(const std::string& tensor) const;

 private:
  void hand_on_constants();

  std::unordered_map<std::string, const onnx::NodeProto*> producers_;
  std::unordered_map<std::string, std::vector<const onnx::NodeProto*>> consumers_;
  std::unordered_map<std::string, const onnx::TensorProto*> constants_;
};

/// nullptr when the node has no such attribute.
[[nodiscard]] const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name);
/// Of an attribute of integers; empty when the node has none.
[[nodiscard]] std::vector<std::int64_t> integers(const onnx::NodeProto& node, std::string_view name);

/// The numbers of a tensor of 32- or 64-bit floats or integers; empty for other types.
[[nodiscard]] std::vector<double> numbers(const onnx::TensorProto& tensor);

/// "Conv /model.0/conv/Conv", for messages.
[[nodiscard]] std::string node_text(const onnx::NodeProto& node);

/// The value of a metadata entry; empty when there is none.
[[nodiscard]] std::string metadata(const onnx::ModelProto& model, std::string_view key);
void set_metadata(onnx::ModelProto& model, std::string_view key, const std::string& value);

/// Leaves out the nodes that `drop` says yes to; the others keep their order.
template <typename Drop>
void drop_nodes(onnx::GraphProto& graph, Drop drop) {
  auto& nodes = *graph.mutable_node();
  int kept = 0;
  for (int i = 0; i < nodes.size(); ++i) {
    if (!drop(nodes[i])) {
      nodes.SwapElements(kept++, i);
    }
  }
  nodes.DeleteSubrange(kept, nodes.size() - kept);
}

}  // namespace kexp::inference
