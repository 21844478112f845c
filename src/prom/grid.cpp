#include "kexp/prom/grid.hpp"

#include <algorithm>

namespace kexp::prom {

namespace {

// Rounded towards the past, also before the epoch.
std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Grid grid_inside(const Window& window, std::chrono::milliseconds step) {
  const std::int64_t start = -floor_divide(-unix_ns(window.start), 1'000'000);  // Rounded up: not before it.
  const std::int64_t end = unix_ms(window.end);
  const std::int64_t first = -floor_divide(-start, step.count());
  const std::int64_t last = floor_divide(end, step.count());
  return {first * step.count(), step.count(), std::max<std::int64_t>(0, last - first + 1)};
}

std::vector<Grid> split(const Grid& grid, std::int64_t max_points) {
  std::vector<Grid> pieces;
  for (std::int64_t from = 0; from < grid.count; from += max_points) {
    pieces.push_back(grid.part(from, std::min(max_points, grid.count - from)));
  }
  return pieces;
}

}  // namespace kexp::prom
