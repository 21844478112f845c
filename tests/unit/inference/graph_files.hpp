#pragma once

#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include "onnx_builder.hpp"

namespace kexp::test {

/// A graph under construction, from images of 1 x 3 x 64 x 64.
class TestGraph {
 public:
  TestGraph();

  [[nodiscard]] onnx::GraphProto& graph() { return graph_; }
  [[nodiscard]] inference::OnnxBuilder& builder() { return builder_; }

  /// A convolution, whose result is named as its node.
  std::string convolution(const std::string& from, int channels, int stride = 1,
                          const std::string& name = {});
  /// Strides 8, 16 and 32 of the images.
  std::vector<std::string> backbone();
  void output(const std::string& name, const std::vector<std::int64_t>& shape);

 private:
  onnx::GraphProto graph_;
  inference::OnnxBuilder builder_;
};

/// The types of a graph's nodes, in their order.
std::vector<std::string> node_types(const onnx::GraphProto& graph);

/// The node that makes a tensor. Requires: there is one.
const onnx::NodeProto& maker_of(const onnx::GraphProto& graph, const std::string& tensor);

}  // namespace kexp::test
