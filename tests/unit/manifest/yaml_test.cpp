#include "kexp/manifest/yaml.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include "support/errors.hpp"
#include "yaml_trees.hpp"

namespace kexp::manifest {
namespace {

using test::message_of;
using ::testing::HasSubstr;

std::string written(const Yaml& root) { return write_yaml({{root}}); }

/// How a string stands in a block mapping, without its key.
std::string value_text(const std::string& text) {
  const std::string line = written(Yaml::map({{"k", text}}));
  EXPECT_TRUE(line.starts_with("k: ")) << line;
  return line.substr(3, line.size() - 4);
}

TEST(YamlTest, WritesMapsAndListsInBlockStyleWithTwoSpaces) {
  const Yaml root = Yaml::map(
      {{"apiVersion", "v1"},
       {"spec",
        Yaml::map({{"replicas", 3},
                   {"paused", false},
                   {"containers", Yaml::list({Yaml::map({{"name", "a"}, {"args", Yaml::list({"consume"})}}),
                                              Yaml::map({{"name", "b"}})})}})}});

  EXPECT_EQ(written(root),
            "apiVersion: v1\n"
            "spec:\n"
            "  replicas: 3\n"
            "  paused: false\n"
            "  containers:\n"
            "    - name: a\n"
            "      args:\n"
            "        - consume\n"
            "    - name: b\n");
}

TEST(YamlTest, WritesEmptyCollectionsBesideTheirKeys) {
  EXPECT_EQ(written(Yaml::map(
                {{"a", Yaml::map()}, {"b", Yaml::list()}, {"c", Yaml::list({Yaml::map(), Yaml::list()})}})),
            "a: {}\nb: []\nc:\n  - {}\n  - []\n");
}

TEST(YamlTest, WritesOneLineBetweenBrackets) {
  const Yaml limits =
      Yaml::map({{"cpu", "1"}, {"memory", "1Gi"}, {"list", Yaml::list({"a", 1, true, "a:b"})}});

  EXPECT_EQ(written(Yaml::map({{"limits", limits.on_one_line()}})),
            "limits: {cpu: \"1\", memory: 1Gi, list: [a, 1, true, \"a:b\"]}\n");
}

TEST(YamlTest, LeavesStringsPlainThatEveryReaderTakesForStrings) {
  for (const char* text : {"1Gi",
                           "500m",
                           "15s",
                           "1.36.4",
                           "192.168.1.10",
                           "10.244.0.0/16",

                           "--flag=15s",
                           "-c",
                           "a b",
                           "a:b",
                           "kube-system",
                           "/var/lib",
                           "sum(rate(x{a=\"b\"}[5m])) by (pod)",
                           "a,b",
                           "$(POD_IP)",
                           "^ns/.*$",
                           "localhost/kexp-consumer:0.1.0",
                           "none",
                           "nothing",
                           "v1",
                           "1st",
                           "30d",
                           "12ab",
                           "7d61f737",
                           ".git",
                           "_x",
                           "unix:///run/x.sock"}) {
    EXPECT_EQ(value_text(text), text);
  }
}

TEST(YamlTest, QuotesWhatSomeReaderTakesForSomethingElse) {
  for (const char* text : {"",      "yes",     "No",    "ON",    "off",   "y",          "N",
                           "true",  "False",   "null",  "~",     "1",     "-1",         "+1",
                           "0123",  "0o17",    "0x1F",  "0b1",   "-0X1",  "1_000",      "1,000",
                           "1.5",   "1.",      ".5",    "1e3",   "12e03", "12:30",      "0:30",
                           "1:2:3", "22:22.5", "-.inf", ".NaN",  "1.36",  "2026-11-22", "2026-1-2 10:00",
                           "<<",    "=",       "-",     "--- a", "...",   " a",         "a ",
                           "a: b",  "a #b",    "a:",    "#a",    "*a",    "&a",         "!a",
                           "?a",    "|",       ">",     "@a",    "`a",    "%a",         "{a",
                           "[a",    ",a",      ":a",    "é",     "- a",   "\xc2\xa0"}) {
    EXPECT_THAT(value_text(text), ::testing::StartsWith("\"")) << text;
  }
}

TEST(YamlTest, EscapesWhatIsNotPrintable) {
  EXPECT_EQ(value_text(std::string("a\0\x01\t\x7f", 5)), R"("a\x00\x01\t\x7f")");
  EXPECT_EQ(value_text("a\u0085\u2028\ufeff"), R"("a\x85\u2028\ufeff")");
  EXPECT_EQ(value_text("\"\\"), R"("\"\\")");
}

TEST(YamlTest, RefusesWhatIsNoText) {
  for (const char* text : {"\xff", "a\xc3", "\xed\xa0\x80", "\xef\xbf\xbe", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_THROW(static_cast<void>(written(text)), std::logic_error);
    EXPECT_THROW(static_cast<void>(written(Yaml::map({{text, 1}}))), std::logic_error);
  }
}

TEST(YamlTest, WritesTextOfSeveralLinesAsLiteralBlock) {
  const Yaml root = Yaml::map({{"kept", "a\n\n  b\n"},
                               {"chopped", "a\n# b"},
                               {"list", Yaml::list({"x\ny\n", Yaml::map({{"k", "x\ny"}})})}});

  EXPECT_EQ(written(root),
            "kept: |\n"
            "  a\n"
            "\n"
            "    b\n"
            "chopped: |-\n"
            "  a\n"
            "  # b\n"
            "list:\n"
            "  - |\n"
            "    x\n"
            "    y\n"
            "  - k: |-\n"
            "      x\n"
            "      y\n");
}

TEST(YamlTest, QuotesTextOfSeveralLinesThatNoBlockHolds) {
  for (const char* text :
       {"\n", "\na", " a\nb", "a \nb", "a\n ", "a\nb\n\n", "a\tb\nc", "a\r\nb", "a\n\x01", "a\u2028\nb"}) {
    EXPECT_THAT(value_text(text), ::testing::StartsWith("\"")) << text;
  }
  EXPECT_EQ(written(Yaml::map({{"a", Yaml::list({"x\ny"}).on_one_line()}})), "a: [\"x\\ny\"]\n");
  EXPECT_EQ(written(Yaml::map({{"x\ny\n", 1}})), "\"x\\ny\\n\": 1\n");
}

TEST(YamlTest, PutsCommentsAboveTheirEntries) {
  const Yaml root =
      Yaml::map({{"a", 1, "first"},
                 {"b",
                  Yaml::map({{"c", "x\ny\n", "two\nlines"},
                             {"d", Yaml::list({Yaml::map({{"e", 1, "in a list"}, {"f", 2, "g"}})})}}),
                  "map"}});

  EXPECT_EQ(write_yaml({{root, "The head."}, {"second", "Its\n\nhead."}}),
            "# The head.\n"
            "\n"
            "# first\n"
            "a: 1\n"
            "# map\n"
            "b:\n"
            "  # two\n"
            "  # lines\n"
            "  c: |\n"
            "    x\n"
            "    y\n"
            "  d:\n"
            "    # in a list\n"
            "    - e: 1\n"
            "      # g\n"
            "      f: 2\n"
            "---\n"
            "# Its\n"
            "#\n"
            "# head.\n"
            "second\n");
}

TEST(YamlTest, BreaksLongComments) {
  std::string comment;
  for (int i = 0; i < 40; ++i) {
    comment += "justified ";
  }
  const std::string text = written(Yaml::map({{"a", Yaml::map({{"b", 1, comment}})}}));

  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 110u);
    begin = end + 1;
  }
  EXPECT_EQ(YAML::Load(text)["a"]["b"].as<int>(), 1);
}

TEST(YamlTest, RefusesACommentWithinALine) {
  const Yaml inner = Yaml::map({{"k", 1, "why"}});

  EXPECT_THAT(message_of<std::logic_error>([&] { return written(inner.on_one_line()); }),
              HasSubstr("the key k"));
}

TEST(YamlTest, RefusesACommentThatWouldEndEarly) {
  EXPECT_THROW(static_cast<void>(written(Yaml::map({{"k", 1, "a\rb: 2"}}))), std::logic_error);
  EXPECT_THROW(static_cast<void>(written(Yaml::map({{"k", 1, "a\u2028 b: 2"}}))), std::logic_error);
}

TEST(YamlTest, RefusesAKeyTwice) {
  Yaml root = Yaml::map({{"a", 1}});

  EXPECT_THAT(message_of<std::logic_error>([&] { return root.set("a", 2); }), HasSubstr("a"));
  EXPECT_THROW(static_cast<void>(Yaml::map({{"b", 1}, {"b", 1}})), std::logic_error);
}

TEST(YamlTest, FindsByKeysAndPositions) {
  const Yaml root = Yaml::map({{"a", Yaml::list({Yaml::map({{"b", "x"}}), 7})}, {"0", true}});

  ASSERT_NE(root.find({"a", "0", "b"}), nullptr);
  EXPECT_EQ(root.find({"a", "0", "b"})->text(), "x");
  EXPECT_EQ(root.find({"a", "1"})->number(), 7);
  EXPECT_TRUE(root.find({"0"})->truth());
  EXPECT_EQ(root.find({}), &root);
  EXPECT_EQ(root.find({"a", "2"}), nullptr);
  EXPECT_EQ(root.find({"a", "-1"}), nullptr);
  EXPECT_EQ(root.find({"a", "0x"}), nullptr);
  EXPECT_EQ(root.find({"a", "0", "b", "c"}), nullptr);
  EXPECT_EQ(root.find({"b"}), nullptr);
}

TEST(YamlTest, ComparesValuesAndNotStyle) {
  EXPECT_EQ(Yaml::map({{"a", 1, "why"}}), Yaml::map({{"a", 1}}).on_one_line());
  EXPECT_NE(Yaml::map({{"a", 1}}), Yaml::map({{"a", "1"}}));
  EXPECT_NE(Yaml::map({{"a", 1}, {"b", 1}}), Yaml::map({{"b", 1}, {"a", 1}}));
  EXPECT_NE(Yaml(true), Yaml(1));
}

TEST(YamlTest, GivesARandomTreeBackToAReader) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const YamlDocument document = test::random_yaml_document(seed);
    const std::string text = write_yaml({document});
    SCOPED_TRACE(fmt::format("seed {}:\n{}", seed, text));
    ASSERT_NO_THROW(ASSERT_EQ(test::read_back(text), std::vector{document.root}));
    ASSERT_TRUE(text.ends_with('\n'));
    ASSERT_THAT(text, ::testing::Not(HasSubstr(" \n")));
  }
}

}  // namespace
}  // namespace kexp::manifest
