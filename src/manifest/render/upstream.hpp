#pragma once

/// What a cluster takes from others: named with URL and SHA-256, fetched by 00-upstream/fetch.sh, never
/// copied.

#include <string>
#include <string_view>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"

namespace kexp::manifest {

inline constexpr const char* kUpstreamLock = "upstream.lock";

/// One download.
struct Bundle {
  std::string name;
  std::string version;
  std::string url;
  std::string sha256;  ///< Empty: nobody has read it yet; written as `unresolved`, which fetch.sh refuses.
  std::string file;    ///< Where it goes, below upstream/; ending with '/': the archive's manifests go there.
  std::string without;  ///< Of an archive: patterns of manifests that are left out, spaces between them.
  std::string used_by;  ///< Folder of the rendering that needs it.
};

[[nodiscard]] std::vector<Bundle> bundles(const ClusterFile& cluster);

/// `rendered`, the text of an upstream.lock, with the hashes that `fetch.sh --resolve` has written into
/// `present`, an earlier one: for the same URLs, and only where `rendered` has none.
[[nodiscard]] std::string keep_resolved(std::string_view rendered, std::string_view present);

}  // namespace kexp::manifest
