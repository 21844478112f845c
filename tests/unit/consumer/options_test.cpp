#include <gmock/gmock.h>

#include "kexp/consumer/consumer.hpp"

#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace kexp::consumer {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string complaint(const std::function<void(ConsumerOptions&)>& change) {
  ConsumerOptions options;
  change(options);
  return test::message_of<UsageError>([&] { validate(options); });
}

TEST(ConsumerOptionsTest, AcceptsTheDefaults) { EXPECT_NO_THROW(validate({})); }

TEST(ConsumerOptionsTest, NamesTheGroupAfterTheInputTopic) {
  ConsumerOptions options;
  EXPECT_EQ(group_of(options), "yolo_input.consumers");
  options.group = "mine";
  EXPECT_EQ(group_of(options), "mine");
}

TEST(ConsumerOptionsTest, NamesTheFlagOfABadValue) {
  EXPECT_THAT(complaint([](auto& o) { o.input_topic = "a b"; }), HasSubstr("--input-topic"));
  EXPECT_THAT(complaint([](auto& o) { o.output_topic = ""; }), HasSubstr("--output-topic"));
  EXPECT_THAT(complaint([](auto& o) { o.group = "a/b"; }), HasSubstr("--group"));
  EXPECT_THAT(complaint([](auto& o) { o.instance_id = "a b"; }), HasSubstr("--instance-id"));
  EXPECT_THAT(complaint([](auto& o) { o.streams = -1; }), HasSubstr("--streams"));
  EXPECT_THAT(complaint([](auto& o) { o.client.servers = ""; }), HasSubstr("--servers"));
  EXPECT_THAT(complaint([](auto& o) { o.model = ""; }), HasSubstr("--model"));
  EXPECT_THAT(complaint([](auto& o) { o.threads = -1; }), HasSubstr("--threads"));
  EXPECT_THAT(complaint([](auto& o) { o.threads = 1025; }), HasSubstr("--threads"));
  EXPECT_THAT(complaint([](auto& o) { o.streams = 1025; }), HasSubstr("--streams"));
  EXPECT_THAT(complaint([](auto& o) { o.detector.confidence = 1.5; }), HasSubstr("--confidence"));
}

// Of a file that is there and no model the flag was not told.
TEST(ConsumerOptionsTest, NamesTheFlagOfAModelThatIsNotThereOrIsNone) {
  const test::TempDir dir;
  const auto broken = dir.write("broken.onnx", "this is no model");
  ConsumerOptions options;
  options.model = dir / "no.onnx";
  EXPECT_THAT(test::message_of<inference::ModelError>([&] { check_model(options); }),
              StartsWith("--model: no model file"));
  EXPECT_THAT(test::message_of<inference::ModelError>([&] { (void)load_detector(broken, {}, {}); }),
              StartsWith("--model: " + broken.string()));
}

TEST(ConsumerOptionsTest, RefusesACacheForAnEngineThatHasNone) {
  EXPECT_THAT(complaint([](auto& o) {
                o.detector.engine = "opencv";
                o.detector.engine_cache = "cache";
              }),
              HasSubstr("--engine-cache"));
}

TEST(ConsumerOptionsTest, RefusesToAnswerIntoTheTopicItReads) {
  EXPECT_THAT(complaint([](auto& o) { o.output_topic = o.input_topic; }), HasSubstr("--output-topic"));
}

}  // namespace
}  // namespace kexp::consumer
