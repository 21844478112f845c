#include <limits>

#include <gmock/gmock.h>

#include "kexp/inference/detector.hpp"

#include "support/errors.hpp"

namespace kexp::test {
namespace {

using inference::DetectorOptions;
using inference::InputSize;
using inference::parse_input_size;
using ::testing::HasSubstr;

TEST(OptionsTest, ReadsTheInputSize) {
  EXPECT_EQ(parse_input_size("auto", "--input").kind, InputSize::Kind::automatic);
  EXPECT_EQ(parse_input_size("square", "--input").kind, InputSize::Kind::square);
  EXPECT_EQ(parse_input_size("320", "--input").size, (Size2{320, 320}));
  EXPECT_EQ(parse_input_size("640x480", "--input").size, (Size2{640, 480}));
  EXPECT_THAT(message_of<UsageError>([] { return parse_input_size("big", "--input"); }),
              HasSubstr("--input must be auto, square, N or WxH, got \"big\""));
}

TEST(OptionsTest, AcceptsTheDefaults) { EXPECT_NO_THROW(validate(DetectorOptions{})); }

TEST(OptionsTest, NamesTheFlagThatIsOutOfRange) {
  const auto refusal = [](auto change) {
    DetectorOptions options;
    change(options);
    return message_of<UsageError>([&] {
      validate(options);
      return 0;
    });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refusal([](auto& o) { o.threads = 0; }), HasSubstr("--threads must be from 1 to"));
  EXPECT_THAT(refusal([](auto& o) { o.confidence = 1.5; }),
              HasSubstr("--confidence must be from 0 to 1, got 1.5"));
  EXPECT_THAT(refusal([nan](auto& o) { o.confidence = nan; }), HasSubstr("--confidence"));
  EXPECT_THAT(refusal([](auto& o) { o.iou = -0.1; }), HasSubstr("--iou"));
  EXPECT_THAT(refusal([](auto& o) { o.max_detections = 0; }), HasSubstr("--max-detections"));
  EXPECT_THAT(refusal([](auto& o) { o.engine = "tensorrt"; }),
              HasSubstr("--engine must be one of auto, opencv, openvino, got \"tensorrt\""));
  EXPECT_THAT(refusal([](auto& o) { o.precision = "int4"; }),
              HasSubstr("--precision must be one of f32, bf16"));
  EXPECT_THAT(refusal([](auto& o) { o.device = ""; }), HasSubstr("--device must name"));
  EXPECT_THAT(refusal([](auto& o) {
                o.engine = "opencv";
                o.precision = "bf16";
              }),
              HasSubstr("--precision bf16 goes with --engine openvino"));
  EXPECT_THAT(refusal([](auto& o) {
                o.engine = "opencv";
                o.device = "GPU";
              }),
              HasSubstr("--device GPU goes with --engine openvino"));
  EXPECT_THAT(refusal([](auto& o) {
                o.engine = "opencv";
                o.engine_cache = "cache";
              }),
              HasSubstr("--engine-cache cache goes with --engine openvino"));
}

TEST(OptionsTest, SplitsClassesAtCommas) {
  EXPECT_THAT(inference::parse_classes({"0, 2,person", "traffic light"}, "--classes"),
              ::testing::ElementsAre("0", "2", "person", "traffic light"));
  EXPECT_TRUE(inference::parse_classes({}, "--classes").empty());
  for (const char* text : {"", "0,,1", " , "}) {
    EXPECT_THAT(
        message_of<UsageError>([&] { static_cast<void>(inference::parse_classes({text}, "--classes")); }),
        ::testing::HasSubstr("--classes must be ids or labels"))
        << text;
  }
}

}  // namespace
}  // namespace kexp::test
