#pragma once

/// For a Prometheus that no operator configures: what our objects tell the operator, as Prometheus' own
/// files.

#include "render/parts.hpp"

namespace kexp::manifest {

[[nodiscard]] RenderedFile plain_rules_file(const ClusterFile& cluster);
[[nodiscard]] RenderedFile plain_scrape_file(const ClusterFile& cluster);

}  // namespace kexp::manifest
