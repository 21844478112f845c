#pragma once

#include <cstdint>
#include <span>

#include "kexp/prom/remote_read.hpp"

namespace kexp::extractor {

/// Something of one series, in the order of time; valid as long as the one who made it says.
struct SeriesRows {
  std::span<const std::int64_t> ts_ms;  ///< Unix time, of each value.
  std::span<const double> values;
  std::span<const std::int64_t> ended_ms;  ///< When the series was marked as ended.
  std::span<const prom::Histogram> histograms;
};

}  // namespace kexp::extractor
