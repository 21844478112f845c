#pragma once

/// A cluster file as a folder: scripts, configurations and Kubernetes objects, in the order of their names.
/// Pure: the same file gives the same bytes; only secrets are random, and they are kept.

#include <filesystem>
#include <string>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"
#include "kexp/manifest/yaml.hpp"

namespace kexp::manifest {

struct RenderedFile {
  enum class Mode { plain, script, secret };  ///< 0644, 0755, 0600.
  std::string path;                           ///< Relative, '/' between names.
  std::string content;
  Mode mode = Mode::plain;
};

/// Everything but secrets, sorted by path. `cluster` passed `check`.
[[nodiscard]] std::vector<RenderedFile> render(const ClusterFile& cluster);

/// A password that Kubernetes holds, made once for a folder.
struct Secrets {
  std::string grafana_password;
};
[[nodiscard]] std::vector<RenderedFile> render_secrets(const ClusterFile& cluster, const Secrets& secrets);

/// What `write_folder` did.
struct WrittenFolder {
  std::size_t written = 0;  ///< New or changed.
  std::size_t unchanged = 0;
  std::vector<std::string> removed;  ///< Of an earlier rendering, no longer part of it.
  std::vector<std::string> foreign;  ///< Manifests beside ours that `kubectl apply -f FOLDER` takes, too.
};

/// What becomes of files under our names that are not as we left them: edited, or never ours.
enum class Strange { refuse, replace };

/// Brings `folder` to the rendering of `cluster`: files are replaced one by one and atomically, files of an
/// earlier rendering that are no longer part of it are removed, secrets that are there are kept, anything
/// else is left alone.
///
/// What is ours stands in `folder`/.kexp-rendered (secrets: in secrets/.kexp-rendered), with each file's
/// SHA-256.
/// Errors: UsageError where `folder` is no folder, cannot be made, or holds strange files, which are all
/// named; nothing was written then. FailedError naming the file that cannot be written.
WrittenFolder write_folder(const ClusterFile& cluster, const std::filesystem::path& folder,
                           Strange strange = Strange::refuse);

}  // namespace kexp::manifest
