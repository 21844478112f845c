#pragma once

/// What is wrong with a cluster file across its fields.

#include <string>
#include <vector>

#include "kexp/manifest/cluster_file.hpp"

namespace kexp::manifest {

/// A problem and the fields whose values it compares: where one of them could not be read, nothing is known
/// about the problem.
struct Finding {
  Problem problem;
  std::vector<std::string> about;  ///< Without problem.field.
};

/// Collects findings.
class Findings {
 public:
  void error(std::string field, std::vector<std::string> about, std::string message) {
    add(Problem::Severity::error, std::move(field), std::move(about), std::move(message));
  }
  void warning(std::string field, std::vector<std::string> about, std::string message) {
    add(Problem::Severity::warning, std::move(field), std::move(about), std::move(message));
  }
  [[nodiscard]] const std::vector<Finding>& all() const { return all_; }

 private:
  void add(Problem::Severity severity, std::string field, std::vector<std::string> about,
           std::string message) {
    all_.push_back({{severity, std::move(field), std::move(message), 0}, std::move(about)});
  }

  std::vector<Finding> all_;
};

void check_networks(const ClusterFile& cluster, Findings& findings);
void check_existing(const ClusterFile& cluster, Findings& findings);
void check_versions(const ClusterFile& cluster, Findings& findings);
void check_monitoring(const ClusterFile& cluster, Findings& findings);
void check_kafka(const ClusterFile& cluster, Findings& findings);
void check_ports(const ClusterFile& cluster, Findings& findings);
void check_consumers(const ClusterFile& cluster, Findings& findings);
void check_resources(const ClusterFile& cluster, Findings& findings);
void check_scaler(const ClusterFile& cluster, Findings& findings);

/// All of them.
[[nodiscard]] std::vector<Finding> find_problems(const ClusterFile& cluster);

}  // namespace kexp::manifest
