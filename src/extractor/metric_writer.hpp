#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kexp/table/table.hpp"

#include "series_plan.hpp"
#include "series_rows.hpp"

namespace kexp::extractor {

struct SeriesStats {
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::int64_t first_ms = 0;  ///< Of samples and histograms.
  std::int64_t last_ms = 0;

  [[nodiscard]] bool empty() const { return samples == 0 && histograms == 0; }
};

struct SeriesEnd {
  std::size_t series = 0;  ///< In the plan of the metric.
  std::int64_t ts_ms = 0;
};

/// A file of the dataset.
struct DatasetFile {
  std::string name;  ///< Within the dataset.
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::string sha256;
};

/// One metric in its files.
struct WrittenMetric {
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::vector<DatasetFile> files;   ///< None: the metric has nothing in the window.
  std::vector<SeriesStats> series;  ///< As in the plan.
  std::vector<SeriesEnd> ends;      ///< Of series that have a sample or a histogram.
  std::int64_t left_out = 0;        ///< Points that held a native histogram instead of a number.

  /// Counts rows that were written of one series.
  void count(std::size_t number, const SeriesRows& rows);
};

/// A metric's name in that of a file: what a file system or a shell could take amiss is written as %XX.
[[nodiscard]] std::string file_name(const std::string& metric);
/// <table>/<metric>.<format>
[[nodiscard]] std::string metric_file(const std::string& table, const std::string& metric,
                                      const std::string& format);

/// A CSV or Parquet file, as `format` says.
[[nodiscard]] std::unique_ptr<table::Writer> make_writer(const std::filesystem::path& file,
                                                         const table::Schema& schema,
                                                         const std::string& format);

/// Takes one metric, series after series as the plan has them. Errors: FailedError naming the file. Threads:
/// one at a time per object.
class MetricWriter {
 public:
  virtual ~MetricWriter() = default;

  /// Rows of one series, or more of the one before. Requires: none of a later series were added.
  virtual void add(std::size_t series, const SeriesRows& rows) = 0;
  /// Forgets everything.
  virtual void restart() = 0;
  /// Call it once, at the end.
  [[nodiscard]] virtual WrittenMetric finish() = 0;
};

/// Writes samples/<metric> and histograms/<metric>, row by row as they come. Each file appears when it is
/// finished. Memory: what a table::Writer takes.
class TableWriter final : public MetricWriter {
 public:
  /// `metric` outlives the writer.
  TableWriter(std::filesystem::path folder, std::string format, const PlannedMetric& metric);

  void add(std::size_t series, const SeriesRows& rows) override;
  void restart() override;
  [[nodiscard]] WrittenMetric finish() override;

 private:
  /// A file that is begun with its first row.
  struct Output {
    const table::Schema& schema;
    std::string file;
    table::Batch batch;
    std::unique_ptr<table::Writer> writer;
  };

  void add_samples(std::size_t series, const SeriesRows& rows);
  void add_histograms(std::size_t series, std::span<const prom::Histogram> histograms);
  void write(Output& output);
  void finish(Output& output);

  const std::filesystem::path folder_;
  const std::string format_;
  const PlannedMetric& metric_;
  Output samples_, histograms_;
  WrittenMetric written_;
};

}  // namespace kexp::extractor
