#pragma once

/// A YAML file as a person wrote it: values with their lines, and whether they were in quotes. Stricter than
/// YAML: what makes a file mean something else than it looks like is refused. Plain values.

#include <string>
#include <vector>

namespace kexp::manifest {

struct YamlEntrySource;

/// One node of a file.
struct YamlSource {
  enum class Kind { scalar, list, map };
  Kind kind = Kind::scalar;
  int line = 0;       ///< Of its first character, from 1; of its key, where nothing stands behind that.
  std::string text;   ///< Kind::scalar: without quotes and escapes; plain and empty for nothing, ~ and null.
  bool plain = true;  ///< Kind::scalar: neither in quotes nor a block; yaml_scalar.hpp tells what it is then.
  std::vector<YamlSource> items;         ///< Kind::list.
  std::vector<YamlEntrySource> entries;  ///< Kind::map, in the order of the file; no key twice.
};

struct YamlEntrySource {
  std::string key;
  int line = 0;  ///< Of the key.
  YamlSource value;
};

/// Reads the only document of a file; `name` stands for the file in messages.
///
/// Errors: UsageError with everything found, a line each: `name:line: key: what, why, the cure`. Refused are
/// what is no YAML (not UTF-8, control characters, wrong indentation, a quote or bracket that is not closed)
/// and what is, but surprises: a key twice, a key that is no text (`on:`, `1:`) or has no ':', plain and
/// quoted text over several lines, tabs as indentation, anchors, aliases, merge keys, tags, directives, a
/// second document.
[[nodiscard]] YamlSource read_yaml_source(const std::string& text, const std::string& name);

}  // namespace kexp::manifest
