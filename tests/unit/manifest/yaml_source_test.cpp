#include "yaml_source.hpp"

#include <gmock/gmock.h>

#include "kexp/core/error.hpp"
#include "kexp/core/random.hpp"

#include "support/errors.hpp"
#include "yaml_scalar.hpp"
#include "yaml_trees.hpp"

namespace kexp::manifest {
namespace {

using test::message_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

YamlSource read(const std::string& text) { return read_yaml_source(text, "f.yaml"); }

std::string error_of(const std::string& text) {
  return message_of<UsageError>([&] { return read(text); });
}

const YamlSource& at(const YamlSource& node, std::size_t entry) { return node.entries.at(entry).value; }

TEST(YamlSourceTest, GivesValuesWithTheirLines) {
  const YamlSource root = read(
      "# head\n"
      "a: 1\n"
      "b:\n"
      "  - x  # first\n"
      "  - c: \"two\"\n"
      "    d: 'it''s'\n"
      "e: {f: [g, 'h']}\n"
      "i: |\n"
      "  text\n");

  ASSERT_EQ(root.kind, YamlSource::Kind::map);
  EXPECT_EQ(root.line, 2);
  ASSERT_EQ(root.entries.size(), 4u);
  EXPECT_EQ(root.entries[0].key, "a");
  EXPECT_EQ(at(root, 0).text, "1");
  EXPECT_TRUE(at(root, 0).plain);
  EXPECT_EQ(root.entries[1].line, 3);
  const YamlSource& list = at(root, 1);
  ASSERT_EQ(list.kind, YamlSource::Kind::list);
  EXPECT_EQ(list.items.at(0).line, 4);
  EXPECT_EQ(list.items.at(1).entries.at(1).line, 6);
  EXPECT_EQ(at(list.items.at(1), 0).text, "two");
  EXPECT_FALSE(at(list.items.at(1), 0).plain);
  EXPECT_EQ(at(list.items.at(1), 1).text, "it's");
  EXPECT_EQ(at(at(root, 2), 0).items.at(1).text, "h");
  EXPECT_EQ(at(root, 3).text, "text\n");
  EXPECT_FALSE(at(root, 3).plain);
}

TEST(YamlSourceTest, GivesNothingAsAnEmptyPlainTextInTheLineOfItsKey) {
  const YamlSource root =
      read("a:\n\nb: ~\nc: null\nd: [ , x]\ne:\n  - x\n  -  # nothing\n\n  - y\nf: {g: }\nh:\n");

  for (const auto& [entry, line] :
       std::vector<std::pair<std::size_t, int>>{{0, 1}, {1, 3}, {2, 4}, {6, 12}}) {
    EXPECT_EQ(at(root, entry).text, "");
    EXPECT_TRUE(at(root, entry).plain);
    EXPECT_EQ(at(root, entry).line, line);
  }
  EXPECT_EQ(at(root, 3).items.at(0).line, 5);
  EXPECT_EQ(at(root, 4).items.at(1).line, 8);
  EXPECT_EQ(at(at(root, 5), 0).line, 11);
}

TEST(YamlSourceTest, ReadsFilesOfOtherSystems) {
  const YamlSource root = read(
      "\xef\xbb\xbf"
      "---\r\na: \"ü\"\r\nb: é\r\n...\r\n");

  EXPECT_EQ(at(root, 0).text, "ü");
  EXPECT_EQ(root.entries[1].line, 3);
}

struct Wrong {
  const char* text;
  const char* message;  ///< Its beginning.
};

class YamlSourceFaultTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(YamlSourceFaultTest, IsNamedWithItsLine) {
  const std::string error = error_of(GetParam().text);

  EXPECT_THAT(error, StartsWith(GetParam().message));
  EXPECT_EQ(error.find('\n'), std::string::npos) << "one mistake, one line: " << error;
}

INSTANTIATE_TEST_SUITE_P(Syntax, YamlSourceFaultTest,
                         ::testing::Values(Wrong{"", "f.yaml:1: nothing stands"},
                                           Wrong{"# only a comment\n", "f.yaml:1: nothing stands"},
                                           Wrong{"a: 1\nb: c: d\n", "f.yaml:2: a ': '"},
                                           Wrong{"a: 1\n b: 2\n", "f.yaml:1: this text goes on"},
                                           Wrong{"a:\n   b: 1\n  c: 2\n", "f.yaml:3: this does not fit"},
                                           Wrong{"a:\n  - b\n - c\n", "f.yaml:3: this does not fit"},
                                           Wrong{"a:\n  - b: 1\n  c: 2\n", "f.yaml:3: this does not fit"},
                                           Wrong{"- a: 1\n b: 2\n", "f.yaml:2: this does not fit the list"},
                                           Wrong{"a: - b\n", "f.yaml:1: a '-' where no list"},
                                           Wrong{"a: ? b\n", "f.yaml:1: a '?' where no key"},
                                           Wrong{"a: }\n", "f.yaml:1: a ']' or '}'"},
                                           Wrong{"a: [x]]\n", "f.yaml:1: a ']' or '}'"},
                                           Wrong{"a: 1\nb: @c\n", "f.yaml:2: no text can begin"},
                                           Wrong{"a: `b\n", "f.yaml:1: no text can begin"},
                                           Wrong{"a: \"\\q\"\n", "f.yaml:1: an unknown escape"},
                                           Wrong{"a: 'it's'\n", "f.yaml:1: this does not fit"},
                                           Wrong{"a: \"x\" y\n", "f.yaml:1: this does not fit"}));

INSTANTIATE_TEST_SUITE_P(
    NeverClosed, YamlSourceFaultTest,
    ::testing::Values(Wrong{"a: 1\nb: \"x\n", "f.yaml:2: the \" of this line is never closed"},
                      Wrong{"a: 1\nb: 'x\nc: d\n", "f.yaml:2: the ' of this line is never closed"},
                      Wrong{"a: \"x\nb: \"y\"\n", "f.yaml:1: the \" of this line is not closed in it"},
                      Wrong{"a: \"x\n  y\"\n", "f.yaml:1: the \" of this line is not closed in it"},
                      Wrong{"a: 1\nb: [1, 2\nc: 3\nd: 4\n", "f.yaml:2: the '[' of this line"},
                      Wrong{"a: {x: 1\nb: 2\n", "f.yaml:1: the '{' of this line"},
                      Wrong{"[a, b", "f.yaml:1: the '[' of this line"},
                      Wrong{"{", "f.yaml:1: the '{' of this line"},
                      Wrong{"a:\n  - {b: 1, c: [d\n  - {e: 1}\n", "f.yaml:2: the '{' of this line"}));

INSTANTIATE_TEST_SUITE_P(TakenForYamlByTheParser, YamlSourceFaultTest,
                         ::testing::Values(Wrong{"a: 1\nb\n", "f.yaml:2: b has no ': '"},
                                           Wrong{"a: 1\nb:2\nc: 3\n", "f.yaml:2: no ': ' ends a key"},
                                           Wrong{"a: 1\nb:2\n", "f.yaml:2: b:2 has no ': '"},
                                           Wrong{"a:\n  b\n  c: d\n", "f.yaml:2: no ': ' ends a key"},
                                           Wrong{"a:\n  - b: c\n    d\n", "f.yaml:3: d has no ': '"},
                                           Wrong{"a:\n  - b\n    c: d\n", "f.yaml:2: no ': ' ends a key"},
                                           Wrong{"a\n  b: c\n", "f.yaml:1: no ': ' ends a key"},
                                           Wrong{"- x\n- b: c: d\n", "f.yaml:2: a ': ' where"},
                                           Wrong{"a: {'b', c: d}\n", "f.yaml:1: b has no ': '"},
                                           Wrong{"a: {b, c: d}\n", "f.yaml:1: b has no ': '"},
                                           Wrong{"- a\nb: 1\n", "f.yaml:2: this does not belong"},
                                           Wrong{"  a: 1\nb: 2\n", "f.yaml:2: this does not belong"},
                                           Wrong{"a: x\n  y\nb: 1\n", "f.yaml:1: this text goes on"},
                                           Wrong{"a:\n - b\n  - c\n", "f.yaml:2: this text goes on"},
                                           Wrong{"a: 1\nb: [x\n  y]\n", "f.yaml:2: this text goes on"}));

INSTANTIATE_TEST_SUITE_P(
    Surprising, YamlSourceFaultTest,
    ::testing::Values(
        Wrong{"a: 1\nb: 2\na: 3\n", "f.yaml:3: a: stands here again, first in line 1"},
        Wrong{"x:\n  - a: 1\n    'a': 2\n", "f.yaml:3: x[0].a: stands here again, first in line 2"},
        Wrong{"a: &b x\n", "f.yaml:1: anchors"}, Wrong{"a: *b\n", "f.yaml:1: aliases"},
        Wrong{"a: !!str 1\n", "f.yaml:1: tags"}, Wrong{"a: ! 1\n", "f.yaml:1: tags"},
        Wrong{"a: !b {c: d}\n", "f.yaml:1: tags"}, Wrong{"a:\n  <<: {b: 1}\n", "f.yaml:2: a.<<: merge keys"},
        Wrong{"[a]: 1\n", "f.yaml:1: a list or mapping"}, Wrong{": 1\n", "f.yaml:1: a key is missing"},
        Wrong{"a:\n  on: 1\n", "f.yaml:2: a.on: YAML 1.1 reads on as true: write \"on\""},
        Wrong{"1: a\n", "f.yaml:1: 1: without quotes this key is"},
        Wrong{"12:30: a\n", "f.yaml:1: 12:30: YAML 1.1 reads 12:30 as the number 750"},
        Wrong{"a: 1\n---\nb: 2\n", "f.yaml:2: a second document"},
        Wrong{"a: 1\n...\n# x\n\nb: [\n", "f.yaml:5: a second document"},
        Wrong{"%YAML 1.1\n---\na: 1\n", "f.yaml:1: directives"},
        Wrong{"a:\n\tb: 1\n", "f.yaml:2: a tab indents"}, Wrong{"a: 1\n \t# b\n", "f.yaml:2: a tab indents"},
        Wrong{",\n", "f.yaml:1: this does not belong"},
        Wrong{"a: 1\nb: \xff\n", "f.yaml:2: this line is not UTF-8"},
        Wrong{"a: \x04\n", "f.yaml:1: the character U+0004"},
        Wrong{"a: x\xc2\xa0y\n", "f.yaml:1: the character U+00A0"},
        Wrong{"a: 1\rb: 2\n", "f.yaml:1: the character U+000D"},
        Wrong{"a: \xe2\x80\xa8\n", "f.yaml:1: the character U+2028"}));

TEST(YamlSourceTest, NamesEveryFault) {
  EXPECT_EQ(error_of("a: 1\nb: &x 2\na: 3\non: 4\n"),
            "f.yaml:2: anchors (&) are not read: put the text in quotes, or remove the anchor\n"
            "f.yaml:3: a: stands here again, first in line 1: remove one\n"
            "f.yaml:4: on: YAML 1.1 reads on as true: write \"on\"");
}

TEST(YamlSourceTest, LeavesTextThatOnlyLooksLikeYamlsSignsAlone) {
  const YamlSource root =
      read("a: x&y*z!\nb: 'a: b # c'\nc: a#b\nd: x  # \"'[{\ne: it's\nf: http://h:80/p\n");

  EXPECT_EQ(at(root, 0).text, "x&y*z!");
  EXPECT_EQ(at(root, 1).text, "a: b # c");
  EXPECT_EQ(at(root, 2).text, "a#b");
  EXPECT_EQ(at(root, 3).text, "x");
  EXPECT_EQ(at(root, 4).text, "it's");
  EXPECT_EQ(at(root, 5).text, "http://h:80/p");
}

TEST(YamlSourceTest, RefusesAFileThatIsFarTooLarge) {
  EXPECT_THAT(error_of(std::string((1 << 20) + 1, 'a')), HasSubstr("f.yaml: has 1048577 bytes"));
}

TEST(YamlSourceTest, EndsInAnErrorHoweverDeepAFileIs) {
  EXPECT_THAT(error_of(std::string(100'000, '[')), StartsWith("f.yaml:1: "));
}

/// Whatever is cut, doubled or mixed up: a tree or a UsageError that names a line.
TEST(YamlSourceTest, SurvivesDamagedFiles) {
  SplitMix64 random(4);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::string text = write_yaml({test::random_yaml_document(seed)});
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      const std::size_t place = random.below(text.size() + 1);
      const std::size_t length = random.below(8);
      const std::string_view signs = "\"'[]{}:,-#&*!|>%@`\n\t ?~\\";
      random.below(2) == 0 ? text.erase(place, length)
                           : text.insert(place, 1, signs[random.below(signs.size())]);
    }
    SCOPED_TRACE(text);
    try {
      static_cast<void>(read(text));
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), StartsWith("f.yaml:"));
    }
  }
}

TEST(YamlScalarTest, ReadsAsBothVersionsDo) {
  struct Row {
    const char* text;
    ScalarReading old;
    ScalarReading current;
  };
  using enum ScalarKind;
  for (const Row& row : std::vector<Row>{
           {"", {null, "null"}, {null, "null"}},
           {"~", {null, "null"}, {null, "null"}},
           {"True", {truth, "true"}, {truth, "true"}},
           {"tRue", {text, "tRue"}, {text, "tRue"}},
           {"no", {truth, "false"}, {text, "no"}},
           {"On", {truth, "true"}, {text, "On"}},
           {"y", {truth, "true"}, {text, "y"}},
           {"5", {integer, "5"}, {integer, "5"}},
           {"-5", {integer, "-5"}, {integer, "-5"}},
           {"+5", {integer, "5"}, {integer, "5"}},
           {"0", {integer, "0"}, {integer, "0"}},
           {"0123", {integer, "83"}, {integer, "123"}},
           {"089", {text, "089"}, {integer, "89"}},
           {"0o17", {text, "0o17"}, {integer, "15"}},
           {"0x1F", {integer, "31"}, {integer, "31"}},
           {"-0x10", {integer, "-16"}, {text, "-0x10"}},
           {"0b101", {integer, "5"}, {text, "0b101"}},
           {"1_000", {integer, "1000"}, {text, "1_000"}},
           {"_1", {text, "_1"}, {text, "_1"}},
           {"12:30", {integer, "750"}, {text, "12:30"}},
           {"-1:30", {integer, "-90"}, {text, "-1:30"}},
           {"1:30.5", {real, "90.5"}, {text, "1:30.5"}},
           {"12:60", {text, "12:60"}, {text, "12:60"}},
           {"12:5:", {text, "12:5:"}, {text, "12:5:"}},
           {"10.0.0.1:80", {text, "10.0.0.1:80"}, {text, "10.0.0.1:80"}},
           {"1.10", {real, "1.1"}, {real, "1.1"}},
           {"1.", {real, "1"}, {real, "1"}},
           {".5", {real, "0.5"}, {real, "0.5"}},
           {".", {text, "."}, {text, "."}},
           {"1e3", {text, "1e3"}, {real, "1000"}},
           {"1.5e3", {text, "1.5e3"}, {real, "1500"}},
           {"1.5e+3", {real, "1500"}, {real, "1500"}},
           {"-.inf", {real, "-.inf"}, {real, "-.inf"}},
           {".nan", {real, ".nan"}, {real, ".nan"}},
           {"1.2.3", {text, "1.2.3"}, {text, "1.2.3"}},
           {"2026-11-22", {date, "2026-11-22"}, {text, "2026-11-22"}},
           {"2026-11-22T10:00:00Z", {date, "2026-11-22T10:00:00Z"}, {text, "2026-11-22T10:00:00Z"}},
           {"2026-11-22x", {text, "2026-11-22x"}, {text, "2026-11-22x"}},
           {"99999999999999999999", {integer, "99999999999999999999"}, {integer, "99999999999999999999"}},
           {"500m", {text, "500m"}, {text, "500m"}},
           {"1Gi", {text, "1Gi"}, {text, "1Gi"}}}) {
    EXPECT_EQ(read_yaml_1_1(row.text), row.old) << row.text << " is " << read_yaml_1_1(row.text).value;
    EXPECT_EQ(read_yaml_1_2(row.text), row.current) << row.text << " is " << read_yaml_1_2(row.text).value;
  }
}

TEST(YamlScalarTest, NamesTraps) {
  EXPECT_EQ(scalar_trap("yes"), "YAML 1.1 reads yes as true");
  EXPECT_EQ(scalar_trap("off"), "YAML 1.1 reads off as false");
  EXPECT_EQ(scalar_trap("12:30"), "YAML 1.1 reads 12:30 as the number 750");
  EXPECT_EQ(scalar_trap("0123"), "YAML 1.1 reads 0123 as the number 83, YAML 1.2 as the number 123");
  EXPECT_EQ(scalar_trap("1e3"), "YAML 1.1 reads 1e3 as text, YAML 1.2 as the number 1000");
  EXPECT_EQ(scalar_trap("0x10"), "YAML reads 0x10 as the number 16");
  EXPECT_EQ(scalar_trap("2026-11-22"), "YAML 1.1 reads 2026-11-22 as a date");
  for (const char* plain : {"", "~", "true", "False", "5", "-5", "1.10", "15s", "text", "1.36.4"}) {
    EXPECT_EQ(scalar_trap(plain), "") << plain;
  }
}

}  // namespace
}  // namespace kexp::manifest
