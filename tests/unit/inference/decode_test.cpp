#include "kexp/inference/decode.hpp"

#include <limits>

#include <gmock/gmock.h>

#include "kexp/inference/detector.hpp"

#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::Layout;
using inference::layout_of;
using inference::ModelError;
using inference::OutputLayout;
using ::testing::HasSubstr;

OutputLayout layout(std::vector<std::int64_t> shape, std::size_t labels = 0) {
  return layout_of(shape, labels);
}

TEST(LayoutTest, TellsTheFamiliesByTheirShapes) {
  EXPECT_EQ(layout({1, 25200, 85}).layout, Layout::rows);
  EXPECT_EQ(layout({1, 25200, 85}).classes, 80U);
  EXPECT_EQ(layout({1, 2535, 85}).boxes, 2535U);
  EXPECT_EQ(layout({1, 84, 8400}).layout, Layout::columns);
  EXPECT_EQ(layout({1, 84, 8400}).classes, 80U);
  EXPECT_EQ(layout({1, 84, 8400}).boxes, 8400U);
  EXPECT_EQ(layout({1, 300, 6}, 80).layout, Layout::end_to_end);
}

TEST(LayoutTest, LetsTheLabelsDecideWhereAShapeFitsTwo) {
  EXPECT_EQ(layout({1, 6, 8400}, 2).layout, Layout::columns) << "two classes are no end-to-end graph";
  EXPECT_EQ(layout({1, 63, 85}, 80).layout, Layout::rows) << "fewer boxes than numbers each";
  EXPECT_EQ(layout({1, 252, 6}, 1).layout, Layout::rows) << "end to end gives 300";
  EXPECT_EQ(layout({1, 300, 6}, 1).layout, Layout::end_to_end);
  EXPECT_EQ(layout({1, 25200, 6}, 1).layout, Layout::rows);
}

TEST(LayoutTest, RefusesWhatIsNoDetector) {
  const auto refusal = [](std::vector<std::int64_t> shape, std::size_t labels) {
    return message_of<ModelError>([&] { return layout(shape, labels); });
  };
  EXPECT_THAT(refusal({1, 1000}, 0), HasSubstr("no YOLO detector: its output is 1x1000"));
  EXPECT_THAT(refusal({4, 25200, 85}, 0), HasSubstr("4x25200x85"));
  EXPECT_THAT(refusal({1, 25200, 85}, 3), HasSubstr("3 labels"));
  EXPECT_THAT(refusal({1, 4, 4}, 0), HasSubstr("no room for classes"));
}

TEST(DecodeTest, RowsNeedObjectnessAndTheProductAboveTheLimit) {
  const OutputLayout rows{Layout::rows, 4, 2};
  const std::vector<float> tensor{100,  50,   20, 10, 0.9F,
                                  0.1F, 0.8F,  // kept
                                  1,    1,    1,  1,  0.9F,
                                  0.2F, 0.1F,  // the product is too small
                                  1,    1,    1,  1,  0.4F,
                                  1.0F, 1.0F,  // the objectness is too small
                                  1,    1,    1,  1,  std::numeric_limits<float>::quiet_NaN(),
                                  1,    1};

  const auto found = decode(rows, tensor, 0.4F);

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].class_id, 1);
  EXPECT_FLOAT_EQ(found[0].confidence, 0.72F);
  EXPECT_EQ(found[0].x1, 90);
  EXPECT_EQ(found[0].y1, 45);
  EXPECT_EQ(found[0].x2, 110);
  EXPECT_EQ(found[0].y2, 55);
}

TEST(DecodeTest, ColumnsTakeTheBestClass) {
  const OutputLayout columns{Layout::columns, 3, 2};
  const std::vector<float> tensor{10,   20,   30,      // centre x
                                  11,   21,   31,      // centre y
                                  2,    4,    6,       // width
                                  4,    6,    8,       // height
                                  0.1F, 0.6F, 0.25F,   // class 0
                                  0.2F, 0.7F, 0.25F};  // class 1

  const auto found = decode(columns, tensor, 0.25F);

  ASSERT_EQ(found.size(), 1U) << "0.25 is not above 0.25";
  EXPECT_EQ(found[0].class_id, 1);
  EXPECT_FLOAT_EQ(found[0].confidence, 0.7F);
  EXPECT_EQ(found[0].x1, 18);
  EXPECT_EQ(found[0].y2, 24);
}

TEST(DecodeTest, EndToEndRowsAreReadAsTheyAre) {
  const OutputLayout layout{Layout::end_to_end, 3, 0};
  const std::vector<float> tensor{1, 2, 30, 40, 0.9F, 7,    //
                                  0, 0, 0,  0,  0,    0,    // padding
                                  1, 2, 3,  4,  0.8F, -1};  // no class

  const auto found = decode(layout, tensor, 0.25F);

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].class_id, 7);
  EXPECT_EQ(found[0].x2, 30);
}

}  // namespace
}  // namespace kexp::test
