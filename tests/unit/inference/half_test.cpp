#include "inference/half.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "kexp/inference/prepare.hpp"

#include "onnx_files.hpp"

namespace kexp::test {
namespace {

using inference::float_of_half;

TEST(HalfTest, ReadsEveryKindOfNumber) {
  EXPECT_EQ(float_of_half(0x3C00), 1.0F);
  EXPECT_EQ(float_of_half(0xC000), -2.0F);
  EXPECT_EQ(float_of_half(0x3555), 0.333251953125F);
  EXPECT_EQ(float_of_half(0x7BFF), 65504.0F);
  EXPECT_EQ(float_of_half(0x0001), std::ldexp(1.0F, -24)) << "the smallest";
  EXPECT_EQ(float_of_half(0x0400), std::ldexp(1.0F, -14));
  EXPECT_EQ(float_of_half(0x8000), 0.0F);
  EXPECT_TRUE(std::signbit(float_of_half(0x8000)));
  EXPECT_TRUE(std::isinf(float_of_half(0x7C00)));
  EXPECT_TRUE(std::isnan(float_of_half(0x7E00)));
}

TEST(HalfTest, WidensWeightsConstantsCastsAndEnds) {
  onnx::ModelProto model = model_with({{1, 3, 8, 8}}, {{1, 300, 6}});
  auto& graph = *model.mutable_graph();
  graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT16);
  auto& weight = *graph.add_initializer();
  weight.set_data_type(onnx::TensorProto::FLOAT16);
  weight.set_raw_data(std::string("\x00\x3C\x00\xC0", 4));
  auto& constant = *graph.add_node()->add_attribute();
  constant.mutable_t()->set_data_type(onnx::TensorProto::FLOAT16);
  constant.mutable_t()->add_int32_data(0x3C00);
  auto& cast = *graph.add_node();
  cast.set_op_type("Cast");
  cast.add_attribute()->set_name("to");
  cast.mutable_attribute(0)->set_i(onnx::TensorProto::FLOAT16);
  graph.add_value_info();

  ASSERT_TRUE(inference::widen_halves(model));

  EXPECT_EQ(graph.input(0).type().tensor_type().elem_type(), onnx::TensorProto::FLOAT);
  EXPECT_EQ(weight.data_type(), onnx::TensorProto::FLOAT);
  EXPECT_EQ(weight.raw_data(), std::string("\x00\x00\x80\x3F\x00\x00\x00\xC0", 8));
  EXPECT_EQ(constant.t().raw_data(), std::string("\x00\x00\x80\x3F", 4));
  EXPECT_EQ(cast.attribute(0).i(), onnx::TensorProto::FLOAT);
  EXPECT_EQ(graph.value_info_size(), 0);
  EXPECT_FALSE(inference::widen_halves(model)) << "nothing is left to do";
}

TEST(HalfTest, LeavesOtherModelsAlone) {
  const std::string content = model_with({{1, 3, 8, 8}}, {{1, 300, 6}}).SerializeAsString();

  EXPECT_EQ(inference::widened("plain.onnx", content), std::nullopt);
}

}  // namespace
}  // namespace kexp::test
