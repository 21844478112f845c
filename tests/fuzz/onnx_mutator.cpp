// Mutations that keep a file an ONNX model: bytes seldom do, and what reads the graph would not be reached.

#include <array>
#include <random>
#include <string>

#include <onnx/onnx_pb.h>

#include "target.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

/// Edits of one graph; each does nothing where it finds nothing to edit.
class Mutation {
 public:
  Mutation(onnx::ModelProto& model, unsigned int seed)
      : model_(model), graph_(*model.mutable_graph()), random_(seed) {}

  void apply() {
    using Edit = void (Mutation::*)();
    constexpr std::array<Edit, 12> kEdits{
        &Mutation::change_type,   &Mutation::rewire,         &Mutation::rename_result,
        &Mutation::drop_input,    &Mutation::drop_result,    &Mutation::drop_node,
        &Mutation::copy_node,     &Mutation::change_numbers, &Mutation::change_shape,
        &Mutation::change_weight, &Mutation::change_output,  &Mutation::change_metadata};
    for (std::size_t edits = 1 + pick(3); edits > 0; --edits) {
      (this->*kEdits[pick(kEdits.size())])();
    }
  }

 private:
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

  template <typename Values>
  auto* any_of(Values& values) {
    return values.empty() ? nullptr
                          : &values[static_cast<int>(pick(static_cast<std::size_t>(values.size())))];
  }

  onnx::NodeProto* node() { return any_of(*graph_.mutable_node()); }

  std::int64_t number() {
    constexpr std::array<std::int64_t, 16> kNumbers{
        -1,       0, 1, 2, 3, 4, 5, 6, 8, 16, 85, 300, 1 << 20, std::int64_t{1} << 31, std::int64_t{1} << 40,
        INT64_MAX};
    return kNumbers[pick(kNumbers.size())];
  }

  /// The name of some tensor of the graph.
  std::string tensor() {
    if (const auto* weight = pick(4) == 0 ? any_of(*graph_.mutable_initializer()) : nullptr) {
      return weight->name();
    }
    const onnx::NodeProto* maker = node();
    if (maker == nullptr || maker->output_size() == 0) {
      return "images";
    }
    return maker->output(static_cast<int>(pick(static_cast<std::size_t>(maker->output_size()))));
  }

  void change_type() {
    constexpr std::array<const char*, 20> kTypes{
        "Conv",   "Sigmoid",          "Mul", "Concat", "Split", "Reshape",  "Resize",    "MaxPool", "Slice",
        "Cast",   "Identity",         "Exp", "Pow",    "Shape", "Constant", "Unsqueeze", "Add",     "Softmax",
        "MatMul", "NonMaxSuppression"};
    if (onnx::NodeProto* edited = node()) {
      edited->set_op_type(kTypes[pick(kTypes.size())]);
    }
  }

  void rewire() {
    if (onnx::NodeProto* edited = node()) {
      if (std::string* input = any_of(*edited->mutable_input())) {
        *input = tensor();
      } else {
        edited->add_input(tensor());
      }
    }
  }

  void rename_result() {
    onnx::NodeProto* edited = node();
    std::string* result = edited == nullptr ? nullptr : any_of(*edited->mutable_output());
    if (result != nullptr) {
      *result = tensor();
    }
  }

  void drop_input() {
    if (onnx::NodeProto* edited = node(); edited != nullptr && edited->input_size() > 0) {
      edited->mutable_input()->RemoveLast();
    }
  }

  void drop_result() {
    if (onnx::NodeProto* edited = node(); edited != nullptr && edited->output_size() > 0) {
      edited->mutable_output()->RemoveLast();
    }
  }

  void drop_node() {
    auto& nodes = *graph_.mutable_node();
    if (!nodes.empty()) {
      nodes.DeleteSubrange(static_cast<int>(pick(static_cast<std::size_t>(nodes.size()))), 1);
    }
  }

  void copy_node() {
    if (const onnx::NodeProto* copied = node()) {
      const onnx::NodeProto copy = *copied;
      *graph_.add_node() = copy;
    }
  }

  void change_numbers() {
    onnx::NodeProto* edited = node();
    onnx::AttributeProto* attribute = edited == nullptr ? nullptr : any_of(*edited->mutable_attribute());
    if (attribute == nullptr) {
      return;
    }
    attribute->set_i(number());
    if (auto* value = any_of(*attribute->mutable_ints())) {
      *value = number();
    } else {
      attribute->add_ints(number());
    }
  }

  void change_weight() {
    onnx::TensorProto* weight = any_of(*graph_.mutable_initializer());
    if (weight == nullptr) {
      return;
    }
    if (auto* side = any_of(*weight->mutable_dims())) {
      *side = number();
    }
    if (pick(4) == 0) {
      constexpr std::array<int, 5> kTypes{onnx::TensorProto::FLOAT, onnx::TensorProto::FLOAT16,
                                          onnx::TensorProto::DOUBLE, onnx::TensorProto::INT64,
                                          onnx::TensorProto::INT32};
      weight->set_data_type(kTypes[pick(kTypes.size())]);
    }
  }

  void reshape(onnx::ValueInfoProto* value) {
    if (value == nullptr) {
      return;
    }
    auto& shape = *value->mutable_type()->mutable_tensor_type()->mutable_shape();
    if (auto* side = pick(8) == 0 ? nullptr : any_of(*shape.mutable_dim())) {
      side->set_dim_value(number());
    } else {
      shape.add_dim()->set_dim_value(number());
    }
  }

  void change_shape() { reshape(any_of(*graph_.mutable_input())); }

  void change_output() {
    onnx::ValueInfoProto* output = any_of(*graph_.mutable_output());
    reshape(output);
    if (output != nullptr && pick(2) == 0) {
      output->set_name(tensor());
    }
  }

  void change_metadata() {
    constexpr std::array<std::pair<const char*, const char*>, 7> kEntries{
        {{"stride", "0"},
         {"stride", "-32"},
         {"imgsz", "[65536, 65536]"},
         {"names", "{0: 'person', 99999: 'car'}"},
         {"names", "['person']"},
         {"task", "detect"},
         {"kexp_head",
          R"({"coding":"squared","top":false,"classes":1,"bins":1,"levels":[{"stride":8,"boxes":"t1",)"
          R"("classes":"","anchors":[[1,2]],"spread":1.0}]})"}}};
    const auto& [key, value] = kEntries[pick(kEntries.size())];
    auto* entry = pick(2) == 0 ? any_of(*model_.mutable_metadata_props()) : nullptr;
    entry = entry == nullptr ? model_.add_metadata_props() : entry;
    entry->set_key(key);
    entry->set_value(value);
  }

  onnx::ModelProto& model_;
  onnx::GraphProto& graph_;
  std::mt19937 random_;
};

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  onnx::ModelProto model;
  if (seed % 4 == 0 || !model.ParseFromArray(data, static_cast<int>(size))) {
    return LLVMFuzzerMutate(data, size, most);
  }
  Mutation(model, seed).apply();
  const std::string text = model.SerializeAsString();
  if (text.size() > most) {
    return LLVMFuzzerMutate(data, size, most);
  }
  std::copy(text.begin(), text.end(), data);
  return text.size();
}
