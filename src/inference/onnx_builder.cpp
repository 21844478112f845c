#include "onnx_builder.hpp"

#include <fmt/format.h>

namespace kexp::inference {

namespace {

struct SetValue {
  onnx::AttributeProto& attribute;

  void operator()(std::int64_t value) const {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  void operator()(float value) const {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  void operator()(const std::string& value) const {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    attribute.set_type(onnx::AttributeProto::INTS);
    attribute.mutable_ints()->Add(values.begin(), values.end());
  }
};

}  // namespace

std::string OnnxBuilder::next(const char* prefix) { return fmt::format("{}{}", prefix, ++made_); }

std::string OnnxBuilder::floats(const Dimensions& dimensions, std::span<const float> values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(next("c"));
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.mutable_dims()->Add(dimensions.begin(), dimensions.end());
  tensor.set_raw_data(values.data(), values.size_bytes());  // little-endian, as ONNX wants it
  return tensor.name();
}

std::string OnnxBuilder::integers(const std::vector<std::int64_t>& values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(next("c"));
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  tensor.set_raw_data(values.data(), values.size() * sizeof(std::int64_t));
  return tensor.name();
}

onnx::NodeProto& OnnxBuilder::add(const std::string& type, const std::vector<std::string>& inputs,
                                  const Attributes& attributes) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(type);
  node.set_name(next((type + "_").c_str()));
  for (const std::string& input : inputs) {
    node.add_input(input);
  }
  for (const auto& [name, value] : attributes) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    std::visit(SetValue{attribute}, value);
  }
  return node;
}

std::string OnnxBuilder::node(const std::string& type, const std::vector<std::string>& inputs,
                              const Attributes& attributes, const std::string& name) {
  onnx::NodeProto& node = add(type, inputs, attributes);
  node.add_output(name.empty() ? next("t") : name);
  return node.output(0);
}

std::vector<std::string> OnnxBuilder::nodes(const std::string& type, const std::vector<std::string>& inputs,
                                            std::size_t outputs, const Attributes& attributes) {
  onnx::NodeProto& node = add(type, inputs, attributes);
  for (std::size_t i = 0; i < outputs; ++i) {
    node.add_output(next("t"));
  }
  return {node.output().begin(), node.output().end()};
}

void describe(onnx::ValueInfoProto& value, const std::string& name,
              const OnnxBuilder::Dimensions& dimensions) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dimension : dimensions) {
    tensor.mutable_shape()->add_dim()->set_dim_value(dimension);
  }
}

}  // namespace kexp::inference
