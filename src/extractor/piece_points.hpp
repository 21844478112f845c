#pragma once

#include <chrono>
#include <map>
#include <vector>

#include "kexp/prom/client.hpp"

namespace kexp::extractor {

/// What range queries gave of a metric on a piece of the grid.
struct PiecePoints {
  std::map<std::size_t, std::vector<prom::Sample>> samples;  ///< By position in the metric; in order of time.
  std::int64_t histograms = 0;                               ///< Points that hold a native histogram.
};

/// Where in `piece` a series stops: the points before each stop that are up to `lookback` away, and one more.
/// Where the series was marked as ended, some of them may lie after that mark. All of `piece` where that is
/// most of it, or many stretches.
[[nodiscard]] std::vector<prom::Grid> stops_in(const PiecePoints& points, const prom::Grid& piece,
                                               std::chrono::milliseconds lookback);

/// Drops the points within `stretch` that `exact` does not have.
void keep_only(PiecePoints& points, const prom::Grid& stretch, const PiecePoints& exact);

}  // namespace kexp::extractor
