// yolov5n on photographs, against what its authors' own code found in them.

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "kexp/image/image.hpp"
#include "kexp/inference/detector.hpp"

#include "engines.hpp"
#include "golden_boxes.hpp"

namespace kexp::test {
namespace {

using inference::Detection;

constexpr double kMostPixels = 0.5;
constexpr double kMostConfidence = 1e-3;

double distance(const Detection& a, const GoldenBox& b) {
  return std::max({std::abs(a.x - b.x1), std::abs(a.y - b.y1), std::abs(a.x + a.width - b.x2),
                   std::abs(a.y + a.height - b.y2)});
}

class GoldenTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (!test_data("models/yolov5n-640.onnx")) {
      GTEST_SKIP() << kNoTestData;
    }
  }
};

TEST_P(GoldenTest, FindsTheSameAsYolov5sOwnCode) {
  inference::DetectorOptions options = engine_options();
  options.input = inference::parse_input_size("square", "--input");
  const auto detector = inference::make_detector(*test_data("models/yolov5n-640.onnx"), options);
  for (const auto& [name, golden] : golden_boxes()) {
    SCOPED_TRACE(name);
    const auto result = detector->detect(image::decode(golden_image(name)));
    EXPECT_EQ(result.detections.size(), golden.size());
    for (const GoldenBox& box : golden) {
      const auto same = [&](const Detection& found) {
        return found.class_id == box.class_id && distance(found, box) <= kMostPixels &&
               std::abs(found.confidence - box.confidence) <= kMostConfidence;
      };
      EXPECT_EQ(std::count_if(result.detections.begin(), result.detections.end(), same), 1)
          << "class " << box.class_id << " at " << box.x1 << ", " << box.y1;
    }
  }
}

TEST_P(GoldenTest, NamesCocosClassesWhereTheFileDoesNot) {
  const auto detector = inference::make_detector(*test_data("models/yolov5n-640.onnx"), engine_options());

  ASSERT_EQ(detector->labels().size(), 80U);
  EXPECT_EQ(detector->labels()[0], "person");
  EXPECT_EQ(detector->labels()[79], "toothbrush");
  EXPECT_EQ(detector->model_name(), "yolov5n-640");
}

KEXP_ON_EVERY_ENGINE(GoldenTest);

}  // namespace
}  // namespace kexp::test
