#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"

#include "yaml_source.hpp"

namespace kexp::manifest {

/// What reading found besides the values.
struct Reading {
  std::vector<Problem> problems;
  std::map<std::string, int> lines;  ///< Of every field that stands in the file.
  std::set<std::string> failed;      ///< Fields whose values are not known: wrong, or missing and needed.

  void fail(const std::string& field, int line, std::string message) {
    problems.push_back({Problem::Severity::error, field, std::move(message), line});
    failed.insert(field);
  }
};

/// Reads the fields of `root` into `cluster`, whose values are the defaults; goes on after a mistake.
[[nodiscard]] Reading read_cluster_file(const YamlSource& root, ClusterFile& cluster);

}  // namespace kexp::manifest
