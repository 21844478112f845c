#pragma once

/// The files of a dataset: samples/<metric> and series as CSV or Parquet, metadata.json (docs/results.md,
/// "metrics/").

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kexp/extractor/extractor.hpp"
#include "kexp/table/table.hpp"

#include "sample_store.hpp"
#include "series_plan.hpp"

namespace kexp::extractor {

struct SeriesStats {
  std::uint64_t samples = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

/// One metric in its file.
struct WrittenMetric {
  table::WrittenFile file;          ///< Empty path: the metric has no samples, and no file.
  std::vector<SeriesStats> series;  ///< As in the plan.
  std::int64_t histograms = 0;      ///< Points left out, since they hold a native histogram.
};

/// samples/<metric>.<format>; what a file system or a shell could take amiss is written as %XX.
[[nodiscard]] std::filesystem::path samples_file(const std::string& metric, const std::string& format);

/// `format` as in ExtractorOptions, here and below.
[[nodiscard]] WrittenMetric write_samples(const std::filesystem::path& folder, const std::string& format,
                                          const PlannedMetric& metric, const SampleStore& store);

/// Everything that was read, for what describes it.
struct Dataset {
  const ExtractorOptions& options;
  const prom::Window& window;
  const prom::Grid& grid;
  const std::vector<Server>& servers;
  const std::vector<PlannedMetric>& plan;
  const std::vector<WrittenMetric>& written;  ///< As the plan.
};

/// Writes the table of series and metadata.json; returns the totals.
[[nodiscard]] ExtractorResult describe(const std::filesystem::path& folder, const Dataset& dataset,
                                       WallTime now);

}  // namespace kexp::extractor
