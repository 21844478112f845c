#include "half.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace kexp::inference {

namespace {

bool widen(onnx::TensorProto& tensor) {
  if (tensor.data_type() != onnx::TensorProto::FLOAT16) {
    return false;
  }
  std::string wide;
  const auto append = [&](std::uint16_t bits) {
    const float value = float_of_half(bits);
    wide.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const std::string& raw = tensor.raw_data();
  for (std::size_t i = 0; i + 1 < raw.size(); i += 2) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, raw.data() + i, sizeof(bits));
    append(bits);
  }
  for (const std::int32_t bits : tensor.int32_data()) {  // the other place that ONNX allows
    append(static_cast<std::uint16_t>(bits));
  }
  tensor.clear_int32_data();
  tensor.set_raw_data(std::move(wide));
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  return true;
}

bool widen(onnx::ValueInfoProto& value) {
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  if (tensor.elem_type() != onnx::TensorProto::FLOAT16) {
    return false;
  }
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  return true;
}

bool widen(onnx::NodeProto& node) {
  bool changed = false;
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_t()) {
      changed |= widen(*attribute.mutable_t());
    }
    if (node.op_type() == "Cast" && attribute.name() == "to" && attribute.i() == onnx::TensorProto::FLOAT16) {
      attribute.set_i(onnx::TensorProto::FLOAT);
      changed = true;
    }
  }
  return changed;
}

}  // namespace

float float_of_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int fraction = bits & 0x3FF;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 0x1F) {
    return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  }
  const int whole = exponent == 0 ? fraction : fraction + 1024;
  return sign * std::ldexp(static_cast<float>(whole), std::max(exponent, 1) - 25);
}

bool widen_halves(onnx::ModelProto& model) {
  static_assert(std::endian::native == std::endian::little, "ONNX's raw data are little-endian");
  onnx::GraphProto& graph = *model.mutable_graph();
  bool changed = false;
  for (auto& tensor : *graph.mutable_initializer()) {
    changed |= widen(tensor);
  }
  for (auto& node : *graph.mutable_node()) {
    changed |= widen(node);
  }
  for (auto& value : *graph.mutable_input()) {
    changed |= widen(value);
  }
  for (auto& value : *graph.mutable_output()) {
    changed |= widen(value);
  }
  if (changed) {
    graph.clear_value_info();  // types between the nodes, which may be left out
  }
  return changed;
}

}  // namespace kexp::inference
