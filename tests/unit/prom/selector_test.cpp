#include "kexp/prom/selector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"

#include "support/errors.hpp"

namespace kexp::prom {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string matchers(const std::string& text) { return Selector::parse(text, "--match").matchers(); }

TEST(SelectorTest, BringsNameAndMatchersTogether) {
  EXPECT_EQ(matchers("up"), R"(__name__="up")");
  EXPECT_EQ(matchers(" job:up:rate5m{} "), R"(__name__="job:up:rate5m")");
  EXPECT_EQ(matchers(R"({job="kepler"})"), R"(job="kepler")");
  EXPECT_EQ(matchers(R"(up { job = "a" , instance!="b", } )"), R"(__name__="up",job = "a" , instance!="b")");
}

TEST(SelectorTest, IsNotMisledByBracesInStrings) {
  EXPECT_EQ(matchers(R"(m{a="}\"}",b='}',c=`\`})"), R"(__name__="m",a="}\"}",b='}',c=`\`)");
}

TEST(SelectorTest, RefusesWhatIsNoSelector) {
  for (const char* text : {"", "  ", "{}", "up{", "up}", "rate(up[5m])", "up{a=\"}", "up{a=\"b\"}[5m]",
                           "up + up", "{a=\"b\"} {c=\"d\"}"}) {
    EXPECT_THAT(message_of<UsageError>([&] { return Selector::parse(text, "--match"); }),
                AllOf(HasSubstr("--match"), HasSubstr(text)));
  }
}

TEST(SampledExpressionTest, LimitsTheAgeOfASampleAndKeepsEndMarks) {
  EXPECT_EQ(sampled_expression({"up", {}, {}, 7500ms}),
            R"(({__name__="up"}) and (last_over_time({__name__="up"}[7500ms])))");
}

TEST(RecentExpressionTest, LimitsTheAgeOfASampleOnly) {
  EXPECT_EQ(recent_expression({"up", {}, {}, 7500ms}), R"(last_over_time({__name__="up"}[7500ms]))");
}

TEST(SampledExpressionTest, ReadsTheSeriesOfEverySelectorOfTheGivenJobs) {
  const std::vector<Selector> selectors = {Selector::parse("up", "--match"),
                                           Selector::parse(R"({pod=~"k.*"})", "--match")};
  EXPECT_EQ(
      sampled_expression({"up", selectors, {"a.b", "", "c\"d"}, 1500ms}),
      R"(({__name__="up",job=~"a\\.b||c\"d",__name__="up"} or {__name__="up",job=~"a\\.b||c\"d",pod=~"k.*"}))"
      R"( and (last_over_time({__name__="up",job=~"a\\.b||c\"d",__name__="up"}[1500ms]))"
      R"( or last_over_time({__name__="up",job=~"a\\.b||c\"d",pod=~"k.*"}[1500ms])))");
}

TEST(CountExpressionTest, CountsASeriesOfTwoSelectorsOnce) {
  const std::vector<Selector> selectors = {Selector::parse(R"({job="a"})", "--match"),
                                           Selector::parse(R"({pod="p"})", "--match")};
  EXPECT_EQ(
      count_expression({"up", selectors, {}, {}}, 60s),
      R"(sum(count_over_time({__name__="up",job="a"}[60000ms]) or count_over_time({__name__="up",pod="p"}[60000ms])))");
}

TEST(PromqlStringTest, EscapesWhatWouldEndIt) { EXPECT_EQ(promql_string("a\"b\\c\nd"), R"("a\"b\\c\nd")"); }

}  // namespace
}  // namespace kexp::prom
