#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kexp/manifest/yaml.hpp"

namespace kexp::test {

/// Strings that some reader of YAML takes for something else, or that are hard to write.
[[nodiscard]] const std::vector<std::string>& nasty_strings();

/// A document of nasty strings, numbers, truth values, lists and mappings, some with comments, some on one
/// line; the same seed gives the same.
[[nodiscard]] manifest::YamlDocument random_yaml_document(std::uint64_t seed);

/// The documents of a text as yaml-cpp reads them. A std::runtime_error tells of a plain scalar that is no
/// number, truth value or string, or not the same in both versions of YAML.
[[nodiscard]] std::vector<manifest::Yaml> read_back(const std::string& text);

}  // namespace kexp::test
