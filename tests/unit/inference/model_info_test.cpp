#include "kexp/inference/model_info.hpp"

#include <gmock/gmock.h>

#include "kexp/inference/detector.hpp"

#include "onnx_files.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

using inference::Layout;
using inference::ModelError;
using inference::ModelInfo;
using inference::read_model_info;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kFile = "models/tiny.onnx";
const Shape kImage{1, 3, 640, 480};

ModelInfo info_of(const onnx::ModelProto& model) { return read_model_info(kFile, model.SerializeAsString()); }

std::string refusal(const onnx::ModelProto& model) {
  return message_of<ModelError>([&] { return info_of(model); });
}

TEST(ModelInfoTest, ReadsWhatTheFileSays) {
  const ModelInfo info = info_of(model_with(
      {kImage}, {{1, 18900, 7}}, {{"names", "{0: 'car', 1: 'bus'}"}, {"stride", "32"}, {"task", "detect"}}));

  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.opset, 12);
  EXPECT_EQ(info.size, (Size2{480, 640}));
  EXPECT_EQ(info.stride, 32);
  EXPECT_THAT(info.labels, ElementsAre("car", "bus"));
  ASSERT_TRUE(info.layout);
  EXPECT_EQ(info.layout->layout, Layout::rows);
  EXPECT_EQ(info.output.name, "output0");
  EXPECT_THAT(info.warnings, IsEmpty());
}

TEST(ModelInfoTest, SaysWhenItTakesTheClassesForCocos) {
  const ModelInfo coco = info_of(model_with({kImage}, {{1, 18900, 85}}));
  EXPECT_EQ(coco.labels.size(), 80U);
  EXPECT_THAT(coco.warnings, ElementsAre(HasSubstr("COCO")));

  const ModelInfo other = info_of(model_with({kImage}, {{1, 18900, 7}}));
  EXPECT_THAT(other.labels, ElementsAre("class 0", "class 1"));
  EXPECT_THAT(other.warnings, ElementsAre(HasSubstr("numbered")));

  const ModelInfo broken = info_of(model_with({kImage}, {{1, 18900, 7}}, {{"names", "{0: car}"}}));
  EXPECT_THAT(broken.warnings, ElementsAre(HasSubstr("cannot be read"), HasSubstr("numbered")));
}

// One Latin-1 label made all of /metrics unreadable for Prometheus.
TEST(ModelInfoTest, MendsLabelsThatAreNotUtf8AndSaysSo) {
  const ModelInfo info =
      info_of(model_with({kImage}, {{1, 18900, 7}}, {{"names", "{0: 'caf\xE9', 1: 'bus'}"}}));

  EXPECT_THAT(info.labels, ElementsAre("caf\xEF\xBF\xBD", "bus"));
  EXPECT_THAT(info.warnings, ElementsAre(HasSubstr("its labels are not UTF-8")));
}

TEST(ModelInfoTest, LeavesOpenShapesOpen) {
  const ModelInfo info = info_of(model_with({{-1, 3, -1, -1}}, {{-1, 84, -1}}));

  EXPECT_EQ(info.size, (Size2{0, 0}));
  EXPECT_FALSE(info.layout);
}

TEST(ModelInfoTest, TakesTheThreeDimensionalOutputAmongSeveral) {
  const ModelInfo info = info_of(model_with({kImage}, {{1, 3, 80, 60, 85}, {1, 18900, 85}}));

  EXPECT_EQ(info.output.name, "output1");
}

TEST(ModelInfoTest, DoesNotTakeWeightsForInputs) {
  onnx::ModelProto model = model_with({kImage, {64, 3, 3, 3}}, {{1, 18900, 85}});
  model.mutable_graph()->add_initializer()->set_name("images1");

  EXPECT_EQ(info_of(model).input.name, "images0");
}

TEST(ModelInfoTest, RefusesWhatIsNoDetector) {
  EXPECT_THAT(refusal(model_with({kImage}, {{1, 1000}})),
              HasSubstr("models/tiny.onnx: no YOLO detector: its output"));
  EXPECT_THAT(refusal(model_with({{1, 10}}, {{1, 18900, 85}})), HasSubstr("its input is 1x10"));
  EXPECT_THAT(refusal(model_with({kImage, kImage}, {{1, 18900, 85}})), HasSubstr("2 inputs"));
  EXPECT_THAT(refusal(model_with({{4, 3, 640, 640}}, {{4, 18900, 85}})), HasSubstr("4 images at once"));
  EXPECT_THAT(refusal(model_with({kImage}, {{1, 116, 8400}}, {{"task", "segment"}})),
              HasSubstr("its task is \"segment\""));
}

// A few bytes of shape are enough to ask for terabytes of labels or pixels.
TEST(ModelInfoTest, RefusesSizesThatNoMemoryHolds) {
  constexpr std::int64_t kGiant = std::int64_t{1} << 40;
  EXPECT_THAT(refusal(model_with({{1, 3, kGiant, kGiant}}, {{1, 18900, 85}})), HasSubstr("is too large"));
  EXPECT_THAT(refusal(model_with({{1, 3, 8193, 640}}, {{1, 18900, 85}})), HasSubstr("is too large"));
  EXPECT_THAT(refusal(model_with({kImage}, {{1, kGiant, kGiant + 1}})),
              HasSubstr("at most 100000 are taken"));
}

TEST(ModelInfoTest, AStrideThatIsNoneIsLeftOut) {
  for (const char* stride : {"0", "-32", "1025", "thirty-two"}) {
    EXPECT_EQ(info_of(model_with({kImage}, {{1, 18900, 85}}, {{"stride", stride}})).stride, std::nullopt)
        << stride;
  }
}

TEST(ModelInfoTest, TellsAMissingFileFromABrokenOne) {
  const TempDir dir;
  const auto refusal_of = [](const std::filesystem::path& file) {
    return message_of<ModelError>([&] { return read_model_info(file); });
  };
  EXPECT_THAT(refusal_of(dir / "no.onnx"), HasSubstr("no model file"));
  EXPECT_THAT(refusal_of(dir.path()), HasSubstr("is no file"));
  EXPECT_THAT(refusal_of(dir.write("empty.onnx", "")), HasSubstr("0 bytes"));
  EXPECT_THAT(refusal_of(dir.write("page.onnx", "<html>404</html>")),
              HasSubstr("no ONNX model, or cut short"));
  EXPECT_THAT(refusal_of(dir.write("tiny.pt", "PK")), HasSubstr("yolo export format=onnx"));
  EXPECT_THAT(refusal_of(dir.write("tiny.weights", "abc")), HasSubstr("kexp model prepare"));
}

TEST(ModelInfoTest, RefusesEveryTruncatedFile) {
  const std::string whole = model_with({kImage}, {{1, 18900, 85}}).SerializeAsString();

  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(static_cast<void>(read_model_info(kFile, whole.substr(0, size))), ModelError)
        << size << " bytes";
  }
  EXPECT_NO_THROW(static_cast<void>(read_model_info(kFile, whole)));
}

}  // namespace
}  // namespace kexp::test
