// The detector on OpenCV with models that it can run, cannot run, and should not.

#include <cmath>

#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>
#include <opencv2/core.hpp>

#include "kexp/core/file.hpp"
#include "kexp/image/image.hpp"
#include "kexp/inference/darknet.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/prepare.hpp"

#include "golden_boxes.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"
#include "unit/inference/darknet_files.hpp"

namespace kexp::test {
namespace {

using inference::DetectorOptions;
using inference::make_detector;
using inference::ModelError;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const std::filesystem::path& model, const std::string& input = "auto") {
  DetectorOptions options;
  options.input = inference::parse_input_size(input, "--input");
  return message_of<ModelError>([&] { return make_detector(model, options); });
}

class DetectorTest : public ::testing::Test {
 protected:
  std::filesystem::path tiny(std::optional<Size2> input = {}) {
    const DarknetModelFiles files = write_darknet_model(dir_);
    return dir_.write("tiny.onnx",
                      inference::convert_darknet({files.cfg, files.weights, files.names, input, ""}).onnx);
  }
  TempDir dir_;
};

TEST_F(DetectorTest, SaysWhatItIsAndWhatAnImageCost) {
  const auto detector = make_detector(tiny(Size2{96, 64}), {});
  const image::Image picture{50, 30, std::vector<std::uint8_t>(std::size_t{3} * 50 * 30, 200)};

  const auto result = detector->detect(picture);

  EXPECT_EQ(detector->engine(), "opencv");
  EXPECT_EQ(detector->model_name(), "tiny");
  EXPECT_THAT(detector->labels(), ElementsAre("person", "car"));
  EXPECT_THAT(result.input_shape, ElementsAre(1, 3, 64, 96));
  EXPECT_GT(result.preprocess.count(), 0);
  EXPECT_GT(result.inference.count(), 0);
  EXPECT_GT(result.postprocess.count(), 0);
}

TEST_F(DetectorTest, KeepsToTheLimitsAndTheOrder) {
  DetectorOptions options;
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

TEST_F(DetectorTest, RunsAtTheExportedSizeOnly) {
  const auto model = tiny(Size2{96, 64});

  EXPECT_THAT(refusal(model, "square"), HasSubstr("exported for 96x64, cannot run at 96x96 (--input)"));
  EXPECT_THAT(refusal(model, "64"), HasSubstr("cannot run at 64x64"));
  DetectorOptions fixed;
  fixed.input = inference::parse_input_size("96x64", "--input");
  EXPECT_NO_THROW(static_cast<void>(make_detector(model, fixed)));
}

TEST_F(DetectorTest, TellsMissingTruncatedAndForeignModelsApart) {
  const std::string whole = read_file(tiny());

  EXPECT_THAT(refusal(dir_ / "no.onnx"), HasSubstr("no model file"));
  EXPECT_THAT(refusal(dir_.write("half.onnx", whole.substr(0, whole.size() / 2))), HasSubstr("cut short"));
}

// What OpenCV 4.6 cannot run has to end with its name and the cause, not with an internal error.
TEST_F(DetectorTest, NamesOpenCvAndTheCauseWhereItCannotRunAGraph) {
  const auto graphs = test_data("models/graphs");
  if (!graphs) {
    GTEST_SKIP() << kNoTestData;
  }
  EXPECT_THAT(refusal(*graphs / "yolov8f-op18-dyn-320.onnx"), HasSubstr("its input size is open"));
  for (const char* name :
       {"yolov8f-op18-half-320.onnx", "yolov10f-op18-e2e-320.onnx", "yolo11f-op12-320.onnx"}) {
    try {
      static_cast<void>(make_detector(*graphs / name, {}));  // a later OpenCV may run it
    } catch (const ModelError& e) {
      EXPECT_THAT(e.what(), AllOf(HasSubstr(name), HasSubstr("OpenCV " CV_VERSION " cannot run this graph")));
    }
  }
}

/// `model` with its weights, constants, input and output in 16-bit floats, as yolov5's own release is.
std::string in_halves(const std::string& content) {
  onnx::ModelProto model;
  model.ParseFromString(content);
  const auto halve = [](onnx::TensorProto& tensor) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT || !tensor.has_raw_data()) {
      return;
    }
    std::string raw = tensor.raw_data();
    cv::Mat halves;
    cv::convertFp16(cv::Mat(1, static_cast<int>(raw.size() / sizeof(float)), CV_32F, raw.data()), halves);
    tensor.set_raw_data(halves.data, halves.total() * 2);
    tensor.set_data_type(onnx::TensorProto::FLOAT16);
  };
  for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
    halve(tensor);
  }
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) {
        halve(*attribute.mutable_t());
      }
    }
  }
  for (auto* value : {model.mutable_graph()->mutable_input(0), model.mutable_graph()->mutable_output(0)}) {
    value->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT16);
  }
  return model.SerializeAsString();
}

TEST_F(DetectorTest, RunsAModelOf16BitFloatsOncePrepared) {
  const auto original = test_data("models/yolov5n-640.onnx");
  if (!original) {
    GTEST_SKIP() << kNoTestData;
  }
  const auto halves = dir_.write("yolov5n.onnx", in_halves(read_file(*original)));
  EXPECT_THAT(refusal(halves), HasSubstr("kexp model prepare"));

  const auto prepared = inference::prepare_model({halves, dir_ / "wide.onnx", {}, {}, {}});

  EXPECT_THAT(prepared.changes, ElementsAre(HasSubstr("16-bit")));
  const image::Image picture = image::decode(golden_image("bus.jpg"));
  const auto found = make_detector(prepared.file, {})->detect(picture).detections;
  const std::vector<GoldenBox> golden = golden_boxes()["bus.jpg"];
  ASSERT_EQ(found.size(), golden.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].class_id, golden[i].class_id);
    EXPECT_NEAR(found[i].x, golden[i].x1, 2) << "16-bit weights are not quite the same";
    EXPECT_NEAR(found[i].confidence, golden[i].confidence, 0.02);
  }
}

}  // namespace
}  // namespace kexp::test
