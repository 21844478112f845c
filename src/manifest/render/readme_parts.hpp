#pragma once

/// The steps of a folder's README: what each of its parts is, and how it is applied by hand.

#include <string>
#include <vector>

#include "render/parts.hpp"

namespace kexp::manifest {

/// A part of the folder, as far as this cluster has it.
struct ReadmePart {
  std::string folder;
  std::string what;
  std::string where;
  std::string step;  ///< Markdown: what it needs, the commands, how to see that it worked.
};

/// Those that `files`, the rendering, has a folder for; in the order in which they are applied.
[[nodiscard]] std::vector<ReadmePart> readme_parts(const ClusterFile& cluster, const Files& files);

/// `commands`, a line each, as a block of Markdown.
[[nodiscard]] std::string shell_block(const std::string& commands);

/// Addresses of the workers, spaces between them.
[[nodiscard]] std::string worker_addresses(const ClusterFile& cluster);

/// Whether `kubectl apply -f 40-monitoring` finds a file: without the operator there may be none.
[[nodiscard]] bool has_monitoring_objects(const Files& files);

}  // namespace kexp::manifest
