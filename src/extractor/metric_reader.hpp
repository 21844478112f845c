#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "kexp/prom/grid.hpp"

#include "metric_writer.hpp"
#include "series_plan.hpp"

namespace kexp::extractor {

/// What every metric is read by.
struct Reading {
  const std::vector<Server>& servers;
  const std::vector<prom::Selector>& selectors;
  const prom::Window& window;   ///< Of servers that are read by remote read.
  const prom::Grid& grid;       ///< Of the others.
  std::int64_t most_points;     ///< Of one range query.
  std::filesystem::path spool;  ///< Folder for what has to be set in order.
};

/// Reads a metric from all servers and writes it.
///
/// Remote read hands over series after series in the order of the files: they are written as they come. What
/// comes in another order, and what comes from further servers or by range queries, is set in order by a
/// SampleStore first.
/// Errors: as prom::Client and MetricWriter; FailedError when a server returns a series that it did not list
/// before.
[[nodiscard]] WrittenMetric read_metric(const Reading& reading, const PlannedMetric& metric,
                                        MetricWriter& writer, const std::stop_token& stop);

}  // namespace kexp::extractor
