#include "onnx_files.hpp"

namespace kexp::test {

namespace {

void fill(onnx::ValueInfoProto& value, const std::string& name, const Shape& shape) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t side : shape) {
    auto& dimension = *tensor.mutable_shape()->add_dim();
    if (side < 0) {
      dimension.set_dim_param("open");
    } else {
      dimension.set_dim_value(side);
    }
  }
}

}  // namespace

onnx::ModelProto model_with(const std::vector<Shape>& inputs, const std::vector<Shape>& outputs,
                            const std::vector<std::pair<std::string, std::string>>& metadata) {
  onnx::ModelProto model;
  model.set_ir_version(7);
  model.add_opset_import()->set_version(12);
  auto& graph = *model.mutable_graph();
  graph.set_name("test");
  graph.add_node()->set_op_type("Identity");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    fill(*graph.add_input(), "images" + std::to_string(i), inputs[i]);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    fill(*graph.add_output(), "output" + std::to_string(i), outputs[i]);
  }
  for (const auto& [key, value] : metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  return model;
}

}  // namespace kexp::test
