#include "cluster_file_reader.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kexp/core/nearest.hpp"

#include "cluster_file_fields.hpp"
#include "cluster_file_table.hpp"
#include "yaml_scalar.hpp"

namespace kexp::manifest {
namespace {

std::string quoted(const std::string& text) { return fmt::format("\"{}\"", text); }

std::string what_it_is(const YamlSource& node) {
  switch (node.kind) {
    case YamlSource::Kind::map:
      return "a mapping";
    case YamlSource::Kind::list:
      return "a list";
    case YamlSource::Kind::scalar:
      break;
  }
  return quoted(node.text);
}

bool is_null(const YamlSource& node) {
  return node.kind == YamlSource::Kind::scalar && node.plain &&
         read_yaml_1_2(node.text).kind == ScalarKind::null;
}

/// "YAML 1.1 reads 12:30 as the number 750", or what else YAML makes of a plain scalar; empty where it stays
/// the text that it is.
std::string other_reading(const std::string& plain) {
  if (std::string trap = scalar_trap(plain); !trap.empty()) {
    return trap;
  }
  const ScalarReading reading = read_yaml_1_2(plain);
  switch (reading.kind) {
    case ScalarKind::integer:
    case ScalarKind::real:
      return fmt::format("without quotes YAML reads {} as the number {}", plain, reading.value);
    case ScalarKind::truth:
      return fmt::format("without quotes YAML reads {} as the truth value {}", plain, reading.value);
    case ScalarKind::date:
      return fmt::format("without quotes YAML reads {} as a date", plain);
    case ScalarKind::null:
    case ScalarKind::text:
      break;
  }
  return {};
}

/// Why a scalar is not what `value` wants, because of how it is written; empty where the way of writing is
/// right.
std::string wrongly_written(const Scalar& value, const YamlSource& node) {
  const std::string trap = node.plain ? scalar_trap(node.text) : std::string();
  switch (value.kind) {
    case Scalar::Kind::text: {
      const std::string other = node.plain ? other_reading(node.text) : std::string();
      const bool number =
          value.bare_number && trap.empty() && read_yaml_1_2(node.text).kind == ScalarKind::integer;
      return other.empty() || number ? "" : fmt::format("{}: write {}", other, quoted(node.text));
    }
    case Scalar::Kind::truth: {
      const ScalarReading old = read_yaml_1_1(node.text);
      if (old.kind != ScalarKind::truth || (node.plain && trap.empty())) {
        return {};
      }
      return fmt::format("{}: write {} without quotes", node.plain ? trap : quoted(node.text) + " is a text",
                         old.value);
    }
    case Scalar::Kind::number:
      if (!node.plain && read_yaml_1_2(node.text).kind == ScalarKind::integer) {
        return fmt::format("{} is a text: write {} without quotes", quoted(node.text), node.text);
      }
      break;
    case Scalar::Kind::cpu:
    case Scalar::Kind::memory:
    case Scalar::Kind::duration:
      break;
  }
  return trap.empty() ? "" : fmt::format("{}: write {}", trap, value.expected);
}

/// The text that a scalar stands for: True and TRUE are true.
std::string canonical(const Scalar& value, const YamlSource& node) {
  return value.kind == Scalar::Kind::truth ? read_yaml_1_2(node.text).value : node.text;
}

/// Reads one mapping.
class Reader final : public FieldVisitor {
 public:
  Reader(const YamlSource& mapping, std::string path, int line, Reading& reading)
      : mapping_(mapping), path_(std::move(path)), line_(line), reading_(reading) {}

  void scalar(const Key& key, const Scalar& value) override {
    const YamlEntrySource* const entry = take(key, "give " + value.expected);
    if (entry == nullptr) {
      return;
    }
    const YamlSource& node = entry->value;
    if (node.kind != YamlSource::Kind::scalar) {
      fail(key.name, node.line, fmt::format("{} is not {}", what_it_is(node), value.expected));
    } else if (const std::string why = wrongly_written(value, node); !why.empty()) {
      fail(key.name, node.line, why);
    } else if (!value.assign(canonical(value, node))) {
      fail(key.name, node.line, fmt::format("{} is not {}", quoted(node.text), value.expected));
    }
  }

  void text_map(const Key& key, const TextMap& map) override {
    const YamlEntrySource* const entry = take(key, key.doc);
    if (entry == nullptr || !require(key, entry->value, YamlSource::Kind::map, "a mapping of texts")) {
      return;
    }
    for (const YamlEntrySource& label : entry->value.entries) {
      read_text(key, label, map);
    }
  }

  void section(const Key& key, const Inner& describe) override {
    const YamlEntrySource* const entry = take(key, key.doc);
    if (entry == nullptr || !require(key, entry->value, YamlSource::Kind::map, "a mapping of keys")) {
      return;
    }
    read_mapping(entry->value, field(key.name), entry->line, describe);
  }

  void list(const Key& key, const std::function<void()>& clear, const Inner& describe_next) override {
    const YamlEntrySource* const entry = take(key, key.doc);
    if (entry == nullptr || !require(key, entry->value, YamlSource::Kind::list, "a list")) {
      return;
    }
    clear();
    if (entry->value.items.empty()) {
      fail(key.name, entry->value.line, "is empty: give one item or more, or leave the key out");
    }
    for (std::size_t i = 0; i < entry->value.items.size(); ++i) {
      const YamlSource& item = entry->value.items[i];
      const std::string name = fmt::format("{}[{}]", key.name, i);
      reading_.lines[field(name)] = item.line;
      if (item.kind == YamlSource::Kind::map) {
        read_mapping(item, field(name), item.line, describe_next);
      } else {
        fail(name, item.line, fmt::format("{} is not a mapping of keys", what_it_is(item)));
      }
    }
  }

  void one_of(const std::vector<Alternative>& alternatives, const std::string& why) override {
    const Alternative* chosen = nullptr;
    for (const Alternative& alternative : alternatives) {
      const YamlEntrySource* const present = first_of(alternative.keys);
      if (present == nullptr) {
        continue;
      }
      if (chosen != nullptr) {
        exclude(*present, *first_of(chosen->keys), why);
      } else {
        chosen = &alternative;
      }
    }
    if (chosen == nullptr) {
      miss_all(alternatives);
      return;
    }
    for (const std::string& key : chosen->keys) {
      if (find(key) == nullptr) {
        fail(key, line_, fmt::format("is missing beside {}", first_of(chosen->keys)->key));
      }
    }
    for (const std::string& key : chosen->excludes) {
      if (const YamlEntrySource* const entry = find(key)) {
        exclude(*entry, *first_of(chosen->keys), why);
      }
    }
  }

  [[nodiscard]] bool given(const std::string& key) const override { return find(key) != nullptr; }

  /// Reports the keys that nobody asked for.
  void report_unknown() {
    for (const YamlEntrySource& entry : mapping_.entries) {
      if (std::find(known_.begin(), known_.end(), entry.key) == known_.end()) {
        fail(entry.key, entry.line, "is no key here" + advice(entry.key));
      }
    }
  }

 private:
  [[nodiscard]] std::string field(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

  void fail(const std::string& key, int line, std::string message) {
    reading_.fail(field(key), line, std::move(message));
  }

  [[nodiscard]] const YamlEntrySource* find(const std::string& key) const {
    const auto entry = std::find_if(mapping_.entries.begin(), mapping_.entries.end(),
                                    [&](const YamlEntrySource& e) { return e.key == key; });
    return entry == mapping_.entries.end() ? nullptr : &*entry;
  }

  [[nodiscard]] const YamlEntrySource* first_of(const std::vector<std::string>& keys) const {
    for (const std::string& key : keys) {
      if (const YamlEntrySource* const entry = find(key)) {
        return entry;
      }
    }
    return nullptr;
  }

  /// The entry of a key, which is known from now on; nullptr where there is no value, with a problem where
  /// there should be one.
  const YamlEntrySource* take(const Key& key, const std::string& cure) {
    known_.push_back(key.name);
    const YamlEntrySource* const entry = find(key.name);
    if (entry == nullptr) {
      if (key.presence == Key::Presence::required) {
        fail(key.name, line_, fmt::format("is missing: {}", cure));
      }
      return nullptr;
    }
    reading_.lines[field(key.name)] = entry->line;
    if (is_null(entry->value)) {
      fail(key.name, entry->line, "has no value: give one, or leave the key out");
      return nullptr;
    }
    return entry;
  }

  bool require(const Key& key, const YamlSource& node, YamlSource::Kind kind, const char* expected) {
    if (node.kind != kind) {
      fail(key.name, node.line, fmt::format("{} is not {}", what_it_is(node), expected));
    }
    return node.kind == kind;
  }

  void read_mapping(const YamlSource& mapping, const std::string& path, int line, const Inner& describe) {
    Reader inner(mapping, path, line, reading_);
    describe(inner);
    inner.report_unknown();
  }

  void read_text(const Key& key, const YamlEntrySource& label, const TextMap& map) {
    const std::string name = fmt::format("{}.{}", key.name, label.key);
    reading_.lines[field(name)] = label.line;
    if (!map.key_matches(label.key)) {
      fail(name, label.line, fmt::format("{} is not {}", quoted(label.key), map.expected_key));
    } else if (label.value.kind != YamlSource::Kind::scalar) {
      fail(name, label.line, fmt::format("{} is not {}", what_it_is(label.value), map.expected_value));
    } else if (const std::string other = label.value.plain ? other_reading(label.value.text) : "";
               !other.empty() || is_null(label.value)) {
      fail(name, label.line,
           is_null(label.value) ? "has no value: write \"\" for an empty one"
                                : fmt::format("{}: write {}", other, quoted(label.value.text)));
    } else if (!map.value_matches(label.value.text)) {
      fail(name, label.line, fmt::format("{} is not {}", quoted(label.value.text), map.expected_value));
    } else {
      map.values->emplace(label.key, label.value.text);
    }
  }

  void exclude(const YamlEntrySource& entry, const YamlEntrySource& other, const std::string& why) {
    fail(entry.key, entry.line,
         fmt::format("stands beside {} (line {}): {}; remove one", other.key, other.line, why));
    reading_.failed.insert(field(other.key));
  }

  void miss_all(const std::vector<Alternative>& alternatives) {
    std::vector<std::string> ways;
    for (const Alternative& alternative : alternatives) {
      ways.push_back(fmt::format("{}", fmt::join(alternative.keys, " and ")));
      for (const std::string& key : alternative.keys) {
        reading_.failed.insert(field(key));
      }
    }
    reading_.problems.push_back({Problem::Severity::error, path_,
                                 fmt::format("lacks one of these: {}", fmt::join(ways, ", or ")), line_});
  }

  /// What to do about an unknown key.
  [[nodiscard]] std::string advice(const std::string& key) const {
    if (const std::string near = suggestion(key, known_); !near.empty()) {
      return near;
    }
    for (const FieldRow& row : cluster_file_rows()) {
      const std::size_t dot = row.field.rfind('.');
      if (dot != std::string::npos && row.field.substr(dot + 1) == key) {
        return fmt::format(" (did you mean {}?)", row.field);
      }
    }
    return fmt::format(": {} has {}", path_.empty() ? "it" : path_, fmt::join(known_, ", "));
  }

  const YamlSource& mapping_;
  std::string path_;
  int line_;
  Reading& reading_;
  std::vector<std::string> known_;
};

}  // namespace

Reading read_cluster_file(const YamlSource& root, ClusterFile& cluster) {
  Reading reading;
  if (root.kind != YamlSource::Kind::map) {
    reading.fail("", root.line,
                 fmt::format("{} is not a mapping of keys, as a cluster file is", what_it_is(root)));
    return reading;
  }
  Reader reader(root, "", 1, reading);
  describe(reader, cluster);
  reader.report_unknown();
  return reading;
}

}  // namespace kexp::manifest
