#include "kexp/inference/darknet.hpp"

#include <gmock/gmock.h>

#include "kexp/core/file.hpp"
#include "kexp/inference/detector.hpp"
#include "kexp/inference/model_info.hpp"

#include "darknet_files.hpp"
#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::convert_darknet;
using inference::DarknetFiles;
using inference::DarknetModel;
using inference::ModelError;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DarknetTest : public ::testing::Test {
 protected:
  DarknetModel convert(std::optional<Size2> input = {}) {
    return convert_darknet({files_.cfg, files_.weights, files_.names, input, "public domain"});
  }
  /// The error after a change of the cfg.
  std::string refusal(const std::string& from, const std::string& to) {
    files_ = write_darknet_model(dir_, from, to);
    return message_of<ModelError>([&] { return convert(); });
  }

  TempDir dir_;
  DarknetModelFiles files_ = write_darknet_model(dir_);
};

TEST_F(DarknetTest, MakesAModelThatSaysWhatItIs) {
  const DarknetModel model = convert();
  const auto info = inference::read_model_info("tiny.onnx", model.onnx);

  EXPECT_EQ(model.input, (Size2{64, 64}));
  EXPECT_EQ(info.size, (Size2{64, 64}));
  EXPECT_THAT(info.labels, ElementsAre("person", "car"));
  EXPECT_EQ(info.layout->layout, inference::Layout::rows);
  EXPECT_EQ(info.layout->boxes, 3U * (4 * 4 + 8 * 8));
  EXPECT_EQ(info.stride, 16);
  EXPECT_EQ(info.license, "public domain");
  EXPECT_THAT(info.warnings, IsEmpty());
}

TEST_F(DarknetTest, MakesTheSameBytesAgain) { EXPECT_EQ(convert().onnx, convert().onnx); }

TEST_F(DarknetTest, TakesAnotherInputSize) {
  const DarknetModel model = convert(Size2{96, 32});

  const auto info = inference::read_model_info("tiny.onnx", model.onnx);

  EXPECT_EQ(info.size, (Size2{96, 32}));
  EXPECT_EQ(info.layout->boxes, 3U * (6 * 2 + 12 * 4));
}

TEST_F(DarknetTest, RefusesAnInputThatTheGridDoesNotDivide) {
  EXPECT_THAT(message_of<ModelError>([&] { return convert(Size2{72, 64}); }), HasSubstr("multiples of 32"));
}

TEST_F(DarknetTest, WarnsOfTheMasksThatYolov3TinyIsPublishedWith) {
  EXPECT_THAT(convert().warnings, ElementsAre(HasSubstr("has to be 1,2,3")));
  files_ = write_darknet_model(dir_, "mask = 0,1,2", "mask = 1,2,3");
  EXPECT_THAT(convert().warnings, IsEmpty());
}

TEST_F(DarknetTest, MendsLabelsThatAreNotUtf8AndNamesTheFile) {
  files_ = write_darknet_model(dir_, "mask = 0,1,2", "mask = 1,2,3");
  dir_.write("tiny.names", "caf\xE9\ncar\n");
  const DarknetModel model = convert();

  EXPECT_THAT(inference::read_model_info("tiny.onnx", model.onnx).labels,
              ElementsAre("caf\xEF\xBF\xBD", "car"));
  EXPECT_THAT(model.warnings, ElementsAre(AllOf(HasSubstr("tiny.names: "), HasSubstr("not UTF-8"))));
}

TEST_F(DarknetTest, CountsTheWeights) {
  const std::string whole = read_file(files_.weights);
  ASSERT_EQ(whole.size(), kDarknetHeader + 4 * kDarknetNumbers);
  const auto refusal_of = [&](const std::string& content) {
    dir_.write("tiny.weights", content);
    return message_of<ModelError>([&] { return convert(); });
  };
  EXPECT_THAT(
      refusal_of(whole.substr(0, whole.size() - 4)),
      AllOf(HasSubstr("tiny.cfg:84: "), HasSubstr("too short"), HasSubstr("wants 504 numbers, 503 of")));
  EXPECT_THAT(refusal_of(whole + std::string(8, '\0')), HasSubstr("too long for this cfg: 2 of"));
  EXPECT_THAT(refusal_of(whole + "x"), HasSubstr("no Darknet weights"));
  EXPECT_THAT(refusal_of(""), HasSubstr("no Darknet weights: 0 bytes"));
  EXPECT_THAT(refusal_of("<html>a page that a server sent</html>"), HasSubstr("no Darknet weights"));
}

TEST_F(DarknetTest, NamesTheLineOfTheMistake) {
  EXPECT_THAT(refusal("[upsample]", "[lstm]"), HasSubstr("tiny.cfg:78: [lstm] is not supported"));
  EXPECT_THAT(refusal("activation=mish", "activation=gelu"), HasSubstr("tiny.cfg:26: activation gelu"));
  EXPECT_THAT(refusal("filters=8", "filters=eight"),
              HasSubstr("tiny.cfg:10: filters must be a number, got \"eight\""));
  EXPECT_THAT(refusal("filters=8", "filters=-1"), HasSubstr("tiny.cfg:10: filters must be from 1 to"));
  EXPECT_THAT(refusal("filters=8\n", "\n"), HasSubstr("tiny.cfg:8: [convolutional] has no \"filters\""));
  EXPECT_THAT(refusal("layers = -1, 7", "layers = -1, 99"), HasSubstr("tiny.cfg:82: layers names layer 99"));
  EXPECT_THAT(refusal("layers = -1, 7", "layers = -1, 0"), HasSubstr("cannot be joined"));
  EXPECT_THAT(refusal("from=-2", "from=-5"), HasSubstr("cannot be added"));
  EXPECT_THAT(refusal("mask = 0,1,2", "mask = 0,1,6"), HasSubstr("mask names anchor 6, but there are 6"));
  EXPECT_THAT(refusal("filters=21", "filters=18"), HasSubstr("wants 3 x (5 + 2) = 21 channels, got 18"));
  EXPECT_THAT(refusal("classes=2", "classes=80"), HasSubstr("80 classes, but"));
  EXPECT_THAT(refusal("groups=2", "groups=3"), HasSubstr("groups 3 do not divide 16 channels"));
  EXPECT_THAT(refusal("channels=3", "channels=1"), HasSubstr("tiny.cfg:5: channels must be from 3 to 3"));
  EXPECT_THAT(refusal("[net]", "hello"), HasSubstr("tiny.cfg:1: no Darknet cfg"));
  EXPECT_THAT(refusal("[net]", "[convolutional]"), HasSubstr("does not begin with [net]"));
}

// A cfg of a few lines could ask for gigabytes: what it wants is counted before it is made.
TEST_F(DarknetTest, RefusesSizesThatNoMemoryHolds) {
  EXPECT_THAT(refusal("width=64", "width=1000000000"), HasSubstr("tiny.cfg:3: width must be from 1 to 8192"));
  std::string layers = "layers=-1";
  for (int i = 0; i < 4096; ++i) {
    layers += ",-1";
  }
  EXPECT_THAT(refusal("layers=-1\ngroups=2\ngroup_id=1", layers),
              HasSubstr("layers join to more than 65536 channels"));
  files_.cfg = dir_.write("wide.cfg",
                          "[net]\nwidth=8192\nheight=8192\n[convolutional]\nfilters=7\nsize=1\n"
                          "[yolo]\nclasses=2\nanchors=1,1\n");
  EXPECT_THAT(message_of<ModelError>([&] { return convert(); }),
              HasSubstr("wide.cfg:7: [yolo] makes 67108864 boxes, more than 5000000 in all"));
}

TEST_F(DarknetTest, NamesTheFileThatIsMissing) {
  std::filesystem::remove(files_.names);

  EXPECT_THAT(message_of<ModelError>([&] { return convert(); }), HasSubstr("tiny.names"));
}

}  // namespace
}  // namespace kexp::test
