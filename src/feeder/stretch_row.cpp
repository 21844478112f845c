#include "stretch_row.hpp"

#include <cmath>

#include <fmt/format.h>

namespace kexp::feeder {
namespace {

void add_cells(std::string& cells, const Percentiles& percentiles) {
  for (const double value : {percentiles.p50_ms, percentiles.p99_ms, percentiles.max_ms}) {
    cells += std::isnan(value) ? "," : fmt::format(",{:.3f}", value);
  }
}

}  // namespace

std::string stretch_cells(const Stretch& stretch) {
  std::string cells = fmt::format("{},{},{},{},{},{},{},{}", stretch.planned_bytes, stretch.planned_images,
                                  stretch.sent_bytes, stretch.sent_images, stretch.acknowledged_bytes,
                                  stretch.acknowledged_images, stretch.failed_images, stretch.dropped_images);
  add_cells(cells, stretch.lateness);
  add_cells(cells, stretch.delivery);
  return cells;
}

}  // namespace kexp::feeder
