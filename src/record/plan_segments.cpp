#include "kexp/record/plan_segments.hpp"

#include <charconv>

#include "kexp/core/on_disk.hpp"

#include "columns.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

bool parse(std::string_view text, double& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::vector<PlanSegment> read_plan_segments(const fs::path& run) {
  std::vector<PlanSegment> segments;
  if (!on_disk("read", [&] { return fs::exists(run / "plan.csv"); })) {
    return segments;
  }
  std::int64_t end_id = 0;
  const UnreadableRows unreadable =
      read_columns(run, "plan.csv", {"start_s", "duration_s", "images"}, [&](const auto& fields) {
        PlanSegment segment;
        const auto images = to_integer(fields[2]);
        if (!parse(fields[0], segment.start_s) || !parse(fields[1], segment.duration_s) || !images) {
          return false;
        }
        segment.images = *images;
        segment.end_id = end_id += *images;
        segments.push_back(segment);
        return true;
      });
  return unreadable.count == 0 ? segments : std::vector<PlanSegment>();
}

}  // namespace kexp::record
