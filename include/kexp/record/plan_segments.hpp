#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace kexp::record {

/// A segment of the plan, as plan.csv has it.
struct PlanSegment {
  double start_s = 0, duration_s = 0, target_bytes_per_s = 0;
  std::int64_t bytes = 0, images = 0;
  std::int64_t end_id = 0;  ///< Images of this and all segments before: ids are in the order of the plan.
};

/// The segments in plan.csv of `run`, at least one. Errors: FailedError naming the file, and the line that is
/// none.
[[nodiscard]] std::vector<PlanSegment> read_plan_segments(const std::filesystem::path& run);

}  // namespace kexp::record
