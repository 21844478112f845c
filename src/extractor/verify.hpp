#pragma once

#include <stop_token>
#include <vector>

#include "kexp/extractor/extractor.hpp"

#include "metric_writer.hpp"
#include "series_plan.hpp"

namespace kexp::extractor {

/// Lets every server count what it has of each metric in the window, and returns where that is not what was
/// written of it. Requires: all servers were read by remote read. Errors: as prom::Client.
[[nodiscard]] std::vector<CountDifference> count_differences(const std::vector<Server>& servers,
                                                             const std::vector<prom::Selector>& selectors,
                                                             const prom::Window& window,
                                                             const std::vector<PlannedMetric>& plan,
                                                             const std::vector<WrittenMetric>& written,
                                                             int connections, const std::stop_token& stop);

}  // namespace kexp::extractor
