#include "kexp/inference/prepare.hpp"

#include <gmock/gmock.h>

#include "kexp/core/file.hpp"
#include "kexp/inference/detector.hpp"

#include "darknet_files.hpp"
#include "onnx_files.hpp"
#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::ModelError;
using inference::prepare_model;
using inference::PrepareOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const PrepareOptions& options) {
  return message_of<UsageError>([&] { return prepare_model(options); });
}

inference::DetectorOptions on_opencv() {
  inference::DetectorOptions options;
  options.engine = "opencv";
  return options;
}

TEST(PrepareTest, TakesTheFilesBesideTheCfg) {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);

  const auto prepared = prepare_model({files.cfg, {}, {}, {}, {}});

  EXPECT_EQ(prepared.file, dir / "tiny.onnx");
  EXPECT_THAT(prepared.info.labels, ElementsAre("person", "car"));
  EXPECT_THAT(prepared.warnings, ElementsAre(HasSubstr("mask")));
  EXPECT_EQ(inference::make_detector(prepared.file, on_opencv())->labels().size(), 2U);
}

TEST(PrepareTest, NeedsNamesThatAreSomewhere) {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);
  std::filesystem::remove(files.names);

  EXPECT_THAT(refusal({files.cfg, {}, {}, {}, {}}), HasSubstr("--names is needed"));
  dir.write("coco.names", "a\nb\n");
  EXPECT_THAT(prepare_model({files.cfg, {}, {}, {}, {}}).info.labels, ElementsAre("a", "b"));
}

TEST(PrepareTest, NamesTheFlagThatDoesNotGoWithAnOnnxFile) {
  EXPECT_THAT(refusal({"m.onnx", "out.onnx", "m.weights", {}, {}}),
              HasSubstr("--weights goes with a Darknet .cfg"));
  EXPECT_THAT(refusal({"m.onnx", "out.onnx", {}, "coco.names", {}}), HasSubstr("--names goes with"));
}

// The file was found not to be writable after all the work, under the name of its .part.
TEST(PrepareTest, NamesAnOutThatCannotBeWrittenBeforeTheWork) {
  const TempDir dir;
  const auto cfg = write_darknet_model(dir).cfg;

  EXPECT_THAT(refusal({"no.onnx", dir.path(), {}, {}, {}}), HasSubstr("-o must be a file to write"));
  EXPECT_THAT(refusal({"no.onnx", dir / "none/out.onnx", {}, {}, {}}),
              HasSubstr("-o " + (dir / "none/out.onnx").string() + ": cannot write"));
  EXPECT_THAT(refusal({cfg, "/proc/self/fdinfo/out.onnx", {}, {}, {}}),
              HasSubstr("-o /proc/self/fdinfo/out.onnx"));
}

TEST(PrepareTest, CutsAnOnnxFileAndTakesItAgain) {
  const TempDir dir;
  const auto whole = prepare_model({write_darknet_model(dir).cfg, {}, {}, {}, {}}).file;

  const auto cut = prepare_model({whole, {}, {}, {}, Size2{96, 64}});
  const auto again = prepare_model({cut.file, dir / "again.onnx", {}, {}, {}});

  EXPECT_EQ(cut.file, dir / "tiny-prepared.onnx");
  EXPECT_THAT(cut.changes,
              ElementsAre(HasSubstr("cut after its last 2 convolutions"), HasSubstr("input fixed at 96x64")));
  EXPECT_EQ(cut.info.size, (Size2{96, 64}));
  EXPECT_THAT(again.changes, ::testing::IsEmpty()) << "nothing is left to do";
  EXPECT_EQ(read_file(again.file), read_file(cut.file));
  EXPECT_EQ(inference::make_detector(again.file, on_opencv())->preparation().changes, cut.changes);
  EXPECT_THAT(again.info.labels, ElementsAre("person", "car"));
}

TEST(PrepareTest, FindsInTheCutFileWhatTheWholeOneFinds) {
  const TempDir dir;
  const auto whole = prepare_model({write_darknet_model(dir).cfg, {}, {}, {}, {}}).file;
  const auto cut = prepare_model({whole, {}, {}, {}, {}}).file;
  inference::DetectorOptions options = on_opencv();
  options.confidence = 0.01;  // the network's weights are random
  const image::Image picture{64, 48, std::vector<std::uint8_t>(std::size_t{3} * 64 * 48, 90)};

  const auto found = inference::make_detector(cut, options)->detect(picture).detections;
  const auto wanted = inference::make_detector(whole, options)->detect(picture).detections;

  ASSERT_FALSE(wanted.empty());
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].class_id, wanted[i].class_id);
    EXPECT_EQ(found[i].confidence, wanted[i].confidence);
    EXPECT_EQ(found[i].x, wanted[i].x);
    EXPECT_EQ(found[i].height, wanted[i].height);
  }
}

TEST(PrepareTest, WritesNothingThatTheEngineCannotLoad) {
  const TempDir dir;
  const auto file = dir.write("strange.onnx", model_with({{1, 3, 8, 8}}, {{1, 300, 6}}).SerializeAsString());

  EXPECT_THAT(message_of<ModelError>([&] {
                return prepare_model({file, dir / "out.onnx", {}, {}, {}});
              }),
              HasSubstr("no node makes its output output0"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1)
      << "only the source is there";
}

}  // namespace
}  // namespace kexp::test
