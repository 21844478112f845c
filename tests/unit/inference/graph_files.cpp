#include "graph_files.hpp"

#include <stdexcept>

namespace kexp::test {

TestGraph::TestGraph() : builder_(graph_) {
  inference::describe(*graph_.add_input(), "images", {1, 3, 64, 64});
}

std::string TestGraph::convolution(const std::string& from, int channels, int stride,
                                   const std::string& name) {
  const std::vector<float> weights(static_cast<std::size_t>(channels), 0.5F);
  const std::string weight = builder_.floats({channels, 1, 1, 1}, weights);
  const std::string made =
      builder_.node("Conv", {from, weight}, {{"strides", std::vector<std::int64_t>{stride, stride}}}, name);
  graph_.mutable_node(graph_.node_size() - 1)->set_name(name.empty() ? made : name);
  return made;
}

std::vector<std::string> TestGraph::backbone() {
  const std::string eighth = convolution("images", 4, 8);
  const std::string sixteenth = convolution(eighth, 4, 2);
  return {eighth, sixteenth, convolution(sixteenth, 4, 2)};
}

void TestGraph::output(const std::string& name, const std::vector<std::int64_t>& shape) {
  inference::describe(*graph_.add_output(), name, shape);
}

std::vector<std::string> node_types(const onnx::GraphProto& graph) {
  std::vector<std::string> types;
  for (const auto& node : graph.node()) {
    types.push_back(node.op_type());
  }
  return types;
}

const onnx::NodeProto& maker_of(const onnx::GraphProto& graph, const std::string& tensor) {
  for (const auto& node : graph.node()) {
    for (const std::string& output : node.output()) {
      if (output == tensor) {
        return node;
      }
    }
  }
  throw std::logic_error("no node makes " + tensor);
}

}  // namespace kexp::test
