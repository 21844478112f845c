#include "kexp/inference/prepare.hpp"

#include <gmock/gmock.h>

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

TEST(PrepareTest, TakesTheFilesBesideTheCfg) {
  const TempDir dir;
  const DarknetModelFiles files = write_darknet_model(dir);

  const auto prepared = prepare_model({files.cfg, {}, {}, {}, {}});

  EXPECT_EQ(prepared.file, dir / "tiny.onnx");
  EXPECT_THAT(prepared.info.labels, ElementsAre("person", "car"));
  EXPECT_THAT(prepared.warnings, ElementsAre(HasSubstr("mask")));
  EXPECT_EQ(inference::make_detector(prepared.file, {})->labels().size(), 2U);
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
  EXPECT_THAT(refusal({"m.onnx", "out.onnx", {}, {}, Size2{1, 1}}), HasSubstr("--input goes with"));
  EXPECT_THAT(refusal({"m.onnx", {}, {}, {}, {}}), HasSubstr("-o is needed"));
}

TEST(PrepareTest, WritesNothingThatTheEngineCannotLoad) {
  const TempDir dir;
  const auto file = dir.write("strange.onnx", model_with({{1, 3, 8, 8}}, {{1, 300, 6}}).SerializeAsString());

  EXPECT_THAT(message_of<ModelError>([&] {
                return prepare_model({file, dir / "out.onnx", {}, {}, {}});
              }),
              HasSubstr("cannot run this graph"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1)
      << "only the source is there";
}

}  // namespace
}  // namespace kexp::test
