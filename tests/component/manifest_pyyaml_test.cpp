/// What write_yaml writes is the same to PyYAML, a reader of YAML 1.1.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "kexp/core/json.hpp"
#include "kexp/core/process.hpp"
#include "kexp/manifest/yaml.hpp"

#include "support/temp_dir.hpp"
#include "unit/manifest/yaml_trees.hpp"

namespace kexp::manifest {
namespace {

using namespace std::chrono_literals;

Json json_of(const Yaml& node) {
  if (node.is_map()) {
    Json result = Json::object();
    for (const YamlEntry& entry : node.entries()) {
      result[entry.key] = json_of(entry.value);
    }
    return result;
  }
  if (node.is_list()) {
    Json result = Json::array();
    for (const Yaml& item : node.items()) {
      result.push_back(json_of(item));
    }
    return result;
  }
  return std::holds_alternative<bool>(node.value())           ? Json(node.truth())
         : std::holds_alternative<std::int64_t>(node.value()) ? Json(node.number())
                                                              : Json(node.text());
}

/// Every nasty string as key and as value, in every style.
YamlDocument nasty_document() {
  Yaml block = Yaml::map();
  Yaml list = Yaml::list();
  for (const std::string& text : test::nasty_strings()) {
    block.set(text, text);
    list.push(text);
  }
  const Yaml line = block.on_one_line();
  return {Yaml::map(
      {{"list", list}, {"list of one line", list.on_one_line()}, {"block", block}, {"line", line}})};
}

TEST(ManifestPyyamlTest, ReadsTheSameStringsAndTypes) {
  std::vector<YamlDocument> documents = {nasty_document()};
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    documents.push_back(test::random_yaml_document(seed));
  }
  Json expected = Json::array();
  for (const YamlDocument& document : documents) {
    expected.push_back(json_of(document.root));
  }
  const test::TempDir folder;
  const auto yaml = folder.write("written.yaml", write_yaml(documents));
  const auto json = folder.write("expected.json", expected.dump());
  const std::string script = KEXP_SOURCE_DIR "/tests/component/manifest_pyyaml.py";

  SystemProcessRunner processes;
  const ProcessResult result = processes.run({"python3", script, yaml.string(), json.string()}, {}, 50s, {});

  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(result.out, fmt::format("{} documents\n", documents.size()));
}

}  // namespace
}  // namespace kexp::manifest
