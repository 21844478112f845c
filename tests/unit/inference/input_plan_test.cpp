#include "input_plan.hpp"

#include <gmock/gmock.h>

#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::InputPlan;
using inference::InputSize;
using inference::ModelError;
using inference::PreparedGraph;
using inference::Sizes;
using ::testing::HasSubstr;

PreparedGraph exported(Size2 size, Sizes sizes) {
  PreparedGraph graph;
  graph.info.size = size;
  graph.sizes = sizes;
  graph.head = inference::Head{};
  graph.head->levels.push_back({32, "boxes", "classes", {}, 1});
  return graph;
}

InputSize fixed(int width, int height) { return {InputSize::Kind::fixed, {width, height}}; }

TEST(InputPlanTest, OfASquareTheRectangleThatThePictureFills) {
  const InputPlan plan(exported({640, 640}, Sizes::any), {});

  EXPECT_EQ(plan.place({640, 480}).input, (Size2{640, 480}));
  EXPECT_EQ(plan.place({1920, 1080}).input, (Size2{640, 384})) << "360, to the next stride";
  EXPECT_EQ(plan.place({1080, 1920}).input, (Size2{384, 640}));
  EXPECT_EQ(plan.place({500, 500}).input, (Size2{640, 640}));
  EXPECT_EQ(plan.place({16384, 1}).input, (Size2{640, 32}));
}

TEST(InputPlanTest, ThePictureHasTheSameScaleAsInTheSquare) {
  const Size2 picture{333, 100};
  const auto square =
      InputPlan(exported({640, 640}, Sizes::any), {InputSize::Kind::square, {}}).place(picture);
  const auto rectangle = InputPlan(exported({640, 640}, Sizes::any), {}).place(picture);

  EXPECT_EQ(rectangle.scaled, square.scaled);
  EXPECT_EQ(rectangle.input, (Size2{640, 192}));
  EXPECT_EQ(rectangle.top, 0);
}

TEST(InputPlanTest, AnExportedRectangleIsKept) {
  EXPECT_EQ(InputPlan(exported({640, 384}, Sizes::any), {}).place({100, 100}).input, (Size2{640, 384}));
}

TEST(InputPlanTest, AGraphOfFixedSizesRunsAtTheExportedOne) {
  const PreparedGraph graph = exported({320, 320}, Sizes::one);

  EXPECT_EQ(InputPlan(graph, {}).place({100, 20}).input, (Size2{320, 320}));
  EXPECT_THAT(message_of<ModelError>([&] { return InputPlan(graph, fixed(640, 640)); }),
              HasSubstr("exported for 320x320, cannot run at 640x640 (--input)"));
}

TEST(InputPlanTest, SidesAreMultiplesOfTheStride) {
  EXPECT_THAT(message_of<ModelError>([&] {
                return InputPlan(exported({640, 640}, Sizes::any), fixed(100, 64));
              }),
              HasSubstr("multiples of 32"));
}

TEST(InputPlanTest, AnOpenSizeIs640WhereTheFileSaysNothing) {
  EXPECT_EQ(InputPlan(exported({}, Sizes::by_choice), {}).largest(), (Size2{640, 640}));
}

}  // namespace
}  // namespace kexp::test
