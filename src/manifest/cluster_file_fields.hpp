#pragma once

/// Every field of a cluster file, described once. The reader, the JSON Schema and the table of
/// docs/cluster-file.md each visit the same description, so they cannot disagree.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"

namespace kexp::manifest {

/// A key of a mapping.
struct Key {
  enum class Presence { optional, required };
  std::string name;
  std::string doc;  ///< What it does, in one line.
  Presence presence = Presence::optional;
  std::string default_words = {};  ///< Instead of the value, where the default depends on other fields.
};

/// A plain value: what it may be, and the member that it is read into.
struct Scalar {
  enum class Kind { text, number, truth, cpu, memory, duration };
  Kind kind = Kind::text;
  std::string noun = {};                  ///< Of a text without choices, in the page's table: "version".
  std::string expected = {};              ///< "a port from 1 to 65535"; messages say "is not …".
  std::vector<std::string> choices = {};  ///< All that it may be; empty: see pattern.
  std::string pattern = {};               ///< Of a text, as JSON Schema has it.
  std::int64_t least = 0;                 ///< Of a number, or of a duration in seconds.
  std::int64_t most = 0;
  bool bare_number = false;  ///< A text that may also stand as an unquoted whole number.
  std::string current = {};  ///< The member's value before reading, as it would be written: the default.
  /// False, and nothing is assigned: not what is expected.
  std::function<bool(const std::string&)> assign = {};
};

/// A mapping of free keys to texts.
struct TextMap {
  std::string expected_key;
  std::string expected_value;
  std::string key_pattern;
  std::string value_pattern;
  bool (*key_matches)(const std::string&) = nullptr;
  bool (*value_matches)(const std::string&) = nullptr;
  std::map<std::string, std::string>* values = nullptr;
};

/// One way to fill a mapping: `keys` stand together, `excludes` do not stand beside them.
struct Alternative {
  std::vector<std::string> keys;
  std::vector<std::string> excludes = {};
};

class FieldVisitor {
 public:
  using Inner = std::function<void(FieldVisitor&)>;

  FieldVisitor() = default;
  FieldVisitor(const FieldVisitor&) = delete;
  FieldVisitor& operator=(const FieldVisitor&) = delete;
  virtual ~FieldVisitor() = default;

  virtual void scalar(const Key& key, const Scalar& value) = 0;
  virtual void text_map(const Key& key, const TextMap& map) = 0;
  virtual void section(const Key& key, const Inner& describe) = 0;
  /// A list of one mapping or more. `clear` drops the default items, `describe_next` adds one and describes
  /// it.
  virtual void list(const Key& key, const std::function<void()>& clear, const Inner& describe_next) = 0;
  /// Exactly one of the alternatives; `why` ends "A and B exclude each other: ".
  virtual void one_of(const std::vector<Alternative>& alternatives, const std::string& why) = 0;
  /// Whether the mapping that is read has the key; false where nothing is read.
  [[nodiscard]] virtual bool given(const std::string& key) const = 0;
};

/// Shows every field of `cluster` to `visitor`, in the order of the file.
void describe(FieldVisitor& visitor, ClusterFile& cluster);

}  // namespace kexp::manifest
