#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "kexp/record/plan_segments.hpp"

namespace kexp::feeder {

/// What plan.json and plan.csv of a run say; of the whole plan, whatever the parts that it is played in.
struct PlanTable {
  std::int64_t images = 0, bytes = 0, largest_image = 0;
  double duration_s = 0;
  std::uint32_t partitions = 0;
  std::vector<record::PlanSegment> segments;  ///< At least one.

  /// The segment that image `id` was planned in; the last one for ids that the plan does not have.
  [[nodiscard]] std::size_t segment_of(std::uint64_t id) const;
  /// The segment that holds an instant after t0; the last one holds what comes after the end.
  [[nodiscard]] std::size_t segment_at(double t_s) const;
};

/// Errors: FailedError naming the file and what it lacks.
[[nodiscard]] PlanTable read_plan_table(const std::filesystem::path& run);

}  // namespace kexp::feeder
