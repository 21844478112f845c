#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "kexp/core/file.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/core/log.hpp"

#include "metric_writer.hpp"

namespace kexp::extractor {

/// What an extraction has finished, written down beside its dataset: after a kill -9 at any moment the next
/// one goes on from there.
///
/// JSON lines: the first says what is extracted, each other is a metric, added when its files are whole. A
/// line that was torn is none. Errors: FailedError naming the file. Threads: any.
class Journal {
 public:
  /// Takes over from `file` what an extraction of the same `identity` has finished, as far as its files in
  /// `folder` are still those that it wrote.
  Journal(std::filesystem::path file, std::filesystem::path folder, const Json& identity, Log& log);

  /// The metric, if it is finished.
  [[nodiscard]] const WrittenMetric* find(const std::string& metric) const;
  void add(const std::string& metric, const WrittenMetric& written);

  /// Of all finished metrics.
  [[nodiscard]] std::set<std::string> files() const;
  [[nodiscard]] std::size_t metrics() const;

 private:
  void take_over(const std::string& text, const std::string& head, Log& log);
  [[nodiscard]] bool is_intact(const WrittenMetric& written) const;

  const std::filesystem::path file_;
  const std::filesystem::path folder_;
  std::optional<AppendFile> lines_;
  mutable std::mutex mutex_;
  std::map<std::string, WrittenMetric> finished_;  // Guarded by mutex_; what is in it stays as it is.
};

}  // namespace kexp::extractor
