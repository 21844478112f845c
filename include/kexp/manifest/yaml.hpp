#pragma once

/// YAML as manifests need it: a tree whose mappings keep their order and whose entries may carry a comment,
/// and the one way it is written. Values; nothing is shared; no thread-safety beyond that of values.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kexp::manifest {

struct YamlEntry;

/// One node of a YAML document: a string, an integer, a truth value, a list, or a mapping.
///
/// There is no null and no float: no manifest of ours has one.
class Yaml {
 public:
  using List = std::vector<Yaml>;
  using Map = std::vector<YamlEntry>;

  Yaml(std::string text);  // NOLINT(google-explicit-constructor): trees are written as literals
  Yaml(std::string_view text) : Yaml(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Yaml(const char* text) : Yaml(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  Yaml(std::same_as<bool> auto truth) : value_(truth) {}    // NOLINT(google-explicit-constructor)
  template <std::integral I>
  requires(!std::same_as<I, bool>) Yaml(I number);  // NOLINT(google-explicit-constructor)

  // Defined where an entry is a whole type, which a vector of it has to be.
  Yaml(const Yaml& other);
  Yaml(Yaml&& other) noexcept;
  Yaml& operator=(const Yaml& other);
  Yaml& operator=(Yaml&& other) noexcept;
  ~Yaml();

  [[nodiscard]] static Yaml list(std::vector<Yaml> items = {});
  [[nodiscard]] static Yaml map(std::initializer_list<YamlEntry> entries = {});

  /// Appends an entry to a mapping; a key twice is a std::logic_error.
  Yaml& set(std::string key, Yaml value, std::string comment = {});
  /// Appends an item to a list.
  Yaml& push(Yaml item);
  /// The same node, written on one line: `{cpu: "1", memory: 1Gi}`. Comments inside it are an error.
  [[nodiscard]] Yaml on_one_line() &&;
  [[nodiscard]] Yaml on_one_line() const&;

  [[nodiscard]] bool is_map() const;
  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool flow() const { return flow_; }
  [[nodiscard]] const Map& entries() const;
  [[nodiscard]] const List& items() const;
  /// The value at a path of keys and list positions ("spec", "template", "0"); nullptr where there is none.
  [[nodiscard]] const Yaml* find(std::initializer_list<std::string_view> path) const;
  /// Errors: std::bad_variant_access when it is none.
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] std::int64_t number() const;
  [[nodiscard]] bool truth() const;

  /// Same values, keys in the same order; comments and style do not count.
  bool operator==(const Yaml& other) const;

  using Value = std::variant<std::string, std::int64_t, bool, List, Map>;
  [[nodiscard]] const Value& value() const { return value_; }

 private:
  Yaml() = default;
  [[nodiscard]] const Yaml* child(std::string_view step) const;

  Value value_;
  bool flow_ = false;
};

/// One `key: value` of a mapping; the comment stands above it, one `# ` a line.
struct YamlEntry {
  std::string key;
  Yaml value;
  std::string comment = {};

  bool operator==(const YamlEntry& other) const;
};

template <std::integral I>
requires(!std::same_as<I, bool>) Yaml::Yaml(I number) : value_(static_cast<std::int64_t>(number)) {}

/// A document of a file; the comment stands at its head.
struct YamlDocument {
  Yaml root;
  std::string comment = {};
};

/// Writes documents, `---` between them: block style, two spaces, lines ending in LF.
///
/// A string stands plain only where every reader of YAML 1.1 and 1.2 takes it for that string; everything
/// else (numbers, `on`, `no`, `0123`, `1e3`, `12:30`, `~`, dates, an empty string) is double-quoted. A string
/// of several lines that a block can hold exactly is a literal block. Comments are broken at column 110.
///
/// Errors: std::logic_error for a comment within `on_one_line`, and for text that YAML cannot hold (not
/// UTF-8, a control character in a comment).
[[nodiscard]] std::string write_yaml(const std::vector<YamlDocument>& documents);

}  // namespace kexp::manifest
