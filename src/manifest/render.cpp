#include "kexp/manifest/render.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "kexp/core/file.hpp"

#include "folder.hpp"
#include "render/parts.hpp"
#include "render/upstream.hpp"

namespace kexp::manifest {
namespace {

constexpr std::array kParts = {render_upstream,   render_nodes,          render_kubeadm, render_network,
                               render_monitoring, render_metrics_server, render_kepler,  render_kafka,
                               render_consumers,  render_scaling};

/// Hashes that fetch.sh has written into the lock of `folder` outlive a rendering that does not know them.
void keep_resolved_hashes(Files& files, const std::filesystem::path& folder) {
  const std::filesystem::path present = folder / kUpstreamLock;
  if (!std::filesystem::is_regular_file(present)) {
    return;
  }
  for (RenderedFile& file : files) {
    if (file.path == kUpstreamLock) {
      file.content = keep_resolved(file.content, read_file(present));
    }
  }
}

void append(Files& files, Files more) {
  files.insert(files.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<RenderedFile> render(const ClusterFile& cluster) {
  Files files;
  for (const auto part : kParts) {
    append(files, part(cluster));
  }
  append(files, render_readme(cluster, files));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  const auto twice = std::adjacent_find(files.begin(), files.end(),
                                        [](const auto& a, const auto& b) { return a.path == b.path; });
  if (twice != files.end()) {
    throw std::logic_error(twice->path + " is rendered twice");
  }
  return files;
}

WrittenFolder write_folder(const ClusterFile& cluster, const std::filesystem::path& folder, Strange strange) {
  Files files = render(cluster);
  keep_resolved_hashes(files, folder);
  const Secrets secrets = kept_or_new_secrets(folder);
  Files kept;
  if (Files rendered = render_secrets(cluster, secrets); !rendered.empty()) {
    append(files, std::move(rendered));
    kept.push_back({kGrafanaPasswordFile, secrets.grafana_password + '\n', RenderedFile::Mode::secret});
  }
  return write_files(files, kept, folder, strange);
}

}  // namespace kexp::manifest
