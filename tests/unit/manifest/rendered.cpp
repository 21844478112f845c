#include "rendered.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace kexp::test {

manifest::ClusterFile reference_cluster() {
  manifest::ClusterFile cluster;
  cluster.nodes.master = {"master", "192.168.1.152", {}};
  for (int worker = 1; worker <= 5; ++worker) {
    cluster.nodes.workers.push_back(
        {fmt::format("worker{}", worker), fmt::format("192.168.1.{}", 160 + worker), {}});
  }
  cluster.networks.lan = "192.168.1.0/24";
  return cluster;
}

manifest::ClusterFile existing_cluster() {
  manifest::ClusterFile cluster;
  cluster.existing = "lab";
  cluster.kafka.servers = "kafka-1.lab:9092,kafka-2.lab:9092";
  return cluster;
}

std::vector<std::string> Rendered::paths() const {
  std::vector<std::string> paths;
  for (const manifest::RenderedFile& file : files_) {
    paths.push_back(file.path);
  }
  return paths;
}

const manifest::RenderedFile& Rendered::file(const std::string& path) const {
  const auto found =
      std::find_if(files_.begin(), files_.end(), [&](const auto& file) { return file.path == path; });
  return found == files_.end() ? throw std::out_of_range(path + " is not rendered") : *found;
}

std::vector<YAML::Node> Rendered::documents(const std::string& path) const {
  return YAML::LoadAll(file(path).content);
}

std::vector<YAML::Node> Rendered::objects(const std::string& kind) const {
  std::vector<YAML::Node> found;
  for (const manifest::RenderedFile& file : files_) {
    if (!file.path.ends_with(".yaml")) {
      continue;
    }
    for (const YAML::Node& document : YAML::LoadAll(file.content)) {
      if (document["kind"] && document["kind"].as<std::string>() == kind) {
        found.push_back(document);
      }
    }
  }
  return found;
}

YAML::Node Rendered::object(const std::string& kind) const {
  const std::vector<YAML::Node> found = objects(kind);
  return found.size() == 1
             ? found[0]
             : throw std::out_of_range(fmt::format("{} objects of kind {}", found.size(), kind));
}

std::map<std::string, std::string> strings(const YAML::Node& mapping) {
  std::map<std::string, std::string> result;
  for (const auto& entry : mapping) {
    result[entry.first.as<std::string>()] = entry.second.as<std::string>();
  }
  return result;
}

}  // namespace kexp::test
