#include "kexp/inference/nms.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

namespace kexp::test {
namespace {

using inference::Candidate;
using inference::intersection_over_union;
using inference::suppress;

std::vector<float> confidences(const std::vector<Candidate>& kept) {
  std::vector<float> result;
  for (const Candidate& candidate : kept) {
    result.push_back(candidate.confidence);
  }
  return result;
}

TEST(NmsTest, MeasuresTheOverlap) {
  EXPECT_DOUBLE_EQ(intersection_over_union({0, 0, 2, 2}, {1, 0, 3, 2}), 2.0 / 6.0);
  EXPECT_EQ(intersection_over_union({0, 0, 1, 1}, {1, 0, 2, 1}), 0);
  EXPECT_EQ(intersection_over_union({5, 5, 5, 5}, {5, 5, 5, 5}), 0);
}

TEST(NmsTest, DropsWhatABetterOneCoversButKeepsTheLimitItself) {
  const std::vector<Candidate> boxes{{0, 0, 10, 10, 0.5F, 0}, {0, 0, 10, 5, 0.9F, 0}};  // overlap 0.5

  EXPECT_THAT(confidences(suppress(boxes, 0.5, 10)), ::testing::ElementsAre(0.9F, 0.5F));
  EXPECT_THAT(confidences(suppress(boxes, 0.499, 10)), ::testing::ElementsAre(0.9F));
}

TEST(NmsTest, LeavesOtherClassesAlone) {
  const std::vector<Candidate> boxes{{0, 0, 10, 10, 0.5F, 0}, {0, 0, 10, 10, 0.9F, 1}};

  EXPECT_EQ(suppress(boxes, 0.1, 10).size(), 2U);
}

TEST(NmsTest, KeepsTheBestWhenThereAreTooMany) {
  std::vector<Candidate> boxes;
  for (int i = 0; i < 100; ++i) {
    const auto at = static_cast<float>(20 * i);
    boxes.push_back({at, 0, at + 10, 10, static_cast<float>(i) / 100, 0});
  }

  EXPECT_THAT(confidences(suppress(boxes, 0.5, 3)), ::testing::ElementsAre(0.99F, 0.98F, 0.97F));
}

TEST(NmsTest, KeepsTheOrderOfEquals) {
  const auto sorted =
      inference::best_first({{0, 0, 1, 1, 0.5F, 7}, {0, 0, 1, 1, 0.5F, 8}, {0, 0, 1, 1, 0.6F, 9}}, 2);

  EXPECT_EQ(sorted[0].class_id, 9);
  EXPECT_EQ(sorted[1].class_id, 7);
}

/// The rule said the other way round: a box stays when no box that stays, is better and of its class covers
/// it.
std::vector<Candidate> by_definition(const std::vector<Candidate>& boxes, double iou) {
  std::vector<Candidate> sorted = boxes;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Candidate& a, const Candidate& b) { return a.confidence > b.confidence; });
  std::vector<bool> stays(sorted.size(), true);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = i + 1; stays[i] && j < sorted.size(); ++j) {
      const Candidate& a = sorted[i];
      const Candidate& b = sorted[j];
      const double width = std::max(0.0, double{std::min(a.x2, b.x2)} - std::max(a.x1, b.x1));
      const double height = std::max(0.0, double{std::min(a.y2, b.y2)} - std::max(a.y1, b.y1));
      const double both = width * height;
      const double all = (double{a.x2} - a.x1) * (double{a.y2} - a.y1) +
                         (double{b.x2} - b.x1) * (double{b.y2} - b.y1) - both;
      if (a.class_id == b.class_id && both / all > iou) {
        stays[j] = false;
      }
    }
  }
  std::vector<Candidate> kept;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (stays[i]) {
      kept.push_back(sorted[i]);
    }
  }
  return kept;
}

TEST(NmsTest, AgreesWithTheDefinitionOnRandomBoxes) {
  std::mt19937 random(20261121);
  std::uniform_real_distribution<float> place(0, 200);
  std::uniform_real_distribution<float> side(1, 80);
  std::uniform_int_distribution<int> percent(1, 100);  // equal confidences are common
  for (int round = 0; round < 200; ++round) {
    std::vector<Candidate> boxes;
    for (int i = 0; i < 60; ++i) {
      const float x = place(random);
      const float y = place(random);
      boxes.push_back({x, y, x + side(random), y + side(random), static_cast<float>(percent(random)) / 100,
                       percent(random) % 3});
    }
    const double iou = percent(random) / 100.0;

    const auto kept = suppress(boxes, iou, 1000);
    const auto wanted = by_definition(boxes, iou);

    ASSERT_EQ(kept.size(), wanted.size()) << "round " << round << ", IoU " << iou;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      EXPECT_EQ(kept[i].x1, wanted[i].x1);
      EXPECT_EQ(kept[i].class_id, wanted[i].class_id);
    }
  }
}

}  // namespace
}  // namespace kexp::test
