#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <onnx/onnx_pb.h>

namespace kexp::inference {

/// Adds nodes and constants to a graph, naming them in the order of their making.
class OnnxBuilder {
 public:
  using Value = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>>;
  using Attributes = std::vector<std::pair<std::string, Value>>;
  using Dimensions = std::vector<std::int64_t>;

  explicit OnnxBuilder(onnx::GraphProto& graph) : graph_(graph) {}

  /// A constant; returns its name.
  std::string floats(const Dimensions& dimensions, std::span<const float> values);
  std::string integers(const std::vector<std::int64_t>& values);

  /// A node of one output; returns the output's name, `name` where that is not empty.
  std::string node(const std::string& type, const std::vector<std::string>& inputs,
                   const Attributes& attributes = {}, const std::string& name = {});
  /// A node of several outputs.
  std::vector<std::string> nodes(const std::string& type, const std::vector<std::string>& inputs,
                                 std::size_t outputs, const Attributes& attributes);

 private:
  onnx::NodeProto& add(const std::string& type, const std::vector<std::string>& inputs,
                       const Attributes& attributes);
  std::string next(const char* prefix);

  onnx::GraphProto& graph_;
  int made_ = 0;
};

/// Describes a float tensor: an input or output of the graph.
void describe(onnx::ValueInfoProto& value, const std::string& name,
              const OnnxBuilder::Dimensions& dimensions);

}  // namespace kexp::inference
