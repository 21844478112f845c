#include <gmock/gmock.h>

#include "kexp/inference/model_info.hpp"

namespace kexp::test {
namespace {

using inference::labels_text;
using inference::parse_labels;
using ::testing::ElementsAre;
using ::testing::Optional;

TEST(LabelsTest, ReadsADictionary) {
  EXPECT_THAT(parse_labels("{0: 'person', 1: 'car'}"), Optional(ElementsAre("person", "car")));
  EXPECT_THAT(parse_labels("{0:'a',1:'b',}"), Optional(ElementsAre("a", "b")));
  EXPECT_THAT(parse_labels("{\"0\": \"a\"}"), Optional(ElementsAre("a"))) << "JSON";
}

TEST(LabelsTest, ReadsQuotesWithinNames) {
  EXPECT_THAT(parse_labels(R"({0: "dog's", 1: 'say "x"', 2: 'it\'s', 3: 'a, b: c}'})"),
              Optional(ElementsAre("dog's", "say \"x\"", "it's", "a, b: c}")));
}

TEST(LabelsTest, ReadsAList) { EXPECT_THAT(parse_labels("['a', 'b']"), Optional(ElementsAre("a", "b"))); }

TEST(LabelsTest, NumbersTheIdsThatAreLeftOut) {
  EXPECT_THAT(parse_labels("{2: 'c', 0: 'a'}"), Optional(ElementsAre("a", "class 1", "c")));
}

TEST(LabelsTest, RefusesWhatIsNeither) {
  for (const char* text : {"", "person", "{0: 'a'", "{0 'a'}", "{0: 'a' 1: 'b'}", "{a: 'b'}", "['a'] x",
                           "{0: 1}", "{99999999999999999999: 'a'}", "{1000000000: 'a'}", "{0: 'a"}) {
    EXPECT_EQ(parse_labels(text), std::nullopt) << text;
  }
}

TEST(LabelsTest, WritesWhatItReads) {
  const std::vector<std::string> labels{"person", "dog's", "back\\slash", "\"quoted\""};

  EXPECT_THAT(parse_labels(labels_text(labels)), Optional(labels));
  EXPECT_EQ(labels_text({"person", "car"}), "{0: 'person', 1: 'car'}");
}

}  // namespace
}  // namespace kexp::test
