#pragma once

/// What describes a dataset: the tables of series and of their ends, metadata.json (docs/results.md,
/// "metrics/").

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kexp/core/json_fwd.hpp"
#include "kexp/extractor/extractor.hpp"

#include "metric_writer.hpp"
#include "series_plan.hpp"

namespace kexp::extractor {

/// The format of answers to range queries as JSON files.
inline constexpr const char* kLegacy = "legacy";

/// What describes a dataset; hidden in the legacy format, whose readers take every name in the folder for a
/// metric.
[[nodiscard]] std::string metadata_file(const std::string& format);

/// What a server adds to every series on the way out; null where it does not tell.
[[nodiscard]] Json external_labels_json(const Server& server);

/// Everything that was read, for what describes it.
struct Dataset {
  const ExtractorOptions& options;
  const prom::Window& window;
  const prom::Grid& grid;
  const std::vector<Server>& servers;
  const std::vector<PlannedMetric>& plan;
  const std::vector<WrittenMetric>& written;  ///< As the plan.
  const std::vector<std::string>& unmatched;  ///< Selectors that nothing is of.
  const std::optional<std::vector<CountDifference>>& differences;
};

/// Writes the tables of series and ends, and metadata.json; returns the totals. The same samples give the
/// same bytes.
[[nodiscard]] ExtractorResult describe(const std::filesystem::path& folder, const Dataset& dataset);
/// What `describe` returned for the dataset in `folder`, to the millisecond. Errors: FailedError naming the
/// file.
[[nodiscard]] ExtractorResult read_description(const std::filesystem::path& folder,
                                               const std::string& format);

}  // namespace kexp::extractor
