#include "legacy_writer.hpp"

#include <algorithm>
#include <cmath>
#include <system_error>

#include <fmt/format.h>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/sha256.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr std::size_t kMostUnwritten = std::size_t{8} << 20U;
constexpr const char* kHead = R"({
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [)";
constexpr const char* kTail = "]\n    }\n}";
constexpr const char* kTailBehindSeries = "\n        ]\n    }\n}";

std::int64_t whole_seconds(WallTime time) {
  return std::chrono::floor<seconds>(time.time_since_epoch()).count();
}

/// As Prometheus writes it.
std::string value_text(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return fmt::format("{}", value);
}

std::string time_text(std::int64_t ts_ms) {
  return ts_ms % 1000 == 0 ? std::to_string(ts_ms / 1000)
                           : fmt::format("{}.{:03}", ts_ms / 1000, ts_ms % 1000);
}

}  // namespace

LegacyWriter::LegacyWriter(const fs::path& folder, const PlannedMetric& metric, const prom::Window& window,
                           seconds segment)
    : folder_(folder),
      metric_(metric),
      first_s_(whole_seconds(window.start)),
      last_s_(whole_seconds(window.end)),
      length_(segment) {
  begin();
}

LegacyWriter::~LegacyWriter() {
  std::error_code ignored;
  for (const Segment& segment : segments_) {
    fs::remove(part_of(segment), ignored);
  }
}

void LegacyWriter::begin() {
  const std::string metric = file_name(metric_.name);
  for (std::int64_t start = first_s_; start < last_s_ || segments_.empty(); start += length_.count()) {
    const std::int64_t end = std::min(start + length_.count(), last_s_);
    segments_.push_back({fmt::format("{}/{}-{}.json", metric, start, end), kHead, 0, false, false});
  }
  on_disk("write", [&] { return fs::create_directories(folder_ / metric); });
  written_.series.resize(metric_.series.size());
}

void LegacyWriter::restart() {
  for (const Segment& segment : segments_) {
    on_disk("remove", [&] { return fs::remove(part_of(segment)); });
  }
  segments_.clear();
  unwritten_ = 0;
  written_ = {};
  begin();
}

fs::path LegacyWriter::part_of(const Segment& segment) const {
  const fs::path file = folder_ / segment.name;
  return file.parent_path() / fmt::format(".{}.part", file.filename().string());
}

LegacyWriter::Segment& LegacyWriter::segment_of(std::int64_t ts_ms) {
  const std::int64_t index = (ts_ms / 1000 - first_s_) / length_.count();
  return segments_[std::min(static_cast<std::size_t>(std::max<std::int64_t>(index, 0)),
                            segments_.size() - 1)];
}

void LegacyWriter::begin_series(Segment& segment, std::size_t series) const {
  Json labels = {{"__name__", metric_.name}};
  labels.update(parse_json(metric_.series[series].labels, "labels"));
  segment.text += segment.has_series ? ",\n" : "\n";
  segment.text += "            {\n                \"metric\": {\n";
  const char* comma = "";
  for (const auto& [name, value] : labels.items()) {
    segment.text += fmt::format("{}                    {}: {}", comma, Json(name).dump(), value.dump());
    comma = ",\n";
  }
  segment.text += "\n                },\n                \"values\": [\n";
  segment.has_series = segment.in_series = true;
}

void LegacyWriter::end_series() {
  for (Segment& segment : segments_) {
    if (segment.in_series) {
      segment.text += "\n                ]\n            }";
      segment.in_series = false;
    }
  }
}

void LegacyWriter::add(std::size_t series, const SeriesRows& rows) {
  if (series != series_) {
    end_series();
    series_ = series;
  }
  for (std::size_t i = 0; i < rows.ts_ms.size(); ++i) {
    Segment& segment = segment_of(rows.ts_ms[i]);
    const std::size_t before = segment.text.size();
    if (segment.in_series) {
      segment.text += ",\n";
    } else {
      begin_series(segment, series);
    }
    segment.text += fmt::format(
        "                    [\n                        {},\n                        \"{}\"\n                "
        "    ]",
        time_text(rows.ts_ms[i]), value_text(rows.values[i]));
    segment.rows += 1;
    unwritten_ += segment.text.size() - before;
    if (unwritten_ > kMostUnwritten) {
      write_out();
    }
  }
  if (!rows.ts_ms.empty()) {
    written_.count(series, rows);
  }
}

void LegacyWriter::write_out() {
  for (Segment& segment : segments_) {
    if (segment.text.empty()) {
      continue;
    }
    AppendFile file(part_of(segment));
    file.write(segment.text);
    file.flush();
    segment.text.clear();
  }
  unwritten_ = 0;
}

WrittenMetric LegacyWriter::finish() {
  end_series();
  for (Segment& segment : segments_) {
    segment.text += segment.has_series ? kTailBehindSeries : kTail;
  }
  write_out();
  for (const Segment& segment : segments_) {
    const fs::path file = folder_ / segment.name;
    on_disk("write", [&] { fs::rename(part_of(segment), file); });
    written_.files.push_back({segment.name, segment.rows,
                              on_disk("read", [&] { return fs::file_size(file); }), sha256_of_file(file)});
  }
  segments_.clear();
  return std::move(written_);
}

}  // namespace kexp::extractor
