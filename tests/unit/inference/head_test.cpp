#include "kexp/inference/head.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "kexp/inference/detector.hpp"

#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::BoxCoding;
using inference::Candidate;
using inference::decode_head;
using inference::Head;
using inference::ModelError;
using inference::Selection;
using inference::TensorView;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The number whose sigmoid is `share`.
float raw(double share) { return static_cast<float>(std::log(share / (1 - share))); }

/// Two classes, one level of 1 x 2 cells, stride 8.
Head distances(std::size_t bins) {
  return {BoxCoding::distances, Selection::suppress, 2, bins, {{8, "boxes", "classes", {}, 1}}};
}

struct Tensors {
  std::vector<float> boxes, classes;
  std::size_t bins = 1;

  [[nodiscard]] std::vector<TensorView> views() const {
    return {{{1, static_cast<std::int64_t>(4 * bins), 1, 2}, boxes.data()}, {{1, 2, 1, 2}, classes.data()}};
  }
};

void expect_box(const Candidate& box, float x1, float y1, float x2, float y2) {
  EXPECT_NEAR(box.x1, x1, 1e-3);
  EXPECT_NEAR(box.y1, y1, 1e-3);
  EXPECT_NEAR(box.x2, x2, 1e-3);
  EXPECT_NEAR(box.y2, y2, 1e-3);
}

TEST(DecodeHeadTest, DistancesGoFromTheCellsCentreToTheFourSides) {
  const Tensors tensors{{0, 1, 0, 0.5F, 0, 2, 0, -0.25F},  // left, top, right, bottom of the two cells
                        {raw(0.1), raw(0.2), raw(0.1), raw(0.9)}};

  const auto found = decode_head(distances(1), tensors.views(), 0.25F);

  ASSERT_THAT(found, SizeIs(1));
  expect_box(found[0], (1.5F - 1) * 8, 0, (1.5F + 2) * 8, (0.5F - 0.25F) * 8);
  EXPECT_EQ(found[0].class_id, 1);
  EXPECT_NEAR(found[0].confidence, 0.9, 1e-6);
}

TEST(DecodeHeadTest, ADistanceInBinsIsTheirMean) {
  Tensors tensors{{}, {raw(0.9), raw(0.1), raw(0.1), raw(0.1)}, 2};
  const float share = raw(0.75);  // of bin 1 beside bin 0
  for (int side = 0; side < 4; ++side) {
    tensors.boxes.insert(tensors.boxes.end(), {0, 0, share, 0});
  }

  const auto found = decode_head(distances(2), tensors.views(), 0.25F);

  ASSERT_THAT(found, SizeIs(1));
  expect_box(found[0], (0.5F - 0.75F) * 8, (0.5F - 0.75F) * 8, (0.5F + 0.75F) * 8, (0.5F + 0.75F) * 8);
}

TEST(DecodeHeadTest, ConfidenceHasToBeAboveTheLimitAndNanIsNot) {
  const Tensors tensors{std::vector<float>(8, 1), {raw(0.25) - 1e-4F, std::nanf(""), raw(0.1), raw(0.1)}};

  EXPECT_THAT(decode_head(distances(1), tensors.views(), 0.25F), IsEmpty());
  EXPECT_THAT(decode_head(distances(1), tensors.views(), 0), SizeIs(::testing::Ge(1U)));
  EXPECT_THAT(decode_head(distances(1), tensors.views(), 1), IsEmpty());
}

TEST(DecodeHeadTest, TheTopMayHoldAnAnchorTwiceWithTwoClasses) {
  Head head = distances(1);
  head.selection = Selection::top;
  const Tensors tensors{std::vector<float>(8, 1), {raw(0.9), raw(0.6), raw(0.8), raw(0.1)}};

  const auto found = decode_head(head, tensors.views(), 0.25F);

  ASSERT_THAT(found, SizeIs(3));
  EXPECT_NEAR(found[0].confidence, 0.9, 1e-6);
  EXPECT_NEAR(found[1].confidence, 0.8, 1e-6);
  EXPECT_EQ(found[1].class_id, 1);
  EXPECT_EQ(found[0].x1, found[1].x1);
  EXPECT_NEAR(found[2].confidence, 0.6, 1e-6);
}

// As the graphs do it: 300 anchors by their best class, then 300 of all their scores.
TEST(DecodeHeadTest, TheTopHoldsAtMost300) {
  constexpr std::int64_t kCells = 400;
  Head head{BoxCoding::distances, Selection::top, 1, 1, {{8, "boxes", "classes", {}, 1}}};
  const std::vector<float> boxes(4 * kCells, 1);
  std::vector<float> scores(kCells);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = static_cast<float>(i) / 100;
  }
  const std::vector<TensorView> views{{{1, 4, 1, kCells}, boxes.data()}, {{1, 1, 1, kCells}, scores.data()}};

  const auto found = decode_head(head, views, 0.1F);

  ASSERT_THAT(found, SizeIs(300));
  EXPECT_NEAR(found[0].x1, (399 + 0.5F - 1) * 8, 1e-3) << "the best one is the last";
}

/// One level of one cell, one anchor, two classes.
Head anchors(BoxCoding coding, float spread) {
  return {coding, Selection::suppress, 2, 1, {{16, "heads", "", {{20, 40}}, spread}}};
}

std::vector<Candidate> decode_anchor(const Head& head, const std::vector<float>& numbers, float least) {
  const std::vector<TensorView> views{{{1, 7, 1, 1}, numbers.data()}};
  return decode_head(head, views, least);
}

TEST(DecodeHeadTest, Yolov5SquaresTheSizes) {
  const auto found =
      decode_anchor(anchors(BoxCoding::squared, 1),
                    {raw(0.75), raw(0.5), raw(0.75), raw(0.5), raw(0.8), raw(0.1), raw(0.5)}, 0.25F);

  ASSERT_THAT(found, SizeIs(1));
  const float width = 1.5F * 1.5F * 20;
  const float x = (2 * 0.75F - 0.5F) * 16;
  expect_box(found[0], x - width / 2, 8 - 20, x + width / 2, 8 + 20);
  EXPECT_NEAR(found[0].confidence, 0.4, 1e-6) << "objectness times class";
  EXPECT_EQ(found[0].class_id, 1);
}

TEST(DecodeHeadTest, DarknetTakesTheExponential) {
  const auto found = decode_anchor(anchors(BoxCoding::exponential, 1.2F),
                                   {raw(0.75), raw(0.5), 0.5F, 0, raw(0.8), raw(0.9), raw(0.5)}, 0.25F);

  ASSERT_THAT(found, SizeIs(1));
  const float width = std::exp(0.5F) * 20;
  const float x = (0.75F * 1.2F - 0.1F) * 16;
  expect_box(found[0], x - width / 2, 8 - 20, x + width / 2, 8 + 20);
  EXPECT_EQ(found[0].class_id, 0);
}

TEST(DecodeHeadTest, ObjectnessAloneHasToBeAboveTheLimitToo) {
  const Head head = anchors(BoxCoding::squared, 1);

  EXPECT_THAT(decode_anchor(head, {0, 0, 0, 0, raw(0.3), raw(0.99), 0}, 0.25F), SizeIs(1));
  EXPECT_THAT(decode_anchor(head, {0, 0, 0, 0, raw(0.3), raw(0.5), 0}, 0.25F), IsEmpty());
  EXPECT_THAT(decode_anchor(head, {0, 0, 0, 0, raw(0.2), raw(0.99), 0}, 0.25F), IsEmpty());
}

TEST(HeadTest, IsTheSameOutOfItsDescription) {
  Head head = anchors(BoxCoding::exponential, 1.05F);
  head.levels.push_back({32, "other", "", {{1.5F, 2}}, 1});

  const auto read = inference::parse_head(inference::head_json(head));

  ASSERT_TRUE(read);
  EXPECT_EQ(inference::head_json(*read), inference::head_json(head));
  EXPECT_EQ(read->levels[0].spread, 1.05F);
  EXPECT_EQ(read->levels[1].anchors[0].width, 1.5F);
}

TEST(HeadTest, RefusesDescriptionsThatCannotBeTrue) {
  EXPECT_FALSE(inference::parse_head(""));
  EXPECT_FALSE(inference::parse_head("{}"));
  EXPECT_FALSE(inference::parse_head("[1]"));
  Head head = distances(1);
  EXPECT_TRUE(inference::parse_head(inference::head_json(head)));
  head.levels[0].stride = 0;
  EXPECT_FALSE(inference::parse_head(inference::head_json(head)));
  head = distances(1);
  head.levels[0].classes.clear();
  EXPECT_FALSE(inference::parse_head(inference::head_json(head)));
  head = distances(1);
  head.classes = 1'000'000'000;
  EXPECT_FALSE(inference::parse_head(inference::head_json(head)));
}

TEST(HeadTest, NamesTheTensorThatHasAnotherShape) {
  const Tensors tensors{std::vector<float>(8), std::vector<float>(4)};
  const Head head = distances(1);

  EXPECT_NO_THROW(check_tensors(head, tensors.views(), 16, 8));
  EXPECT_THAT(message_of<ModelError>([&] {
                check_tensors(head, tensors.views(), 32, 8);
                return 0;
              }),
              HasSubstr("its head boxes is 1x4x1x2, wanted 1x4x1x4 for an input of 32x8"));
}

TEST(HeadTest, SaysInWordsWhatItIs) {
  EXPECT_EQ(inference::head_text(distances(16)),
            "distances in 16 bins, stride 8, 2 classes, overlaps suppressed");
  EXPECT_THAT(inference::tensor_names(distances(1)), ElementsAre("boxes", "classes"));
  EXPECT_THAT(inference::tensor_names(anchors(BoxCoding::squared, 1)), ElementsAre("heads"));
}

}  // namespace
}  // namespace kexp::test
