#pragma once

/// A small cluster, and finding a file among those that are rendered.

#include <algorithm>
#include <string>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/render.hpp"

namespace kexp::test {

inline manifest::ClusterFile cluster_of_two_nodes() {
  manifest::ClusterFile cluster;
  cluster.nodes.master = {"master", "192.168.1.152", {}};
  cluster.nodes.workers = {{"worker1", "192.168.1.161", {}}};
  cluster.networks.lan = "192.168.1.0/24";
  return cluster;
}

inline std::string content_of(const std::vector<manifest::RenderedFile>& files, const std::string& path) {
  const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.path == path; });
  return file == files.end() ? "no file " + path : file->content;
}

inline std::vector<std::string> paths_of(const std::vector<manifest::RenderedFile>& files) {
  std::vector<std::string> paths;
  std::transform(files.begin(), files.end(), std::back_inserter(paths), [](const auto& f) { return f.path; });
  return paths;
}

}  // namespace kexp::test
