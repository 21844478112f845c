#include "kexp/record/plan_segments.hpp"

#include "kexp/core/on_disk.hpp"

#include "columns.hpp"

namespace kexp::record {

namespace fs = std::filesystem;

std::vector<PlanSegment> read_plan_segments(const fs::path& run) {
  std::vector<PlanSegment> segments;
  if (!on_disk("read", [&] { return fs::exists(run / "plan.csv"); })) {
    return segments;
  }
  std::int64_t end_id = 0;
  const UnreadableRows unreadable =
      read_columns(run, "plan.csv", {"start_s", "duration_s", "images"}, [&](const auto& fields) {
        PlanSegment segment;
        if (!parse(fields[0], segment.start_s) || !parse(fields[1], segment.duration_s) ||
            !parse(fields[2], segment.images)) {
          return false;
        }
        segment.end_id = end_id += segment.images;
        segments.push_back(segment);
        return true;
      });
  return unreadable.count == 0 ? segments : std::vector<PlanSegment>();
}

}  // namespace kexp::record
