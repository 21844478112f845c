#include <gmock/gmock.h>

#include "graph_files.hpp"
#include "opencv/activations.hpp"
#include "opencv/attention.hpp"

namespace kexp::test {
namespace {

using ::testing::ElementsAre;

TEST(FuseActivationsTest, MakesOneNodeOfASigmoidAndItsGate) {
  TestGraph made;
  const std::string convolved = made.convolution("images", 2);
  made.builder().node("Mul", {convolved, made.builder().node("Sigmoid", {convolved})}, {}, "output");
  made.output("output", {1, 2, 64, 64});

  EXPECT_EQ(inference::fuse_activations(made.graph()), 1U);

  EXPECT_THAT(node_types(made.graph()), ElementsAre("Conv", "KexpSilu"));
  EXPECT_EQ(made.graph().node(1).input(0), convolved);
  EXPECT_EQ(made.graph().node(1).output(0), "output");
}

TEST(FuseActivationsTest, KeepsASigmoidThatOthersTakeOrThatGatesSomethingElse) {
  TestGraph made;
  const std::string convolved = made.convolution("images", 2);
  const std::string share = made.builder().node("Sigmoid", {convolved});
  made.builder().node("Mul", {convolved, share}, {}, "output");
  made.builder().node("Relu", {share}, {}, "other");
  const std::string second = made.builder().node("Sigmoid", {"images"});
  made.builder().node("Mul", {convolved, second}, {}, "third");

  EXPECT_EQ(inference::fuse_activations(made.graph()), 2U);

  EXPECT_THAT(node_types(made.graph()),
              ElementsAre("Conv", "KexpSigmoid", "Mul", "Relu", "KexpSigmoid", "Mul"));
}

TEST(ReplaceAttentionTest, TakesProductsOfComputedMatricesAndTheirSoftmax) {
  TestGraph made;
  auto& builder = made.builder();
  const std::string weights = builder.floats({64, 64}, std::vector<float>(64 * 64));
  const std::string product = builder.node("MatMul", {"images", builder.node("Relu", {"images"})});
  const std::string shares = builder.node("Softmax", {product}, {{"axis", std::int64_t{-1}}});
  const std::string with_weights = builder.node("MatMul", {shares, weights});
  builder.node("Softmax", {with_weights}, {{"axis", std::int64_t{-1}}}, "output");

  EXPECT_EQ(inference::replace_attention(made.graph()), 2U);

  EXPECT_THAT(node_types(made.graph()),
              ElementsAre("Relu", "KexpMatMul", "KexpSoftmax", "MatMul", "Softmax"));
}

}  // namespace
}  // namespace kexp::test
