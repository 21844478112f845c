#include "half_models.hpp"

#include <onnx/onnx_pb.h>
#include <opencv2/core.hpp>

namespace kexp::test {

std::string in_halves(const std::string& content) {
  onnx::ModelProto model;
  model.ParseFromString(content);
  const auto halve = [](onnx::TensorProto& tensor) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT || !tensor.has_raw_data()) {
      return;
    }
    std::string raw = tensor.raw_data();
    cv::Mat halves;
    cv::convertFp16(cv::Mat(1, static_cast<int>(raw.size() / sizeof(float)), CV_32F, raw.data()), halves);
    tensor.set_raw_data(halves.data, halves.total() * 2);
    tensor.set_data_type(onnx::TensorProto::FLOAT16);
  };
  for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
    halve(tensor);
  }
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) {
        halve(*attribute.mutable_t());
      }
    }
  }
  for (auto* value : {model.mutable_graph()->mutable_input(0), model.mutable_graph()->mutable_output(0)}) {
    value->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT16);
  }
  return model.SerializeAsString();
}

}  // namespace kexp::test
