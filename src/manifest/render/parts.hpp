#pragma once

/// The parts of a rendering, each a pure function; render.cpp joins and sorts them.

#include <string>
#include <string_view>
#include <vector>

#include "kexp/manifest/render.hpp"

namespace kexp::manifest {

using Files = std::vector<RenderedFile>;

/// A file of one or more YAML documents that begins with `head` as comment.
[[nodiscard]] RenderedFile yaml_file(std::string path, std::string head,
                                     const std::vector<YamlDocument>& documents);

/// The script src/manifest/scripts/<name>, which anybody may run, as `folder`/<name>.
[[nodiscard]] RenderedFile script_file(const std::string& folder, const std::string& name);

/// One variable of a file of settings; the comment stands above it, after an empty line.
struct Setting {
  std::string name;
  std::string value;
  std::string comment = {};
};
/// Settings that a script reads by `.`: one NAME=value a line, values quoted, `head` as comment.
[[nodiscard]] RenderedFile env_file(std::string path, const std::string& head,
                                    const std::vector<Setting>& settings);

/// `text` as one word of a POSIX shell: as it is where that is safe, otherwise between single quotes.
[[nodiscard]] std::string shell_quote(std::string_view text);

/// Lines of `text` as comment lines, each begun with `# `; empty for no text.
[[nodiscard]] std::string comment_lines(std::string_view text);

/// How long a scrape may take: below its interval, or Prometheus refuses the configuration. 1 s gives
/// "900ms", 5 s gives "4s".
[[nodiscard]] std::string scrape_timeout(Seconds interval);

[[nodiscard]] Files render_upstream(const ClusterFile& cluster);        // upstream.lock, 00-upstream/
[[nodiscard]] Files render_nodes(const ClusterFile& cluster);           // 10-nodes/
[[nodiscard]] Files render_kubeadm(const ClusterFile& cluster);         // 20-kubeadm/
[[nodiscard]] Files render_network(const ClusterFile& cluster);         // 30-network/
[[nodiscard]] Files render_monitoring(const ClusterFile& cluster);      // 40-monitoring/
[[nodiscard]] Files render_metrics_server(const ClusterFile& cluster);  // 50-metrics-server/
[[nodiscard]] Files render_kepler(const ClusterFile& cluster);          // 60-kepler/
[[nodiscard]] Files render_kafka(const ClusterFile& cluster);           // 70-kafka/
[[nodiscard]] Files render_consumers(const ClusterFile& cluster);       // 80-consumers/
[[nodiscard]] Files render_scaling(const ClusterFile& cluster);         // 90-scaling/

/// README.md, which says how `files`, all the other parts, are applied; .gitignore.
[[nodiscard]] Files render_readme(const ClusterFile& cluster, const Files& files);

/// Role and RoleBinding that let Prometheus find targets in a namespace; without them targets are silently
/// absent.
[[nodiscard]] std::vector<YamlDocument> prometheus_role(const ClusterFile& cluster,
                                                        const std::string& namespace_name);

}  // namespace kexp::manifest
