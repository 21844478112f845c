#include "plan_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"

namespace kexp::feeder {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kMostPartitions = 1'000'000;
constexpr std::int64_t kMostImages = 1'000'000'000;
constexpr double kLongestRun = 366.0 * 86'400;

template <typename Number>
Number field(const Json& plan, const fs::path& file, const char* name) {
  if (!plan.is_object() || !plan.contains(name) || !plan[name].is_number()) {
    throw FailedError(fmt::format("{} has no number \"{}\"", file.string(), name));
  }
  return plan[name].get<Number>();
}

}  // namespace

std::size_t PlanTable::segment_of(std::uint64_t id) const {
  const auto found = std::upper_bound(segments.begin(), segments.end(), id,
                                      [](std::uint64_t i, const record::PlanSegment& segment) {
                                        return i < static_cast<std::uint64_t>(segment.end_id);
                                      });
  return static_cast<std::size_t>(std::min(found, segments.end() - 1) - segments.begin());
}

std::size_t PlanTable::segment_at(double t_s) const {
  const auto after =
      std::upper_bound(segments.begin(), segments.end(), t_s,
                       [](double t, const record::PlanSegment& segment) { return t < segment.start_s; });
  return after == segments.begin() ? 0 : static_cast<std::size_t>(after - segments.begin()) - 1;
}

PlanTable read_plan_table(const fs::path& run) {
  const fs::path file = run / "plan.json";
  const Json plan = read_json(file);
  PlanTable table;
  table.images = field<std::int64_t>(plan, file, "images");
  table.bytes = field<std::int64_t>(plan, file, "bytes");
  table.largest_image = field<std::int64_t>(plan, file, "largest_image_bytes");
  table.duration_s = field<double>(plan, file, "duration_s");
  if (!(table.duration_s >= 0) || table.duration_s > kLongestRun) {
    throw FailedError(fmt::format("{}: no run lasts {} s", file.string(), table.duration_s));
  }
  if (table.images < 0 || table.images > kMostImages) {
    throw FailedError(fmt::format("{}: no plan has {} images", file.string(), table.images));
  }
  table.partitions = std::min(field<std::uint32_t>(plan, file, "partitions"), kMostPartitions);
  table.segments = record::read_plan_segments(run);
  return table;
}

}  // namespace kexp::feeder
