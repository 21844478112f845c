#pragma once

/// Samples of one series on a grid of times, for tables with a row a time. NaN stands for no value.

#include <cstdint>
#include <span>
#include <vector>

#include "kexp/prom/grid.hpp"

#include "dataset_reader.hpp"

namespace kexp::extractor {

/// How far apart the samples of a series usually are: the median; a minute where there are fewer than two.
[[nodiscard]] std::int64_t usual_interval_ms(std::span<const prom::Sample> samples);

/// At each point the newest sample up to it, when that is not older than 1.5 usual intervals and the series
/// was not marked as ended since.
[[nodiscard]] std::vector<double> last_on_grid(const SeriesData& data, const prom::Grid& grid);

/// At each point how much a counter grew in a second: from the newest sample up to a step before, or the last
/// one before the newest, to the newest sample up to the point. After a reset it counts from 0 again. No
/// value where last_on_grid has none, or nothing before it within 1.5 usual intervals and a step.
[[nodiscard]] std::vector<double> rate_on_grid(const SeriesData& data, const prom::Grid& grid);

}  // namespace kexp::extractor
