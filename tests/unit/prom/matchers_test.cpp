#include "matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/prom/selector.hpp"

#include "support/errors.hpp"

namespace kexp::prom {
namespace {

using namespace ::testing;
using test::message_of;
using Type = Matcher::Type;

TEST(MatchersTest, ReadsEveryKind) {
  EXPECT_THAT(parse_matchers(R"(a="1", b!="2",c=~"x|y" , d !~ "z")"),
              ElementsAre(Matcher{Type::equal, "a", "1"}, Matcher{Type::not_equal, "b", "2"},
                          Matcher{Type::regex, "c", "x|y"}, Matcher{Type::not_regex, "d", "z"}));
  EXPECT_THAT(parse_matchers(" "), IsEmpty());
}

TEST(MatchersTest, ReadsWhatASelectorBecame) {
  EXPECT_THAT(parse_matchers(Selector::parse(R"(up{job="a,}"})", "--match").matchers()),
              ElementsAre(Matcher{Type::equal, "__name__", "up"}, Matcher{Type::equal, "job", "a,}"}));
}

TEST(MatchersTest, ReadsQuotedNames) {
  EXPECT_THAT(
      parse_matchers(R"("a.metric","a label"="x")"),
      ElementsAre(Matcher{Type::equal, "__name__", "a.metric"}, Matcher{Type::equal, "a label", "x"}));
}

TEST(MatchersTest, ReadsStringsAsGoDoes) {
  EXPECT_THAT(parse_matchers(R"(a="\"\\\n\t\x41\101é\U0001F600",b='"',c=`\n`)"),
              ElementsAre(Matcher{Type::equal, "a", "\"\\\n\tAA\u00e9\U0001F600"},
                          Matcher{Type::equal, "b", "\""}, Matcher{Type::equal, "c", "\\n"}));
  for (const std::string_view text : {"plain", "q\"u'o`t\\e", "line\nbreak", "\u00e4"}) {
    EXPECT_EQ(parse_matchers("a=" + promql_string(text)).at(0).value, text);
  }
}

TEST(MatchersTest, SaysWhatIsWrongAndWhere) {
  const auto message = [](std::string_view text) {
    return message_of<UsageError>([&] { return parse_matchers(text); });
  };
  EXPECT_THAT(message("a=1"), HasSubstr("{a=1} has no quoted value at character 3"));
  EXPECT_THAT(message("a"), HasSubstr("no \"=\" at character 2"));
  EXPECT_THAT(message("=\"x\""), HasSubstr("no name of a label"));
  EXPECT_THAT(message("a=\"x\" b=\"y\""), HasSubstr("no \",\""));
  EXPECT_THAT(message("a=\"x"), HasSubstr("a string without its end"));
  EXPECT_THAT(message("a=\"\\"), HasSubstr("an unknown escape"));
  EXPECT_THAT(message("a=\"\\q\""), HasSubstr("an unknown escape"));
  EXPECT_THAT(message("a=\"\\x4\""), HasSubstr("an unknown escape"));
}

}  // namespace
}  // namespace kexp::prom
