#pragma once

/// A finished dataset (docs/results.md, "metrics/"), read back: the list of series at once, the samples of
/// one series at a time.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kexp/prom/client.hpp"

namespace kexp::extractor {

struct DatasetSeries {
  std::int64_t id = 0;
  std::string source;
  std::string metric;
  std::string type;
  std::string labels;  ///< As JSON, without the name.
};

[[nodiscard]] prom::Labels labels_of(const DatasetSeries& series);

/// Whether the values only grow, but for resets: a counter, or such a part of a histogram or summary. Where
/// nobody said the type, the ending of the name tells.
[[nodiscard]] bool is_counter(const DatasetSeries& series);

/// How much a counter grew from one sample to the next: after a reset it began at 0.
[[nodiscard]] inline double growth(double before, double value) {
  return value < before ? value : value - before;
}

/// Samples in the order of time, and when the series was marked as ended.
struct SeriesData {
  const DatasetSeries& series;
  std::span<const prom::Sample> samples;
  std::span<const std::int64_t> ends_ms;
};

/// Errors: FailedError naming the file. Threads: any, each `read` for itself.
class DatasetReader {
 public:
  /// `folder` is a dataset. Errors: UsageError naming the folder when it is none; UsageError when it is
  /// Parquet and this build has none.
  explicit DatasetReader(std::filesystem::path folder);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::int64_t start_ms() const { return start_ms_; }
  [[nodiscard]] std::int64_t end_ms() const { return end_ms_; }
  /// In the order of their names.
  [[nodiscard]] const std::vector<std::string>& metrics() const { return metrics_; }
  [[nodiscard]] bool has(const std::string& metric) const;
  /// Metrics that have native histograms, likewise; they may have samples, too.
  [[nodiscard]] const std::vector<std::string>& histograms() const { return histograms_; }
  /// In the order of the ids.
  [[nodiscard]] std::span<const DatasetSeries> series_of(const std::string& metric) const;

  /// Hands every series of `metric` that has samples to `take`, in the order of the ids. Memory: one series.
  void read(const std::string& metric, const std::function<void(const SeriesData&)>& take) const;
  /// The same of the native histograms of `metric`: how much each has counted, or the sum of it.
  enum class Part { count, sum };
  void read_histograms(const std::string& metric, Part part,
                       const std::function<void(const SeriesData&)>& take) const;

 private:
  struct Range {
    std::size_t first = 0, count = 0;   ///< In series_.
    std::string file, histograms_file;  ///< Empty where there is none.
  };

  void read_metadata();
  void read_series();
  void read_ends();
  void read_column(const std::string& metric, const std::string& file, const char* column,
                   const std::function<void(const SeriesData&)>& take) const;

  std::filesystem::path folder_;
  std::string format_;
  std::int64_t start_ms_ = 0, end_ms_ = 0;
  std::vector<std::string> metrics_, histograms_;
  std::vector<DatasetSeries> series_;
  std::map<std::string, Range> by_metric_;
  std::map<std::int64_t, std::vector<std::int64_t>> ends_ms_;  ///< By id.
};

}  // namespace kexp::extractor
