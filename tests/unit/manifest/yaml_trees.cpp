#include "yaml_trees.hpp"

#include <stdexcept>

#include <yaml-cpp/yaml.h>

#include "kexp/core/random.hpp"

#include "yaml_scalar.hpp"

namespace kexp::test {
namespace {

using manifest::ScalarKind;
using manifest::Yaml;

class TreeMaker {
 public:
  explicit TreeMaker(std::uint64_t seed) : random_(seed) {}

  Yaml node(int depth, bool comments) {
    const std::uint64_t choice = random_.below(depth <= 0 ? 4 : 8);
    if (choice < 2) {
      return string();
    }
    if (choice == 2) {
      return static_cast<std::int64_t>(random_.next()) >> random_.below(64);
    }
    if (choice == 3) {
      return random_.below(2) == 1;
    }
    const bool one_line = random_.below(5) == 0;
    Yaml result = choice < 6 ? list(depth, comments && !one_line) : map(depth, comments && !one_line);
    return one_line ? std::move(result).on_one_line() : result;
  }

  std::string comment() {
    static const std::vector<std::string> kComments = {"",           "",           "why",
                                                       "two\nlines", "a: b # - c", "\n\nblank lines\n"};
    return kComments[random_.below(kComments.size())];
  }

 private:
  Yaml list(int depth, bool comments) {
    Yaml result = Yaml::list();
    for (std::uint64_t left = random_.below(5); left > 0; --left) {
      result.push(node(depth - 1, comments));
    }
    return result;
  }

  Yaml map(int depth, bool comments) {
    Yaml result = Yaml::map();
    for (std::uint64_t left = random_.below(5); left > 0; --left) {
      const std::string key = string();
      if (result.find({key}) == nullptr) {
        result.set(key, node(depth - 1, comments), comments ? comment() : std::string());
      }
    }
    return result;
  }

  /// A nasty string as it is, with a character more, or several of them in a row.
  std::string string() {
    static const std::vector<std::string> kJoints = {"",     " ", "\n", ": ", " #", "\t",
                                                     "\n  ", "-", "\"", "'",  ",",  "]"};
    const std::vector<std::string>& strings = nasty_strings();
    std::string result = strings[random_.below(strings.size())];
    while (random_.below(3) == 0) {
      result += kJoints[random_.below(kJoints.size())] + strings[random_.below(strings.size())];
    }
    return result;
  }

  SplitMix64 random_;
};

Yaml from_scalar(const YAML::Node& node) {
  if (node.Tag() == "!") {  // quoted, or a block
    return node.Scalar();
  }
  const manifest::ScalarReading reading = manifest::read_yaml_1_2(node.Scalar());
  if (reading != manifest::read_yaml_1_1(node.Scalar())) {
    throw std::runtime_error("readers disagree on " + node.Scalar());
  }
  switch (reading.kind) {
    case ScalarKind::text:
      return node.Scalar();
    case ScalarKind::integer:
      return std::int64_t{std::stoll(reading.value)};
    case ScalarKind::truth:
      return reading.value == "true";
    case ScalarKind::real:
    case ScalarKind::null:
    case ScalarKind::date:
      break;
  }
  throw std::runtime_error("no manifest has a " + node.Scalar());
}

Yaml from_node(const YAML::Node& node) {
  if (node.IsSequence()) {
    Yaml result = Yaml::list();
    for (const YAML::Node& item : node) {
      result.push(from_node(item));
    }
    return result;
  }
  if (node.IsMap()) {
    Yaml result = Yaml::map();
    for (const auto& entry : node) {
      result.set(from_scalar(entry.first).text(), from_node(entry.second));
    }
    return result;
  }
  if (node.IsNull()) {
    throw std::runtime_error("a null");
  }
  return from_scalar(node);
}

}  // namespace

const std::vector<std::string>& nasty_strings() {
  static const std::vector<std::string> kStrings = {
      "",
      " ",
      "\n",
      "\t",
      "yes",
      "Yes",
      "NO",
      "no",
      "on",
      "Off",
      "y",
      "N",
      "true",
      "TRUE",
      "False",
      "null",
      "Null",
      "~",
      "0",
      "1",
      "-1",
      "+1",
      "007",
      "0123",
      "0o17",
      "0x1F",
      "0b101",
      "1_000",
      "1,000",
      "_1",
      "1__0",
      "1e3",
      "1E+3",
      "1.5",
      "1.",
      ".5",
      "-.5",
      ".inf",
      "-.INF",
      ".nan",
      "1.10",
      "12:30",
      "1:2:3",
      "190:20:30.15",
      "0:30",
      "22:22",
      "2026-11-22",
      "2026-11-22T10:00:00Z",
      "2026-1-2 3:04:05.6 -5",
      "1.2.3",
      "10.0.0.1",
      "10.0.0.0/8",
      "1.2.3.4:80",
      "<<",
      "=",
      "-",
      "--",
      "---",
      "...",
      "--- a",
      "- a",
      "-a",
      "? a",
      ":",
      "a:",
      ": a",
      "a: b",
      ":a",
      "#",
      "#a",
      "a #b",
      "a#b",
      "%a",
      "@a",
      "`a",
      "!a",
      "!!str a",
      "&a",
      "*a",
      "|",
      ">",
      "|-",
      "{",
      "}",
      "[",
      "]",
      "{a: b}",
      "[a]",
      ",",
      "'",
      "\"",
      "''",
      "\"a\"",
      "\\",
      "\\n",
      "a\\",
      "é",
      "ü b",
      "日本",
      "\xf0\x9f\x98\x80",
      "\xc2\x85",
      "\xe2\x80\xa8",
      "\xe2\x80\xa9",
      "\xc2\xa0",
      "\xef\xbb\xbf",
      "\xef\xbf\xbd",
      "\x01",
      "\x07",
      "\x1b[0m",
      "\x7f",
      std::string(1, '\0'),
      "\x04",
      "\r",
      "a\r\nb",
      " a",
      "a ",
      "\ta",
      "a\t",
      "a\n",
      "a\n\n",
      "\na",
      "a\nb",
      "a\nb\n",
      "a\n\nb\n",
      " a\nb\n",
      "a\n b\n",
      "a \nb\n",
      "a\n\tb\n",
      "a\n#b\n",
      "---\na\n",
      "#!/bin/sh\nset -eu\n",
      "a: b\nc: d\n",
      "a\n...\nb\n",
      "sum(rate(kepler_pod_cpu_joules_total{zone=\"package\"}[1m])) by (pod_name)",
      std::string(300, 'x'),
      "1Gi",
      "500m"};
  return kStrings;
}

manifest::YamlDocument random_yaml_document(std::uint64_t seed) {
  TreeMaker maker(seed);
  Yaml root = maker.node(5, true);
  return {std::move(root), maker.comment()};
}

std::vector<manifest::Yaml> read_back(const std::string& text) {
  std::vector<Yaml> documents;
  for (const YAML::Node& document : YAML::LoadAll(text)) {
    documents.push_back(from_node(document));
  }
  return documents;
}

}  // namespace kexp::test
