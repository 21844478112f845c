#pragma once

/// The files of a rendering read back, for tests of what stands in them.

#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "render/parts.hpp"

namespace kexp::test {

/// A master and five workers, everything else as the defaults are.
[[nodiscard]] manifest::ClusterFile reference_cluster();
/// A cluster that is there, with a Kafka that is there.
[[nodiscard]] manifest::ClusterFile existing_cluster();

class Rendered {
 public:
  explicit Rendered(manifest::Files files) : files_(std::move(files)) {}

  [[nodiscard]] std::vector<std::string> paths() const;
  /// The text of a file; a path that is not there is a std::out_of_range.
  [[nodiscard]] const manifest::RenderedFile& file(const std::string& path) const;
  [[nodiscard]] std::vector<YAML::Node> documents(const std::string& path) const;
  /// All objects of Kubernetes of that kind.
  [[nodiscard]] std::vector<YAML::Node> objects(const std::string& kind) const;
  /// The only one of its kind; none or several are a std::out_of_range.
  [[nodiscard]] YAML::Node object(const std::string& kind) const;

 private:
  manifest::Files files_;
};

/// A mapping of strings, sorted by key.
[[nodiscard]] std::map<std::string, std::string> strings(const YAML::Node& mapping);

}  // namespace kexp::test
