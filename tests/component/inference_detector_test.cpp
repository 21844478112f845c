// The detector on each engine with models that it can run, cannot run, and should not.

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>
#include <opencv2/dnn.hpp>

#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/darknet.hpp"
#include "kexp/inference/decode.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/letterbox.hpp"
#include "kexp/inference/model_info.hpp"
#include "kexp/inference/nms.hpp"

#include "engines.hpp"
#include "golden_boxes.hpp"
#include "half_models.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"
#include "unit/inference/darknet_files.hpp"
#include "unit/inference/onnx_files.hpp"

namespace kexp::test {
namespace {

using inference::DetectorOptions;
using inference::make_detector;
using inference::ModelError;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DetectorTest : public EngineTest {
 protected:
  static std::string refusal(const std::filesystem::path& model, const std::string& input = "auto") {
    DetectorOptions options = engine_options();
    options.input = inference::parse_input_size(input, "--input");
    return message_of<ModelError>([&] { return make_detector(model, options); });
  }

  /// What the network sees of a picture.
  static std::vector<std::int64_t> shape_at(const std::filesystem::path& model, const std::string& input,
                                            Size2 picture) {
    DetectorOptions options = engine_options();
    options.input = inference::parse_input_size(input, "--input");
    const auto bytes =
        std::size_t{3} * static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
    const image::Image image{picture.width, picture.height, std::vector<std::uint8_t>(bytes, 200)};
    return make_detector(model, options)->detect(image).input_shape;
  }

  std::filesystem::path tiny(std::optional<Size2> input = {}) {
    const DarknetModelFiles files = write_darknet_model(dir_);
    return dir_.write("tiny.onnx",
                      inference::convert_darknet({files.cfg, files.weights, files.names, input, ""}).onnx);
  }
  TempDir dir_;
};

TEST_P(DetectorTest, SaysWhatItIsAndWhatAnImageCost) {
  const auto detector = make_detector(tiny(Size2{96, 64}), engine_options());
  const image::Image picture{50, 30, std::vector<std::uint8_t>(std::size_t{3} * 50 * 30, 200)};

  const auto result = detector->detect(picture);

  EXPECT_EQ(detector->engine(), GetParam());
  EXPECT_THAT(detector->engine_description(), ::testing::MatchesRegex("Open(CV|VINO) [0-9].*"));
  EXPECT_EQ(detector->model_name(), "tiny");
  EXPECT_THAT(detector->labels(), ElementsAre("person", "car"));
  EXPECT_THAT(result.input_shape, ElementsAre(1, 3, 64, 96));
  EXPECT_GT(result.preprocess.count(), 0);
  EXPECT_GT(result.inference.count(), 0);
  EXPECT_GT(result.postprocess.count(), 0);
}

TEST_P(DetectorTest, KeepsToTheLimitsAndTheOrder) {
  DetectorOptions options = engine_options();
  options.confidence = 0.01;  // the network's weights are random: it finds much
  options.max_detections = 7;
  const auto detector = make_detector(tiny(), options);

  const auto found =
      detector->detect({64, 64, std::vector<std::uint8_t>(std::size_t{3} * 64 * 64, 90)}).detections;

  ASSERT_EQ(found.size(), 7U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_GT(found[i].confidence, 0.01);
    EXPECT_GE(i == 0 ? 1 : found[i - 1].confidence, found[i].confidence);
    EXPECT_GE(found[i].x, 0);
    EXPECT_LE(found[i].x + found[i].width, 64);
    EXPECT_LE(found[i].y + found[i].height, 64);
  }
}

TEST_P(DetectorTest, RunsAGraphWithoutFixedSizesAtEveryMultipleOfItsStride) {
  const auto model = tiny(Size2{96, 64});

  EXPECT_THAT(shape_at(model, "square", {50, 30}), ElementsAre(1, 3, 96, 96));
  EXPECT_THAT(shape_at(model, "64x128", {50, 30}), ElementsAre(1, 3, 128, 64));
  EXPECT_THAT(refusal(model, "100x64"),
              HasSubstr("cannot run at 100x64 (--input): its sides have to be multiples"));
}

TEST_P(DetectorTest, SeesOnlyThePartOfASquareThatAPictureFills) {
  const auto square = tiny(Size2{96, 96});

  EXPECT_THAT(shape_at(square, "auto", {96, 40}), ElementsAre(1, 3, 48, 96));
  EXPECT_THAT(shape_at(square, "auto", {30, 96}), ElementsAre(1, 3, 96, 32));
  EXPECT_THAT(shape_at(square, "square", {96, 40}), ElementsAre(1, 3, 96, 96));
  EXPECT_THAT(shape_at(tiny(Size2{96, 64}), "auto", {64, 64}), ElementsAre(1, 3, 64, 96)) << "exported so";
}

TEST_P(DetectorTest, RunsAGraphOfFixedSizesAtTheExportedOneOnly) {
  const auto graphs = test_data("models/graphs");
  if (!graphs) {
    GTEST_SKIP() << kNoTestData;
  }
  const auto model = *graphs / "yolo11f-op18-320.onnx";

  EXPECT_THAT(refusal(model, "640"), HasSubstr("exported for 320x320, cannot run at 640x640 (--input)"));
  EXPECT_THAT(shape_at(model, "auto", {96, 40}), ElementsAre(1, 3, 320, 320));
  EXPECT_THAT(shape_at(*graphs / "yolo11f-op18-dyn-320.onnx", "auto", {96, 40}), ElementsAre(1, 3, 160, 320));
}

TEST_P(DetectorTest, TellsMissingTruncatedAndForeignModelsApart) {
  const std::string whole = read_file(tiny());

  EXPECT_THAT(refusal(dir_ / "no.onnx"), HasSubstr("no model file"));
  EXPECT_THAT(refusal(dir_.write("half.onnx", whole.substr(0, whole.size() / 2))), HasSubstr("cut short"));
}

/// Images of 8x8, then one node of `type`, which makes the boxes.
std::string graph_of(const std::string& type) {
  onnx::ModelProto model = model_with({{1, 3, 8, 8}}, {{1, 300, 6}});
  auto& node = *model.mutable_graph()->mutable_node(0);
  node.set_op_type(type);
  node.set_name("/model.23/" + type);
  node.add_input("images0");
  node.add_output("output0");
  return model.SerializeAsString();
}

// What an engine cannot run has to end with its name, the node and the cause, not with an internal error.
TEST_P(DetectorTest, NamesTheEngineAndTheNodeWhereItCannotRunAGraph) {
  EXPECT_THAT(
      refusal(dir_.write("strange.onnx", graph_of("Strange"))),
      AllOf(HasSubstr("strange.onnx: Open"), HasSubstr(" cannot run this graph"), HasSubstr("Strange")));
}

TEST_P(DetectorTest, RunsAModelOf16BitFloats) {
  const auto original = test_data("models/yolov5n-640.onnx");
  if (!original) {
    GTEST_SKIP() << kNoTestData;
  }
  const auto halves = dir_.write("yolov5n.onnx", in_halves(read_file(*original)));
  DetectorOptions options = engine_options();
  options.input = inference::parse_input_size("square", "--input");
  const auto detector = make_detector(halves, options);

  EXPECT_THAT(detector->preparation().changes, Contains(HasSubstr("16-bit")));
  const image::Image picture = image::decode(golden_image("bus.jpg"));
  const auto found = detector->detect(picture).detections;
  const std::vector<GoldenBox> golden = golden_boxes()["bus.jpg"];
  ASSERT_EQ(found.size(), golden.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].class_id, golden[i].class_id);
    EXPECT_NEAR(found[i].x, golden[i].x1, 2) << "16-bit weights are not quite the same";
    EXPECT_NEAR(found[i].confidence, golden[i].confidence, 0.02);
  }
}

/// What OpenCV alone finds with a graph that it runs to its end.
std::vector<inference::Detection> found_by_the_whole_graph(const std::filesystem::path& model,
                                                           const image::Image& picture,
                                                           const DetectorOptions& options) {
  const inference::ModelInfo info = inference::read_model_info(model);
  const inference::Letterbox letterbox = inference::fit({picture.width, picture.height}, info.size);
  std::vector<float> blob;
  fill_blob(picture, letterbox, blob);
  cv::dnn::Net net = cv::dnn::readNetFromONNX(model.string());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  const int shape[] = {1, 3, info.size.height, info.size.width};
  net.setInput(cv::Mat(4, shape, CV_32F, blob.data()));
  const cv::Mat rows = net.forward();
  std::vector<inference::Detection> found;
  const auto candidates =
      decode(info.layout.value(), {rows.ptr<float>(), rows.total()}, static_cast<float>(options.confidence));
  for (const auto& candidate : suppress(candidates, options.iou, 300)) {
    found.push_back(to_image(candidate, letterbox));
  }
  return found;
}

// Anchors of three networks of YOLOv5 and of a converted Darknet one, read out of their graphs.
TEST_P(DetectorTest, FindsWithTheCutGraphWhatTheWholeOneFinds) {
  if (!test_data("data/images")) {
    GTEST_SKIP() << kNoTestData;
  }
  DetectorOptions options = engine_options();
  options.input = inference::parse_input_size("square", "--input");
  const image::Image picture = image::decode(golden_image("dog.jpg"));
  const std::vector<std::pair<std::filesystem::path, double>> models{
      {*test_data("models/yolov5n-640.onnx"), 0.01},
      {*test_data("models/custom-20k-640.onnx"), 0.00017},  // random weights are sure of nothing
      {*test_data("models/custom-120k-640.onnx"), 0.00015},
      {tiny(), 0.01}};
  for (const auto& [model, confidence] : models) {
    options.confidence = confidence;
    SCOPED_TRACE(model);
    const auto wanted = found_by_the_whole_graph(model, picture, options);
    const auto detector = make_detector(model, options);
    EXPECT_THAT(detector->preparation().changes, Contains(HasSubstr("cut after its last")));
    const auto found = detector->detect(picture).detections;
    ASSERT_FALSE(wanted.empty());
    ASSERT_EQ(found.size(), wanted.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto same = [&](const inference::Detection& one) {
        return one.class_id == found[i].class_id && std::abs(one.confidence - found[i].confidence) < 1e-4 &&
               std::abs(one.x - found[i].x) < 0.05 &&
               std::abs(one.y + one.height - found[i].y - found[i].height) < 0.05;
      };
      EXPECT_TRUE(std::any_of(wanted.begin(), wanted.end(), same))
          << found[i].x << ' ' << found[i].confidence;
    }
  }
}

KEXP_ON_EVERY_ENGINE(DetectorTest);

}  // namespace
}  // namespace kexp::test
