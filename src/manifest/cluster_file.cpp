#include "kexp/manifest/cluster_file.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "cluster_file_check.hpp"
#include "cluster_file_reader.hpp"
#include "yaml_source.hpp"

namespace kexp::manifest {
namespace {

/// Whether one of the fields is the other or inside it.
bool are_related(const std::string& one, const std::string& other) {
  const auto is_inside = [](const std::string& inner, const std::string& outer) {
    return inner.starts_with(outer) && (outer.empty() || inner.size() == outer.size() ||
                                        inner[outer.size()] == '.' || inner[outer.size()] == '[');
  };
  return is_inside(one, other) || is_inside(other, one);
}

/// Whether every value that a finding is about could be read.
bool is_known(const Finding& finding, const Reading& reading) {
  const auto failed = [&](const std::string& field) {
    return std::any_of(reading.failed.begin(), reading.failed.end(),
                       [&](const std::string& name) { return are_related(name, field); });
  };
  return !failed(finding.problem.field) && std::none_of(finding.about.begin(), finding.about.end(), failed);
}

/// The line of a field; 0 where it does not stand in the file.
int line_of(const std::string& field, const Reading& reading) {
  const auto at = reading.lines.find(field);
  return at == reading.lines.end() ? 0 : at->second;
}

/// Where to look: at the field, at what it disagrees with, or at the nearest section around it.
int line_of(const Finding& finding, const Reading& reading) {
  int line = line_of(finding.problem.field, reading);
  for (const std::string& other : finding.about) {
    line = line != 0 ? line : line_of(other, reading);
  }
  for (std::string around = finding.problem.field; line == 0 && around.find('.') != std::string::npos;) {
    around.resize(around.rfind('.'));
    line = line_of(around, reading);
  }
  return line;
}

/// Keys that stand in the file and do nothing, because of another.
struct Unused {
  bool (*because)(const ClusterFile&);
  const char* why;
  std::vector<std::string> fields;
};

const std::vector<Unused>& unused_fields() {
  static const std::vector<Unused> kUnused = {
      {[](const ClusterFile& c) { return !c.existing.empty(); },
       "with existing: that cluster has its own",
       {"access", "versions.kubernetes", "versions.containerd", "versions.calico",
        "versions.metrics_server"}},
      {[](const ClusterFile& c) { return !c.kafka.servers.empty(); },
       "with kafka.servers: no broker of ours runs",
       {"kafka.port", "kafka.jmx_port", "kafka.exporter_port", "kafka.heap", "versions.kafka",
        "versions.kafka_exporter", "versions.jmx_exporter"}},
      {[](const ClusterFile& c) { return !c.monitoring.prometheus.empty(); },
       "with monitoring.prometheus: no Prometheus of ours runs",
       {"monitoring.retention", "monitoring.storage", "monitoring.storage_path", "monitoring.grafana",
        "versions.kube_prometheus"}},
      {[](const ClusterFile& c) { return !c.kepler.enabled; },
       "while kepler.enabled is false",
       {"kepler.interval", "kepler.privileged", "versions.kepler"}},
      {[](const ClusterFile& c) { return c.scaler.min_pods > 0; },
       "while scaler.min_pods is above 0: the HPA looks every 15s",
       {"scaler.keda.polling_interval"}},
  };
  return kUnused;
}

void warn_of_unused(const ClusterFile& cluster, Reading& reading) {
  for (const Unused& unused : unused_fields()) {
    for (const std::string& field : unused.fields) {
      if (const int line = line_of(field, reading); line != 0 && unused.because(cluster)) {
        reading.problems.push_back(
            {Problem::Severity::warning, field, fmt::format("does nothing {}; remove it", unused.why), line});
      }
    }
  }
}

void add_findings(const ClusterFile& cluster, Reading& reading) {
  for (const Finding& finding : find_problems(cluster)) {
    if (is_known(finding, reading)) {
      reading.problems.push_back(finding.problem);
      reading.problems.back().line = line_of(finding, reading);
    }
  }
}

}  // namespace

LoadedClusterFile parse_cluster_file(const std::string& text, const std::string& name) {
  LoadedClusterFile loaded;
  Reading reading = read_cluster_file(read_yaml_source(text, name), loaded.cluster);
  add_findings(loaded.cluster, reading);
  warn_of_unused(loaded.cluster, reading);
  std::stable_sort(reading.problems.begin(), reading.problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  std::vector<std::string> errors;
  for (Problem& problem : reading.problems) {
    if (problem.severity == Problem::Severity::error) {
      errors.push_back(to_text(problem, name));
    } else {
      loaded.warnings.push_back(std::move(problem));
    }
  }
  if (!errors.empty()) {
    throw UsageError(fmt::format("{}", fmt::join(errors, "\n")));
  }
  return loaded;
}

LoadedClusterFile load_cluster_file(const std::filesystem::path& file) {
  std::string text;
  try {
    text = read_file(file);
  } catch (const FailedError& error) {
    throw UsageError(error.what());  // the user's mistake: nothing was started
  }
  return parse_cluster_file(text, file.string());
}

std::string to_text(const Problem& problem, const std::string& file) {
  return fmt::format("{}:{} {}{}{}", file, problem.line == 0 ? "" : fmt::format("{}:", problem.line),
                     problem.field, problem.field.empty() ? "" : ": ", problem.message);
}

}  // namespace kexp::manifest
