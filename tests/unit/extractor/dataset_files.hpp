#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace kexp::test {

/// A dataset in CSV, as `kexp extract` leaves it.
class DatasetFiles {
 public:
  /// The window, Unix ms.
  DatasetFiles(std::int64_t start_ms, std::int64_t end_ms) : start_ms_(start_ms), end_ms_(end_ms) {}

  using Samples = std::vector<std::pair<std::int64_t, double>>;  // Unix ms, value.

  /// Series are added metric by metric, in the order of names; `labels` is JSON. Returns the id.
  std::int64_t add(const std::string& metric, const std::string& type, const std::string& labels,
                   Samples samples, const std::string& source = "http://p");
  /// Native histograms; what they have counted and the sum of it is all that they have.
  struct HistogramRow {
    std::int64_t ts_ms;
    double count, sum;
  };
  void add_histograms(const std::string& metric, const std::string& labels, std::vector<HistogramRow> rows,
                      const std::string& source = "http://p");
  void end(std::int64_t id, std::int64_t ts_ms) { ends_.emplace_back(id, ts_ms); }

  void write(const std::filesystem::path& folder) const;

 private:
  struct Series {
    std::string metric, type, labels, source;
    Samples samples;
    std::vector<HistogramRow> histograms;
  };

  std::int64_t start_ms_, end_ms_;
  std::vector<Series> series_;
  std::vector<std::pair<std::int64_t, std::int64_t>> ends_;
};

}  // namespace kexp::test
