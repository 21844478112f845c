#include "render/parts.hpp"

#include <gtest/gtest.h>

namespace kexp::manifest {
namespace {

using Mode = RenderedFile::Mode;

TEST(PartsTest, QuotesForAShellOnlyWhatNeedsIt) {
  EXPECT_EQ(shell_quote("192.168.1.152:10001"), "192.168.1.152:10001");
  EXPECT_EQ(shell_quote("a_b-c/d@e%f+g,h"), "a_b-c/d@e%f+g,h");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("two words"), "'two words'");
  EXPECT_EQ(shell_quote("~"), "'~'");
  EXPECT_EQ(shell_quote("a=b"), "'a=b'");
  EXPECT_EQ(shell_quote("$(reboot)`x`\"\\"), "'$(reboot)`x`\"\\'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote("a\nb"), "'a\nb'");
}

TEST(PartsTest, WritesSettingsForAScript) {
  const RenderedFile file =
      env_file("10-nodes/node.env", "Of one node.", {{"name", "worker 1"}, {"smt", "no"}});

  EXPECT_EQ(file.path, "10-nodes/node.env");
  EXPECT_EQ(file.content, "# Of one node.\nname='worker 1'\nsmt=no\n");
  EXPECT_EQ(file.mode, Mode::plain);
}

TEST(PartsTest, CommentsEveryLine) {
  EXPECT_EQ(comment_lines(""), "");
  EXPECT_EQ(comment_lines("one"), "# one\n");
  EXPECT_EQ(comment_lines("one\n\nthree\n"), "# one\n#\n# three\n");
}

TEST(PartsTest, BeginsAYamlFileWithItsHead) {
  const RenderedFile file =
      yaml_file("a.yaml", "What it is.", {{Yaml::map({{"a", 1}})}, {Yaml::map({{"b", 2}})}});

  EXPECT_EQ(file.content, "# What it is.\n\na: 1\n---\nb: 2\n");
}

TEST(PartsTest, MakesScriptsExecutable) {
  const RenderedFile file = script_file("70-kafka", "topics.sh");

  EXPECT_EQ(file.path, "70-kafka/topics.sh");
  EXPECT_EQ(file.mode, Mode::script);
  EXPECT_TRUE(file.content.starts_with("#!/usr/bin/env bash\n"));
}

/// Prometheus refuses a timeout above its interval.
TEST(PartsTest, LetsAScrapeTakeLessThanItsInterval) {
  EXPECT_EQ(scrape_timeout(Seconds{1}), "900ms");
  EXPECT_EQ(scrape_timeout(Seconds{2}), "1s");
  EXPECT_EQ(scrape_timeout(Seconds{5}), "4s");
}

}  // namespace
}  // namespace kexp::manifest
