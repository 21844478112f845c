#include "plan_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/csv.hpp"
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

template <typename Number>
Number cell(std::string_view text, const CsvReader& reader, const fs::path& file) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw FailedError(fmt::format("{}:{}: \"{}\" is not a number", file.string(), reader.line(), text));
  }
  return value;
}

std::vector<PlanTable::Segment> read_segments(const fs::path& file) {
  CsvReader reader(file, CsvReader::Tail::drop);
  constexpr std::array<std::string_view, 6> kColumns = {"segment",     "start_s", "duration_s",
                                                        "target_mbps", "bytes",   "images"};
  if (!reader.next() ||
      !std::equal(kColumns.begin(), kColumns.end(), reader.row().begin(), reader.row().end())) {
    throw FailedError(fmt::format("{} does not have the columns of a plan", file.string()));
  }
  std::vector<PlanTable::Segment> segments;
  std::int64_t end_id = 0;
  while (reader.next()) {
    const auto& row = reader.row();
    if (row.size() != kColumns.size()) {
      throw FailedError(fmt::format("{}:{} has {} fields", file.string(), reader.line(), row.size()));
    }
    PlanTable::Segment segment;
    segment.start_s = cell<double>(row[1], reader, file);
    segment.duration_s = cell<double>(row[2], reader, file);
    segment.target_bytes_per_s = cell<double>(row[3], reader, file) * 1e6;
    segment.bytes = cell<std::int64_t>(row[4], reader, file);
    segment.images = cell<std::int64_t>(row[5], reader, file);
    segment.end_id = end_id += segment.images;
    segments.push_back(segment);
  }
  if (segments.empty()) {
    throw FailedError(fmt::format("{} has no segments", file.string()));
  }
  return segments;
}

}  // namespace

std::size_t PlanTable::segment_of(std::uint64_t id) const {
  const auto found = std::upper_bound(
      segments.begin(), segments.end(), id,
      [](std::uint64_t i, const Segment& segment) { return i < static_cast<std::uint64_t>(segment.end_id); });
  return static_cast<std::size_t>(std::min(found, segments.end() - 1) - segments.begin());
}

std::size_t PlanTable::segment_at(double t_s) const {
  const auto after = std::upper_bound(segments.begin(), segments.end(), t_s,
                                      [](double t, const Segment& segment) { return t < segment.start_s; });
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
  table.segments = read_segments(run / "plan.csv");
  return table;
}

}  // namespace kexp::feeder
