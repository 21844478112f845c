#include "openvino/engine_cache.hpp"

#include <filesystem>

#include <gmock/gmock.h>

#include "kexp/core/file.hpp"

#include "support/capturing_log.hpp"
#include "support/temp_dir.hpp"

namespace kexp::test {
namespace {

namespace fs = std::filesystem;

using inference::EngineCache;
using inference::PreparedGraph;
using ::testing::ElementsAre;
using ::testing::Optional;

constexpr Size2 kSize{640, 480};

PreparedGraph some_graph() {
  PreparedGraph graph;
  graph.info.labels = {"person", "dog's"};
  graph.info.warnings = {"odd"};
  graph.info.size = {320, 640};
  graph.info.open_size = true;
  graph.info.stride = 32;
  graph.head.emplace();
  graph.head->classes = 2;
  graph.head->bins = 16;
  graph.head->levels = {{8, "boxes", "classes", {}, 1}};
  graph.outputs = {"boxes", "classes"};
  graph.changes = {"cut"};
  graph.sizes = inference::Sizes::by_choice;
  return graph;
}

class EngineCacheTest : public ::testing::Test {
 protected:
  EngineCache cache(const std::string& key = "a model on an engine") { return {dir_.path(), key, &log_}; }

  /// The one file in the folder.
  fs::path file() { return fs::directory_iterator(dir_.path())->path(); }

  TempDir dir_;
  CapturingLog log_;
};

TEST_F(EngineCacheTest, KeepsTheFactsOfAGraph) {
  cache().keep_facts(some_graph());

  const auto graph = cache().facts();

  ASSERT_TRUE(graph);
  EXPECT_THAT(graph->info.labels, ElementsAre("person", "dog's"));
  EXPECT_THAT(graph->info.warnings, ElementsAre("odd"));
  EXPECT_EQ(graph->info.size, (Size2{320, 640}));
  EXPECT_TRUE(graph->info.open_size);
  EXPECT_THAT(graph->info.stride, Optional(32));
  ASSERT_TRUE(graph->head);
  EXPECT_EQ(head_json(*graph->head), head_json(*some_graph().head));
  EXPECT_THAT(graph->outputs, ElementsAre("boxes", "classes"));
  EXPECT_THAT(graph->changes, ElementsAre("cut"));
  EXPECT_EQ(graph->sizes, inference::Sizes::by_choice);
}

TEST_F(EngineCacheTest, KeepsAGraphThatDecodesItself) {
  PreparedGraph graph = some_graph();
  graph.head.reset();
  graph.info.stride.reset();
  cache().keep_facts(graph);

  const auto found = cache().facts();

  ASSERT_TRUE(found);
  EXPECT_FALSE(found->head);
  EXPECT_FALSE(found->info.stride);
}

TEST_F(EngineCacheTest, KeepsANetworkForEachSizeAndKey) {
  cache().keep_network(kSize, "compiled");

  EXPECT_THAT(cache().network(kSize), Optional(std::string("compiled")));
  EXPECT_EQ(cache().network({480, 640}), std::nullopt);
  EXPECT_EQ(cache("another").network(kSize), std::nullopt);
  EXPECT_TRUE(log_.lines().empty());
}

TEST_F(EngineCacheTest, ABrokenFileIsNamedAndMadeAgain) {
  cache().keep_network(kSize, "compiled");
  const std::string whole = read_file(file());
  for (const std::string& broken :
       {std::string(), whole.substr(1), whole.substr(0, whole.size() - 1), "C" + whole.substr(1)}) {
    dir_.write(file().filename().string(), broken);
    EXPECT_EQ(cache().network(kSize), std::nullopt) << broken;
  }
  EXPECT_EQ(log_.count(LogLevel::warn, file().filename().string() + " is broken; going on without"), 4U);

  cache().keep_network(kSize, "compiled");
  EXPECT_THAT(cache().network(kSize), Optional(std::string("compiled")));
}

TEST_F(EngineCacheTest, FactsThatSayNothingAreNone) {
  EXPECT_FALSE(inference::parse_facts("no facts"));
  EXPECT_FALSE(inference::parse_facts("{}"));
  std::string text = inference::facts_json(some_graph());
  EXPECT_TRUE(inference::parse_facts(text));
  text.replace(text.find("distances"), 9, "guessing!");
  EXPECT_FALSE(inference::parse_facts(text)) << "a head that nobody can decode";
}

TEST_F(EngineCacheTest, AFolderThatCannotBeMadeIsOneWarning) {
  const auto no_folder = dir_.write("file", "") / "cache";
  EngineCache cache(no_folder, "key", &log_);

  cache.keep_network(kSize, "compiled");
  cache.keep_network({320, 320}, "compiled");

  EXPECT_EQ(cache.network(kSize), std::nullopt);
  EXPECT_EQ(log_.count(LogLevel::warn, "--engine-cache " + no_folder.string()), 1U);
}

}  // namespace
}  // namespace kexp::test
