#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "metric_writer.hpp"
#include "series_plan.hpp"

namespace kexp::extractor {

/// Those of several selectors of which no series has anything in the dataset, as they were given: a typing
/// error beside a selector that has would show nowhere else. Errors: as prom::Client.
[[nodiscard]] std::vector<std::string> unmatched_selectors(const std::vector<Server>& servers,
                                                           const std::vector<prom::Selector>& selectors,
                                                           const prom::Window& window,
                                                           const std::vector<PlannedMetric>& plan,
                                                           const std::vector<WrittenMetric>& written,
                                                           const std::stop_token& stop);

}  // namespace kexp::extractor
