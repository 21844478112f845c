#pragma once

#include <cstdint>
#include <string>

#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/yaml.hpp"

namespace kexp::test {

/// A cluster without errors: every field takes values from its whole range, names that YAML would turn into
/// something else among them. The same seed gives the same.
[[nodiscard]] manifest::ClusterFile random_cluster(std::uint64_t seed);

/// Every field of a cluster, in the order of its file; what is empty by default is left out where it is.
[[nodiscard]] manifest::Yaml cluster_yaml(const manifest::ClusterFile& cluster);

/// A file of `cluster_yaml(cluster)` without some of the fields that have their defaults, in mixed styles and
/// with comments.
[[nodiscard]] std::string cluster_text(const manifest::ClusterFile& cluster, std::uint64_t seed);

}  // namespace kexp::test
