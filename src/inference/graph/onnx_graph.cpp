#include "graph/onnx_graph.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

namespace kexp::inference {

namespace {

/// Nodes that hand on their first input's numbers in another form.
bool hands_on(const onnx::NodeProto& node) {
  static constexpr std::array<std::string_view, 6> kTypes{"Identity",  "Cast",    "Expand",
                                                          "Unsqueeze", "Reshape", "Squeeze"};
  return node.input_size() > 0 && std::find(kTypes.begin(), kTypes.end(), node.op_type()) != kTypes.end();
}

template <typename T>
void append_raw(const std::string& raw, std::vector<double>& result) {
  for (std::size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
    T value{};
    std::memcpy(&value, raw.data() + at, sizeof(T));
    result.push_back(static_cast<double>(value));
  }
}

template <typename T, typename Field>
std::vector<double> numbers_of(const onnx::TensorProto& tensor, const Field& field) {
  std::vector<double> result(field.begin(), field.end());
  append_raw<T>(tensor.raw_data(), result);
  return result;
}

}  // namespace

GraphIndex::GraphIndex(const onnx::GraphProto& graph) {
  for (const auto& weight : graph.initializer()) {
    constants_.emplace(weight.name(), &weight);
  }
  for (const auto& node : graph.node()) {
    for (const std::string& output : node.output()) {
      producers_.emplace(output, &node);
    }
    for (const std::string& input : node.input()) {
      consumers_[input].push_back(&node);
    }
    const onnx::AttributeProto* value = attribute(node, "value");
    if (node.op_type() == "Constant" && node.output_size() == 1 && value != nullptr && value->has_t()) {
      constants_.emplace(node.output(0), &value->t());
    }
  }
  hand_on_constants();
}

const onnx::NodeProto* GraphIndex::producer(const std::string& tensor) const {
  const auto found = producers_.find(tensor);
  return found == producers_.end() ? nullptr : found->second;
}

const std::vector<const onnx::NodeProto*>& GraphIndex::consumers(const std::string& tensor) const {
  static const std::vector<const onnx::NodeProto*> kNone;
  const auto found = consumers_.find(tensor);
  return found == consumers_.end() ? kNone : found->second;
}

const onnx::TensorProto* GraphIndex::constant(const std::string& tensor) const {
  const auto found = constants_.find(tensor);
  return found == constants_.end() ? nullptr : found->second;
}

/// Once for all tensors: a file may have thousands of such nodes in a row, and everybody asks for constants.
void GraphIndex::hand_on_constants() {
  std::vector<std::pair<std::string, const onnx::TensorProto*>> open(constants_.begin(), constants_.end());
  while (!open.empty()) {
    const auto [name, value] = std::move(open.back());
    open.pop_back();
    for (const onnx::NodeProto* node : consumers(name)) {
      if (!hands_on(*node) || node->input(0) != name) {
        continue;
      }
      for (const std::string& output : node->output()) {
        if (producer(output) == node && constants_.emplace(output, value).second) {
          open.emplace_back(output, value);
        }
      }
    }
  }
}

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& entry : node.attribute()) {
    if (entry.name() == name) {
      return &entry;
    }
  }
  return nullptr;
}

std::vector<std::int64_t> integers(const onnx::NodeProto& node, std::string_view name) {
  const onnx::AttributeProto* found = attribute(node, name);
  return found == nullptr ? std::vector<std::int64_t>{}
                          : std::vector<std::int64_t>(found->ints().begin(), found->ints().end());
}

std::vector<double> numbers(const onnx::TensorProto& tensor) {
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      return numbers_of<float>(tensor, tensor.float_data());
    case onnx::TensorProto::DOUBLE:
      return numbers_of<double>(tensor, tensor.double_data());
    case onnx::TensorProto::INT64:
      return numbers_of<std::int64_t>(tensor, tensor.int64_data());
    case onnx::TensorProto::INT32:
      return numbers_of<std::int32_t>(tensor, tensor.int32_data());
    default:
      return {};
  }
}

std::string node_text(const onnx::NodeProto& node) {
  const std::string& name = !node.name().empty()     ? node.name()
                            : node.output_size() > 0 ? node.output(0)
                                                     : node.name();
  return fmt::format("{} {}", node.op_type(), name);
}

std::string metadata(const onnx::ModelProto& model, std::string_view key) {
  for (const auto& entry : model.metadata_props()) {
    if (entry.key() == key) {
      return entry.value();
    }
  }
  return {};
}

void set_metadata(onnx::ModelProto& model, std::string_view key, const std::string& value) {
  for (auto& entry : *model.mutable_metadata_props()) {
    if (entry.key() == key) {
      entry.set_value(value);
      return;
    }
  }
  auto& entry = *model.add_metadata_props();
  entry.set_key(std::string(key));
  entry.set_value(value);
}

}  // namespace kexp::inference
