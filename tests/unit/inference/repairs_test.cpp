#include "graph/repairs.hpp"

#include <gmock/gmock.h>

#include "kexp/inference/detector.hpp"

#include "graph/onnx_graph.hpp"
#include "graph_files.hpp"
#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::ModelError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Numbers = std::vector<std::int64_t>;

TEST(RepairsTest, IdentitiesAreLeftOutAlsoOneBehindAnother) {
  TestGraph made;
  const std::string first = made.builder().node("Identity", {"images"});
  const std::string second = made.builder().node("Identity", {first});
  made.builder().node("Relu", {second}, {}, "output");
  made.output("output", {1, 3, 64, 64});

  EXPECT_EQ(inference::drop_identities(made.graph()), 2U);

  EXPECT_THAT(node_types(made.graph()), ElementsAre("Relu"));
  EXPECT_EQ(made.graph().node(0).input(0), "images");
}

TEST(RepairsTest, AnIdentityThatMakesAnOutputStays) {
  TestGraph made;
  made.builder().node("Identity", {"images"}, {}, "output");
  made.output("output", {1, 3, 64, 64});

  EXPECT_EQ(inference::drop_identities(made.graph()), 0U);
}

TEST(RepairsTest, TheSizesOfASplitBecomeItsAttribute) {
  TestGraph made;
  const std::string sizes = made.builder().integers({1, 2});
  const auto parts = made.builder().nodes("Split", {"images", sizes}, 2, {{"num_outputs", std::int64_t{2}}});
  made.output(parts[1], {1, 2, 64, 64});

  EXPECT_EQ(inference::inline_split_sizes(made.graph()), 1U);

  const onnx::NodeProto& split = made.graph().node(0);
  EXPECT_EQ(split.input_size(), 1);
  EXPECT_THAT(inference::integers(split, "split"), ElementsAre(1, 2));
  EXPECT_EQ(inference::attribute(split, "num_outputs"), nullptr);
}

onnx::ModelProto model_of(TestGraph& made, std::int64_t opset) {
  onnx::ModelProto model;
  model.add_opset_import()->set_version(opset);
  model.mutable_graph()->Swap(&made.graph());
  return model;
}

TEST(RepairsTest, TheSizesOfASplitBecomeItsInputAgain) {
  TestGraph made;
  const auto parts = made.builder().nodes("Split", {"images"}, 2, {{"split", Numbers{1, 2}}});
  made.output(parts[1], {1, 2, 64, 64});
  onnx::ModelProto model = model_of(made, 18);

  EXPECT_EQ(inference::split_sizes_as_inputs(model), 1U);

  const onnx::NodeProto& split = model.graph().node(0);
  EXPECT_EQ(inference::attribute(split, "split"), nullptr);
  ASSERT_EQ(split.input_size(), 2);
  const onnx::TensorProto* sizes = inference::GraphIndex(model.graph()).constant(split.input(1));
  ASSERT_NE(sizes, nullptr);
  EXPECT_THAT(inference::numbers(*sizes), ElementsAre(1, 2));
}

TEST(RepairsTest, TheSizesOfASplitStayAnAttributeWhereTheStandardHasThemThere) {
  TestGraph made;
  made.output(made.builder().nodes("Split", {"images"}, 2, {{"split", Numbers{1, 2}}})[1], {1, 2, 64, 64});
  onnx::ModelProto model = model_of(made, 12);

  EXPECT_EQ(inference::split_sizes_as_inputs(model), 0U);

  EXPECT_EQ(model.graph().node(0).input_size(), 1);
}

TEST(RepairsTest, ASplitOfSizesThatAreNoConstantIsNamed) {
  TestGraph made;
  const std::string sizes = made.builder().node("Shape", {"images"});
  made.builder().nodes("Split", {"images", sizes}, 2, {});

  EXPECT_THAT(message_of<ModelError>([&] { return inference::inline_split_sizes(made.graph()); }),
              HasSubstr("Split Split_"));
}

TEST(RepairsTest, OnlyCastsOfFloatsAreIdle) {
  TestGraph made;
  const Numbers kFloat{onnx::TensorProto::FLOAT};
  const std::string image = made.builder().node("Cast", {"images"}, {{"to", kFloat[0]}});
  const std::string shape = made.builder().node("Shape", {image});
  const std::string sides = made.builder().node("Cast", {shape}, {{"to", kFloat[0]}});
  made.builder().node("Mul", {image, sides}, {}, "output");
  made.output("output", {1, 3, 64, 64});

  EXPECT_EQ(inference::drop_idle_casts(made.graph()), 1U);

  EXPECT_THAT(node_types(made.graph()), ElementsAre("Shape", "Cast", "Mul"));
  EXPECT_EQ(made.graph().node(0).input(0), "images");
}

TEST(RepairsTest, TidyKeepsWhatTheOutputsNeedInAnOrderThatRuns) {
  TestGraph made;
  made.builder().node("Relu", {"later"}, {}, "output");
  made.convolution("images", 2, 1, "later");
  made.convolution("images", 2, 1, "of no use");
  made.output("output", {1, 2, 64, 64});

  inference::tidy(made.graph());

  EXPECT_THAT(node_types(made.graph()), ElementsAre("Conv", "Relu"));
  EXPECT_EQ(made.graph().initializer_size(), 1);
}

TEST(RepairsTest, ANodeThatNeedsItsOwnResultIsNamed) {
  TestGraph made;
  made.builder().node("Relu", {"output"}, {}, "ring");
  made.builder().node("Relu", {"ring"}, {}, "output");
  made.output("output", {1, 3, 64, 64});

  EXPECT_THAT(message_of<ModelError>([&] {
                inference::tidy(made.graph());
                return 0;
              }),
              HasSubstr("Relu Relu_"));
}

TEST(RepairsTest, OpenSidesOfTheInputAreFixed) {
  TestGraph made;
  auto& shape = *made.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.mutable_dim(0)->set_dim_param("batch");
  shape.mutable_dim(2)->set_dim_param("height");

  inference::set_input_size(made.graph(), {96, 32});

  Numbers sides;
  for (const auto& dimension : shape.dim()) {
    sides.push_back(dimension.dim_value());
  }
  EXPECT_THAT(sides, ElementsAre(1, 3, 32, 96));
}

TEST(RepairsTest, ASideOfNothingIsLeftOpen) {
  TestGraph made;

  inference::set_input_size(made.graph(), {0, 0});

  const auto& shape = made.graph().input(0).type().tensor_type().shape();
  ASSERT_EQ(shape.dim_size(), 4);
  EXPECT_EQ(shape.dim(1).dim_value(), 3);
  EXPECT_FALSE(shape.dim(2).has_dim_value() || shape.dim(3).has_dim_value());
}

}  // namespace
}  // namespace kexp::test
