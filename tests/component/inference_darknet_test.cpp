// Converted Darknet models against OpenCV's own reader of Darknet files.

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <opencv2/dnn.hpp>

#include "kexp/core/file.hpp"
#include "kexp/core/process.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/darknet.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/letterbox.hpp"
#include "kexp/inference/nms.hpp"
#include "kexp/inference/registry.hpp"
#include "kexp/net/http_client.hpp"

#include "golden_boxes.hpp"
#include "support/temp_dir.hpp"
#include "unit/inference/darknet_files.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;

constexpr int kAnchors = 3;  // of each head of the models here
constexpr double kMostPixels = 1e-3;
constexpr double kMostScore = 1e-4;
constexpr double kRegionThreshold = 0.2;  // OpenCV's reader makes smaller scores 0

cv::Mat as_blob(std::vector<float>& values, Size2 input) {
  const int shape[] = {1, 3, input.height, input.width};
  return {4, shape, CV_32F, values.data()};
}

/// The heads of OpenCV's own network, in the order and units of our one tensor.
std::vector<float> reference_rows(const fs::path& cfg, const fs::path& weights, std::vector<float>& blob,
                                  Size2 input, const std::vector<int>& strides) {
  cv::dnn::Net net = cv::dnn::readNetFromDarknet(cfg.string(), weights.string());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  net.setInput(as_blob(blob, input));
  std::vector<cv::Mat> heads;
  net.forward(heads, net.getUnconnectedOutLayersNames());
  std::vector<float> rows;
  for (std::size_t head = 0; head < heads.size(); ++head) {
    const int width = input.width / strides[head];
    const int height = input.height / strides[head];
    const cv::Mat table = heads[head].reshape(1, width * height * kAnchors);
    for (int anchor = 0; anchor < kAnchors; ++anchor) {
      for (int cell = 0; cell < width * height; ++cell) {
        const float* row = table.ptr<float>(cell * kAnchors + anchor);
        const float scale[] = {static_cast<float>(input.width), static_cast<float>(input.height)};
        for (int i = 0; i < table.cols; ++i) {
          rows.push_back(i < 4 ? row[i] * scale[i % 2] : row[i]);
        }
      }
    }
  }
  return rows;
}

std::vector<float> our_rows(const std::string& onnx, std::vector<float>& blob, Size2 input) {
  cv::dnn::Net net = cv::dnn::readNetFromONNX(onnx.data(), onnx.size());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  net.setInput(as_blob(blob, input));
  const cv::Mat output = net.forward();
  return {output.ptr<float>(), output.ptr<float>() + output.total()};
}

/// Compares rows of 5 + classes numbers: the reference holds objectness times class score.
void expect_equal_rows(const std::vector<float>& ours, const std::vector<float>& reference,
                       std::size_t numbers) {
  ASSERT_EQ(ours.size(), reference.size());
  double pixels = 0;
  double scores = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::size_t column = i % numbers;
    if (column < 4) {
      pixels = std::max(pixels, std::abs(double{ours[i]} - reference[i]));
    } else if (column == 4) {
      scores = std::max(scores, std::abs(double{ours[i]} - reference[i]));
    } else if (reference[i] > kRegionThreshold) {
      scores = std::max(scores, std::abs(double{ours[i]} * ours[i - column + 4] - reference[i]));
    }
  }
  EXPECT_LE(pixels, kMostPixels);
  EXPECT_LE(scores, kMostScore);
}

TEST(DarknetReaderTest, AgreesOnEveryKindOfLayer) {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);
  constexpr Size2 kInput{64, 64};
  std::mt19937 random(7);
  std::uniform_real_distribution<float> values(0, 1);
  std::vector<float> blob(std::size_t{3} * 64 * 64);
  std::generate(blob.begin(), blob.end(), [&] { return values(random); });

  const auto model = inference::convert_darknet({files.cfg, files.weights, files.names, {}, ""});

  expect_equal_rows(our_rows(model.onnx, blob, kInput),
                    reference_rows(files.cfg, files.weights, blob, kInput, {16, 8}), 7);
}

/// yolov3-tiny, fetched by the code of `kexp model get` into the cache, where a second run finds it.
class Yolov3TinyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      SystemProcessRunner processes;
      const auto http = net::make_http_client();
      model_ =
          inference::get_model("yolov3-tiny", inference::default_models_dir(), {}, {processes, *http}, {})
              .file;
    } catch (const UnavailableError& e) {
      GTEST_SKIP() << e.what();
    }
  }
  fs::path model_;
};

TEST_F(Yolov3TinyTest, FindsMostOfWhatYolov5nFinds) {
  if (!test_data("data/images")) {
    GTEST_SKIP() << kNoTestData;
  }
  inference::DetectorOptions options;
  options.input = inference::parse_input_size("square", "--input");
  const auto detector = inference::make_detector(model_, options);
  int matched = 0;
  int golden_total = 0;
  for (const auto& [name, golden] : golden_boxes()) {
    auto found = detector->detect(image::decode(golden_image(name))).detections;
    golden_total += static_cast<int>(golden.size());
    for (const GoldenBox& box : golden) {
      const inference::Candidate wanted{static_cast<float>(box.x1), static_cast<float>(box.y1),
                                        static_cast<float>(box.x2), static_cast<float>(box.y2)};
      const auto match = std::find_if(found.begin(), found.end(), [&](const inference::Detection& one) {
        const inference::Candidate candidate{static_cast<float>(one.x), static_cast<float>(one.y),
                                             static_cast<float>(one.x + one.width),
                                             static_cast<float>(one.y + one.height)};
        return one.class_id == box.class_id && inference::intersection_over_union(candidate, wanted) > 0.5;
      });
      if (match != found.end()) {
        found.erase(match);  // each one counts once
        ++matched;
      }
    }
  }
  EXPECT_EQ(golden_total, 54);
  EXPECT_GE(matched, 39);
}

TEST_F(Yolov3TinyTest, AgreesWithOpenCvsDarknetReader) {
  const auto image_data = test_data("data/images");
  if (!image_data) {
    GTEST_SKIP() << kNoTestData;
  }
  const fs::path folder = cache_dir() / "darknet" / "yolov3-tiny";  // what the model was made from
  if (!fs::exists(folder)) {
    GTEST_SKIP() << folder << " is not there: the model was fetched elsewhere";
  }
  constexpr Size2 kInput{416, 416};
  const image::Image picture = image::decode(golden_image("dog.jpg"));
  std::vector<float> blob;
  fill_blob(picture, inference::fit({picture.width, picture.height}, kInput), blob);

  expect_equal_rows(
      our_rows(read_file(model_), blob, kInput),
      reference_rows(folder / "yolov3-tiny.cfg", folder / "yolov3-tiny.weights", blob, kInput, {32, 16}), 85);
}

}  // namespace
}  // namespace kexp::test
