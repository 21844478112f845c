#include "kexp/record/plan_segments.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/error.hpp"

#include "columns.hpp"

namespace kexp::record {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kColumns = {"segment",     "start_s", "duration_s",
                                                      "target_mbps", "bytes",   "images"};

template <typename Number>
Number cell(std::string_view text, const CsvReader& reader, const fs::path& file) {
  Number value{};
  if (!parse(text, value)) {
    throw FailedError(fmt::format("{}:{}: \"{}\" is not a number", file.string(), reader.line(), text));
  }
  return value;
}

}  // namespace

std::vector<PlanSegment> read_plan_segments(const fs::path& run) {
  const fs::path file = run / "plan.csv";
  CsvReader reader(file, CsvReader::Tail::drop);
  if (!reader.next() ||
      !std::equal(kColumns.begin(), kColumns.end(), reader.row().begin(), reader.row().end())) {
    throw FailedError(fmt::format("{} does not have the columns of a plan", file.string()));
  }
  std::vector<PlanSegment> segments;
  std::int64_t end_id = 0;
  while (reader.next()) {
    const auto& row = reader.row();
    if (row.size() != kColumns.size()) {
      throw FailedError(fmt::format("{}:{} has {} fields", file.string(), reader.line(), row.size()));
    }
    PlanSegment segment;
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

}  // namespace kexp::record
