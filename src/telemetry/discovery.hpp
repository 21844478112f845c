#pragma once

#include <filesystem>
#include <string>

namespace kexp::telemetry {

/// This process's entry for Prometheus' file discovery: `<folder>/<pid>.json`, there while the object lives.
class DiscoveryFile {
 public:
  /// Removes what dead processes left in `folder`, which is made when it is missing, and writes the entry.
  /// `target` is host:port. Errors: UsageError naming KEXP_SD_DIR.
  DiscoveryFile(const std::filesystem::path& folder, const std::string& target, const std::string& role);
  DiscoveryFile(const DiscoveryFile&) = delete;
  DiscoveryFile& operator=(const DiscoveryFile&) = delete;
  ~DiscoveryFile();

 private:
  std::filesystem::path file_;
};

}  // namespace kexp::telemetry
