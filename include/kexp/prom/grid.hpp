#pragma once

/// The points in time that are asked for: multiples of the step since the Unix epoch, so that two
/// extractions with one step have the same points, whatever their windows.

#include <chrono>
#include <cstdint>
#include <vector>

#include "kexp/core/clock.hpp"

namespace kexp::prom {

/// A stretch of time, both ends included.
struct Window {
  WallTime start;
  WallTime end;
};

struct Grid {
  std::int64_t first_ms = 0;  ///< Unix time.
  std::int64_t step_ms = 1;
  std::int64_t count = 0;

  [[nodiscard]] std::int64_t last_ms() const { return first_ms + (count - 1) * step_ms; }
  /// `count` of its points, from the point number `from` on.
  [[nodiscard]] Grid part(std::int64_t from, std::int64_t points) const {
    return {first_ms + from * step_ms, step_ms, points};
  }
  bool operator==(const Grid&) const = default;
};

/// The grid points inside `window`; none when the window lies between two of them. Requires: step > 0.
[[nodiscard]] Grid grid_inside(const Window& window, std::chrono::milliseconds step);

/// `grid` in pieces of at most `max_points` that share no point.
[[nodiscard]] std::vector<Grid> split(const Grid& grid, std::int64_t max_points);

}  // namespace kexp::prom
