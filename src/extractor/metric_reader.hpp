#pragma once

#include <stop_token>
#include <vector>

#include "kexp/prom/client.hpp"

#include "sample_store.hpp"
#include "series_plan.hpp"

namespace kexp::extractor {

/// Reads the samples of a metric's series from all servers into `store`, whose series are those of
/// `metric.series`. Returns how many points held a native histogram, which is no number and is left out.
///
/// Errors: as prom::Client; FailedError when a server returns a series that it did not list before.
[[nodiscard]] std::int64_t read_metric(const PlannedMetric& metric, const std::vector<Server>& servers,
                                       const std::vector<prom::Selector>& selectors, const prom::Grid& grid,
                                       SampleStore& store, const std::stop_token& stop);

}  // namespace kexp::extractor
