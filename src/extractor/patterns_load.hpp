#pragma once

#include <chrono>
#include <filesystem>
#include <vector>

#include "kexp/prom/grid.hpp"

namespace kexp::extractor {

/// What the feeds of a run sent, as bytes per second at the points of a grid: each for the step before it.
struct Load {
  prom::Grid grid;  ///< Whole steps since the epoch, from the start of the load to its end.
  std::vector<double> bytes_per_s;
};

/// Reads it from the run's seconds.csv, of all shards together. Errors: UsageError naming the run when it has
/// no load; FailedError naming a file.
[[nodiscard]] Load read_load(const std::filesystem::path& run, std::chrono::milliseconds step);

}  // namespace kexp::extractor
