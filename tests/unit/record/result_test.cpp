#include "kexp/record/result.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/json.hpp"

#include "example_result.hpp"

namespace kexp::test {
namespace {

using record::parse_result;
using record::Result;
using record::to_json_text;

Result example() {
  Result r = example_result();
  r.detections = {{0, "person", 0.82, {219.3, 407.8, 130.1, 454.9}}};
  return r;
}

std::string why_not(std::string_view text) {
  std::string why;
  EXPECT_FALSE(parse_result(text, &why)) << text;
  return why;
}

TEST(ResultTest, WritesTheFieldsOfTheContractInTheirOrder) {
  EXPECT_EQ(to_json_text(example()),
            R"({"timestamps":{"idle":3.1,"queue":12,"pre":1.9,"inf":53.2,"post":0.4,)"
            R"("start_time":1706641815123,"end_time":1706641815135},)"
            R"("source":"10.244.1.7","model":"yolov5n","dimensions":[1,3,640,640],"id":"4711","errors":0,)"
            R"("run":"20261121T180304Z-7f3k","node":"worker1","pod":"consumer-5d9","engine":"opencv",)"
            R"("threads":1,"resolution":[768,576],"partition":3,"offset":99,"decode":2.2,)"
            R"("throttled_ms":0.0,"done_time":1706641815190,)"
            R"("detections":[{"class_id":0,"label":"person","confidence":0.82,)"
            R"("box":[219.3,407.8,130.1,454.9]}]})");
}

TEST(ResultTest, SaysWhyAnImageCouldNotBeProcessed) {
  Result r = example();
  r.errors = 1;
  r.error = "no JPEG and no PNG";
  r.detections.clear();
  const auto json = Json::parse(to_json_text(r));
  EXPECT_EQ(json["errors"], 1);
  EXPECT_EQ(json["error"], "no JPEG and no PNG");
  EXPECT_TRUE(json["detections"].is_array());
  EXPECT_TRUE(json["detections"].empty());
}

TEST(ResultTest, SaysInHowManyPeriodsItWasThrottledWhereItWas) {
  Result r = example();
  r.throttled_ms = 4.5;
  r.throttled_periods = 2;
  const std::string text = to_json_text(r);
  EXPECT_NE(text.find(R"("throttled_ms":4.5,"throttled_periods":2,)"), std::string::npos) << text;
  EXPECT_EQ(parse_result(text, nullptr).value().throttled_periods, 2);
}

TEST(ResultTest, KeepsMicrosecondsAndNoMore) {
  Result r = example();
  r.inf_ms = 53.123456789;
  EXPECT_THAT(to_json_text(r), testing::HasSubstr("\"inf\":53.123,"));
}

TEST(ResultTest, ReadsBackWhatItWrote) {
  const auto r = parse_result(to_json_text(example()), nullptr);
  ASSERT_TRUE(r);
  EXPECT_EQ(to_json_text(*r), to_json_text(example()));
}

TEST(ResultTest, MendsATextThatIsNoUtf8) {
  Result r = example();
  r.errors = 1;
  r.error = "bad marker \xff";
  EXPECT_TRUE(parse_result(to_json_text(r), nullptr));
}

TEST(ResultTest, ANumberThatIsNoneReadsBackAsAbsent) {
  Result r = example();
  r.pre_ms = std::numeric_limits<double>::quiet_NaN();
  const auto read = parse_result(to_json_text(r), nullptr);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->pre_ms, 0);
}

TEST(ResultTest, ReadsTheAnswersOfEarlierTools) {
  const auto r = parse_result(
      R"({"timestamps": {"pre": 2, "inf": 61.5, "post": 0.0, "queue": 4, "idle": 0.25,
          "start_time": 1706641815123, "end_time": 1706641815127},
          "source": "10.244.1.7", "model": "yolov8n", "dimensions": [1, 84, 8400], "id": "12", "errors": 0})",
      nullptr);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->id, "12");
  EXPECT_EQ(r->pre_ms, 2);
  EXPECT_EQ(r->inf_ms, 61.5);
  EXPECT_EQ(r->start_time_ms, 1706641815123);
  EXPECT_EQ(r->dimensions, (std::vector<std::int64_t>{1, 84, 8400}));
  EXPECT_EQ(r->partition, -1);
  EXPECT_EQ(r->run, "");
}

TEST(ResultTest, AbsentNullAndUnknownFieldsAreNoMistake) {
  const auto r = parse_result(R"({"id":"1","model":null,"new_field":{"a":[1]},"timestamps":null})", nullptr);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->id, "1");
  EXPECT_EQ(r->model, "");
}

TEST(ResultTest, WhatIsInAnUnknownFieldIsNotTakenForOurs) {
  const auto r = parse_result(
      R"({"more":{"id":"7","timestamps":5,"detections":[[{"box":1}]]},"id":"1","timestamps":{"all":{"inf":"x"},"inf":2},)"
      R"("detections":[{"class_id":3,"mask":[[1,2],{"label":"x"}],"label":"car"},{"label":null,"confidence":1}]})",
      nullptr);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->id, "1");
  EXPECT_EQ(r->inf_ms, 2);
  ASSERT_EQ(r->detections.size(), 2U);
  EXPECT_EQ(r->detections[0].class_id, 3);
  EXPECT_EQ(r->detections[0].label, "car");
  EXPECT_EQ(r->detections[1].confidence, 1);
}

TEST(ResultTest, TakesAWholeNumberThatAnotherLanguageWroteAsAFloat) {
  const auto r = parse_result(R"({"timestamps":{"start_time":1706641815123.0},"errors":1.0})", nullptr);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->start_time_ms, 1706641815123);
  EXPECT_EQ(r->errors, 1);
}

TEST(ResultTest, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* why;
  };
  const Case cases[] = {
      {"", "no JSON"},
      {"{\"id\":", "no JSON"},
      {"[1]", "no JSON object"},
      {"5", "no JSON object"},
      {R"({"id":5})", "\"id\" is not a text"},
      {R"({"id":5,)", "no JSON"},
      {R"({"id":["x"]})", "\"id\" is not a text"},
      {R"({"id":{"id":"x"}})", "\"id\" is not a text"},
      {R"({"errors":true})", "\"errors\" is not a number"},
      {R"({"errors":"0"})", "\"errors\" is not a number"},
      {R"({"errors":0.5})", "\"errors\" is not a whole number"},
      {R"({"threads":3000000000})", "\"threads\" is not a whole number in range"},
      {R"({"offset":18446744073709551615})", "\"offset\" is not a whole number in range"},
      {R"({"done_time":1e300})", "\"done_time\" is not a whole number in range"},
      {R"({"timestamps":[]})", "\"timestamps\" is not an object"},
      {R"({"timestamps":{"inf":"1"}})", "\"inf\" is not a number"},
      {R"({"dimensions":"[1, 2]"})", "\"dimensions\" is not a list"},
      {R"({"resolution":[1,2,3]})", "\"resolution\" is not [width, height]"},
      {R"({"dimensions":[1,null]})", "\"dimensions\" is not a number"},
      {R"({"resolution":[1]})", "\"resolution\" is not [width, height]"},
      {R"({"detections":{"id":1}})", "\"detections\" is not a list"},
      {R"({"detections":[1]})", "\"detections\" is not a list of objects"},
      {R"({"detections":[null]})", "\"detections\" is not a list of objects"},
      {R"({"detections":[{"box":[1,2,3,"4"]}]})", "\"box\" is not a number"},
      {R"({"detections":[{"box":[1,2,3]}]})", "\"box\" is not [x, y, width, height]"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(why_not(c.text), testing::HasSubstr(c.why)) << c.text;
  }
}

}  // namespace
}  // namespace kexp::test
