#include "graph/prepare_graph.hpp"

#include <cstring>
#include <limits>
#include <random>

#include <gmock/gmock.h>

#include "kexp/inference/darknet.hpp"
#include "kexp/inference/detector.hpp"

#include "darknet_files.hpp"
#include "graph/onnx_graph.hpp"
#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::ModelError;
using inference::prepare_graph;
using inference::PreparedGraph;
using inference::Sizes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string darknet_model() {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);
  return inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""}).onnx;
}

/// The model with `edit` applied to its graph.
template <typename Edit>
std::string edited(Edit edit) {
  onnx::ModelProto model;
  model.ParseFromString(darknet_model());
  edit(model);
  return model.SerializeAsString();
}

TEST(PrepareGraphTest, CutsAGraphThatItKnowsAndSaysSo) {
  const PreparedGraph prepared = prepare_graph("m.onnx", darknet_model());

  ASSERT_TRUE(prepared.head);
  EXPECT_EQ(prepared.head->coding, inference::BoxCoding::exponential);
  EXPECT_EQ(prepared.head->classes, 2U);
  EXPECT_EQ(prepared.outputs, inference::tensor_names(*prepared.head));
  EXPECT_EQ(prepared.sizes, Sizes::any);
  EXPECT_EQ(inference::largest_stride(prepared), 16);
  EXPECT_THAT(prepared.changes, ElementsAre(HasSubstr("cut after its last 2 convolutions")));
  EXPECT_THAT(prepared.model.graph().output(), SizeIs(2));
}

TEST(PrepareGraphTest, TakesItsOwnFileAsItIs) {
  const PreparedGraph first = prepare_graph("m.onnx", darknet_model());

  const PreparedGraph again = prepare_graph("m.onnx", as_file(first));

  ASSERT_TRUE(again.head);
  EXPECT_EQ(inference::head_json(*again.head), inference::head_json(*first.head));
  EXPECT_EQ(again.outputs, first.outputs);
  EXPECT_EQ(again.changes, first.changes) << "what was done before is still told";
  EXPECT_EQ(as_file(again), as_file(first)) << "preparing twice gives the same bytes";
  EXPECT_THAT(again.info.labels, ElementsAre("person", "car"));
}

// The answers of such a model had boxes of null, which trackers call invalid.
TEST(PrepareGraphTest, RefusesWeightsThatAreNotFiniteAndNamesThem) {
  for (const float broken :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::string name;
    const std::string content = edited([&](onnx::ModelProto& model) {
      name = model.graph().node(0).input(1);
      for (auto& weights : *model.mutable_graph()->mutable_initializer()) {
        if (weights.name() == name) {
          std::memcpy(weights.mutable_raw_data()->data() + 8, &broken, sizeof(broken));
        }
      }
    });
    EXPECT_THAT(message_of<ModelError>([&] { return prepare_graph("m.onnx", content); }),
                HasSubstr("m.onnx: its weights " + name + " hold NaN or infinity"));
  }
}

TEST(PrepareGraphTest, AReshapeInTheCutGraphHoldsItToItsSize) {
  const auto with_reshape = [](bool open) {
    return edited([&](onnx::ModelProto& model) {
      auto& graph = *model.mutable_graph();
      auto& node = *graph.add_node();
      node.set_op_type("Reshape");
      node.add_input("images");
      node.add_output("shaped");
      graph.mutable_node(0)->set_input(0, "shaped");
      if (open) {
        graph.mutable_input(0)
            ->mutable_type()
            ->mutable_tensor_type()
            ->mutable_shape()
            ->mutable_dim(2)
            ->set_dim_param("height");
      }
    });
  };

  EXPECT_EQ(prepare_graph("m.onnx", with_reshape(false)).sizes, Sizes::one);
  EXPECT_EQ(prepare_graph("m.onnx", with_reshape(true)).sizes, Sizes::by_choice);
}

TEST(PrepareGraphTest, LabelsThatDoNotFitAreRefused) {
  const std::string content = edited(
      [](onnx::ModelProto& model) { inference::set_metadata(model, "names", "{0: 'a', 1: 'b', 2: 'c'}"); });

  EXPECT_THAT(message_of<ModelError>([&] { return prepare_graph("m.onnx", content); }),
              HasSubstr("3 labels"));
}

TEST(PrepareGraphTest, AHeadThatNamesNoOutputIsRefused) {
  PreparedGraph prepared = prepare_graph("m.onnx", darknet_model());
  prepared.head->levels[0].boxes = "elsewhere";

  EXPECT_THAT(message_of<ModelError>([&] { return prepare_graph("m.onnx", as_file(prepared)); }),
              HasSubstr("m.onnx: broken model: its metadata kexp_head names an output elsewhere"));
}

// Whatever stands in a file: it is prepared, or refused with a ModelError.
TEST(PrepareGraphTest, MangledFilesArePreparedOrRefused) {
  const std::string plain = darknet_model();
  const std::string whole = as_file(prepare_graph("m.onnx", plain));
  std::mt19937 random(11);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string content = round % 2 == 0 ? whole : plain;
    for (int i = 0; i < 1 + round % 7; ++i) {
      content[random() % content.size()] = static_cast<char>(random() % 256);
    }
    try {
      static_cast<void>(prepare_graph("m.onnx", content));
    } catch (const ModelError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace kexp::test
