#include "graph/find_head.hpp"

#include <algorithm>

#include <gmock/gmock.h>

#include "graph_files.hpp"

namespace kexp::test {
namespace {

using inference::BoxCoding;
using inference::find_head;
using inference::Head;
using inference::Selection;
using ::testing::ElementsAre;

using Numbers = std::vector<std::int64_t>;

constexpr int kBins = 16;
constexpr int kClasses = 3;

std::vector<int> strides_of(const Head& head) {
  std::vector<int> strides;
  for (const auto& level : head.levels) {
    strides.push_back(level.stride);
  }
  return strides;
}

/// Boxes and classes of three levels, joined as exporters do, named by `prefix` or not at all.
std::string distance_ends(TestGraph& made, const std::string& prefix, bool named) {
  std::vector<std::string> joined;
  int level = 0;
  for (const std::string& feature : made.backbone()) {
    const std::string at = std::to_string(level++);
    const auto name = [&](const char* what) {
      return named ? "/model.22/" + prefix + what + "." + at + "/Conv" : std::string();
    };
    const std::string boxes = made.convolution(feature, 4 * kBins, 1, name("cv2"));
    const std::string classes = made.convolution(feature, kClasses, 1, name("cv3"));
    joined.push_back(made.builder().node("Concat", {boxes, classes}, {{"axis", std::int64_t{1}}}));
  }
  return made.builder().node("Concat", joined, {{"axis", std::int64_t{2}}}, "output0");
}

TEST(FindHeadTest, FindsBoxesAndClassesByTheirNames) {
  TestGraph made;
  distance_ends(made, "", true);
  made.output("output0", {1, 7, 84});

  const auto head = find_head(made.graph(), {kClasses, {1, 7, 84}});

  ASSERT_TRUE(head);
  EXPECT_EQ(head->coding, BoxCoding::distances);
  EXPECT_EQ(head->selection, Selection::suppress);
  EXPECT_EQ(head->bins, 16U);
  EXPECT_EQ(head->classes, 3U);
  EXPECT_THAT(strides_of(*head), ElementsAre(8, 16, 32));
  EXPECT_EQ(head->levels[1].boxes, "/model.22/cv2.1/Conv");
  EXPECT_EQ(head->levels[1].classes, "/model.22/cv3.1/Conv");
}

TEST(FindHeadTest, FindsThemByTheirChannelsWhereTheyHaveNoNames) {
  TestGraph made;
  distance_ends(made, "", false);
  made.output("output0", {1, 7, 84});

  const auto head = find_head(made.graph(), {0, {1, 7, 84}});

  ASSERT_TRUE(head);
  EXPECT_EQ(head->bins, 16U);
  EXPECT_EQ(head->classes, 3U);
}

TEST(FindHeadTest, TheOneToOneHeadNeedsNoSuppression) {
  TestGraph made;
  distance_ends(made, "one2one_", true);
  made.output("output0", {1, 300, 6});

  EXPECT_EQ(find_head(made.graph(), {kClasses, {1, 300, 6}})->selection, Selection::top);
}

TEST(FindHeadTest, FinishedBoxesWithoutNamesWereSuppressedOrNeedNotBe) {
  TestGraph made;
  distance_ends(made, "", false);
  made.output("output0", {1, 300, 6});
  EXPECT_EQ(find_head(made.graph(), {kClasses, {1, 300, 6}})->selection, Selection::top);

  made.builder().node("NonMaxSuppression", {"output0"});
  EXPECT_EQ(find_head(made.graph(), {kClasses, {1, 300, 6}})->selection, Selection::suppress);
}

TEST(FindHeadTest, WalksThroughTheExpectationOfTheBinsButNotThroughShapes) {
  TestGraph made;
  const std::string output = distance_ends(made, "", true);
  const std::string expected = made.convolution(output, 1);
  made.builder().node("Mul", {expected, made.builder().node("Shape", {"images"})}, {}, "boxes");
  made.output("boxes", {1, 7, 84});

  ASSERT_TRUE(find_head(made.graph(), {kClasses, {1, 7, 84}}));
}

/// One level of YOLOv5, cut short: what is looked at is there.
void squared_level(TestGraph& made, const std::string& feature, double exponent, const std::string& name) {
  auto& builder = made.builder();
  const std::string raw = made.convolution(feature, 2 * (5 + kClasses));
  const std::string anchors = builder.floats({1, 2, 1, 1, 2}, std::vector<float>{10, 13, 16, 30});
  const std::string two = builder.floats({1}, std::vector<float>{2});
  const std::string power = builder.floats({1}, std::vector<float>{static_cast<float>(exponent)});
  const std::string share = builder.node("Sigmoid", {raw});
  const std::string doubled = builder.node("Mul", {share, two});
  builder.node("Mul", {builder.node("Pow", {doubled, power}), anchors}, {}, name);
}

TEST(FindHeadTest, ReadsTheAnchorsOfYolov5) {
  TestGraph made;
  squared_level(made, made.backbone()[1], 2, "output0");
  made.output("output0", {1, 32, 8});

  const auto head = find_head(made.graph(), {0, {1, 32, 8}});

  ASSERT_TRUE(head);
  EXPECT_EQ(head->coding, BoxCoding::squared);
  EXPECT_EQ(head->classes, 3U) << "by the form of the output";
  ASSERT_EQ(head->levels.size(), 1U);
  EXPECT_EQ(head->levels[0].stride, 16);
  ASSERT_EQ(head->levels[0].anchors.size(), 2U);
  EXPECT_EQ(head->levels[0].anchors[1].width, 16);
  EXPECT_EQ(head->levels[0].anchors[1].height, 30);
}

TEST(FindHeadTest, LeavesGraphsOfAnotherFormAlone) {
  TestGraph cubed;
  squared_level(cubed, cubed.backbone()[1], 3, "output0");
  cubed.output("output0", {1, 32, 8});
  EXPECT_FALSE(find_head(cubed.graph(), {kClasses, {1, 32, 8}}));

  TestGraph classifier;
  classifier.builder().node("GlobalAveragePool", {classifier.convolution("images", 7)}, {}, "output0");
  classifier.output("output0", {1, 7, 1});
  EXPECT_FALSE(find_head(classifier.graph(), {kClasses, {1, 7, 1}}));

  TestGraph nothing;
  nothing.builder().node("Relu", {"images"}, {}, "output0");
  nothing.output("output0", {1, 300, 6});
  EXPECT_FALSE(find_head(nothing.graph(), {kClasses, {1, 300, 6}}));
}

// Each question followed the whole row again: minutes for a file of thousands of such nodes.
TEST(GraphIndexTest, FindsAConstantBehindAnyNumberOfNodesThatHandItOn) {
  TestGraph made;
  const std::string constant = made.builder().integers({7});
  std::vector<std::string> row{constant};
  for (int i = 0; i < 20'000; ++i) {
    row.push_back(made.builder().node("Squeeze", {row.back()}));
  }
  const std::string calculated = made.builder().node("Neg", {row.back()});
  const std::string behind = made.builder().node("Squeeze", {calculated});
  const inference::GraphIndex index(made.graph());

  const onnx::TensorProto* value = index.constant(constant);
  ASSERT_NE(value, nullptr);
  EXPECT_TRUE(std::all_of(row.begin(), row.end(),
                          [&](const std::string& tensor) { return index.constant(tensor) == value; }));
  EXPECT_EQ(index.constant(calculated), nullptr);
  EXPECT_EQ(index.constant(behind), nullptr);
  EXPECT_EQ(index.constant("images"), nullptr);
}

TEST(GraphIndexTest, FindsNoConstantInARing) {
  TestGraph made;
  const std::string first = made.builder().node("Squeeze", {"second"});
  made.builder().node("Squeeze", {first}, {}, "second");
  EXPECT_EQ(inference::GraphIndex(made.graph()).constant(first), nullptr);
}

TEST(StrideTest, TakesAPathWithoutUpsampling) {
  TestGraph made;
  const auto features = made.backbone();
  const std::string enlarged = made.builder().node("Resize", {features[2]});
  const std::string joined =
      made.builder().node("Concat", {enlarged, features[1]}, {{"axis", std::int64_t{1}}});
  const inference::GraphIndex index(made.graph());

  EXPECT_EQ(inference::stride_of(index, joined), 16);
  EXPECT_EQ(inference::stride_of(index, enlarged), std::nullopt);
}

TEST(StrideTest, CountsTheSlicesThatEarlyYolov5BeginsWith) {
  TestGraph made;
  auto& builder = made.builder();
  const std::string end = builder.integers({1 << 20});
  const auto every_second = [&](const std::string& from, std::int64_t axis) {
    return builder.node("Slice",
                        {from, builder.integers({0}), end, builder.integers({axis}), builder.integers({2})});
  };
  const std::string half = every_second(every_second("images", 2), 3);
  const std::string feature = made.convolution(half, 4, 2);

  EXPECT_EQ(inference::stride_of(inference::GraphIndex(made.graph()), feature), 4);
}

}  // namespace
}  // namespace kexp::test
