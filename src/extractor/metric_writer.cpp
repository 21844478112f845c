#include "metric_writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using table::ColumnType;

constexpr std::size_t kBatchRows = 16'384;

const table::Schema& samples_schema() {
  static const table::Schema schema = {
      {"series_id", ColumnType::int64}, {"ts_ms", ColumnType::timestamp_ms}, {"value", ColumnType::float64}};
  return schema;
}

const table::Schema& histograms_schema() {
  static const table::Schema schema = {
      {"series_id", ColumnType::int64},    {"ts_ms", ColumnType::timestamp_ms},
      {"count", ColumnType::float64},      {"sum", ColumnType::float64},
      {"schema", ColumnType::int64},       {"zero_threshold", ColumnType::float64},
      {"zero_count", ColumnType::float64}, {"reset", ColumnType::text},
      {"buckets", ColumnType::text}};
  return schema;
}

const char* reset_text(prom::Histogram::Reset reset) {
  using Reset = prom::Histogram::Reset;
  switch (reset) {
    case Reset::yes:
      return "yes";
    case Reset::no:
      return "no";
    case Reset::gauge:
      return "gauge";
    case Reset::unknown:
      break;
  }
  return "unknown";
}

/// [[index, count], …]
Json bucket_list(const std::vector<prom::BucketSpan>& spans, const std::vector<double>& counts) {
  Json list = Json::array();
  std::int64_t index = 0;
  auto count = counts.begin();
  for (const prom::BucketSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && count != counts.end(); ++i) {
      list.push_back(Json::array({index++, *count++}));
    }
  }
  return list;
}

std::string buckets_text(const prom::Histogram& histogram) {
  const prom::HistogramLayout& layout = *histogram.layout;
  Json buckets = {{"positive", bucket_list(layout.positive, histogram.positive)},
                  {"negative", bucket_list(layout.negative, histogram.negative)}};
  if (!layout.custom_bounds.empty()) {
    buckets["bounds"] = layout.custom_bounds;
  }
  return buckets.dump();
}

/// Widens the stretch from the first to the last.
void widen(SeriesStats& stats, std::int64_t first_ms, std::int64_t last_ms) {
  stats.first_ms = stats.empty() ? first_ms : std::min(stats.first_ms, first_ms);
  stats.last_ms = stats.empty() ? last_ms : std::max(stats.last_ms, last_ms);
}

}  // namespace

void WrittenMetric::count(std::size_t number, const SeriesRows& rows) {
  SeriesStats& stats = series[number];
  if (!rows.ts_ms.empty()) {
    widen(stats, rows.ts_ms.front(), rows.ts_ms.back());
    stats.samples += rows.ts_ms.size();
    samples += rows.ts_ms.size();
  }
  if (!rows.histograms.empty()) {
    widen(stats, rows.histograms.front().ts_ms, rows.histograms.back().ts_ms);
    stats.histograms += rows.histograms.size();
    histograms += rows.histograms.size();
  }
  for (const std::int64_t ts_ms : rows.ended_ms) {
    ends.push_back({number, ts_ms});
  }
}

std::string file_name(const std::string& metric) {
  std::string name;
  for (const char c : metric) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
    name += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return name;
}

std::string metric_file(const std::string& table, const std::string& metric, const std::string& format) {
  return fmt::format("{}/{}.{}", table, file_name(metric), format);
}

std::unique_ptr<table::Writer> make_writer(const fs::path& file, const table::Schema& schema,
                                           const std::string& format) {
  return format == "parquet" ? table::make_parquet_writer(file, schema)
                             : table::make_csv_writer(file, schema);
}

TableWriter::TableWriter(fs::path folder, std::string format, const PlannedMetric& metric)
    : folder_(std::move(folder)),
      format_(std::move(format)),
      metric_(metric),
      samples_{samples_schema(), metric_file("samples", metric.name, format_), table::Batch(samples_schema()),
               nullptr},
      histograms_{histograms_schema(), metric_file("histograms", metric.name, format_),
                  table::Batch(histograms_schema()), nullptr} {
  written_.series.resize(metric.series.size());
}

void TableWriter::add(std::size_t series, const SeriesRows& rows) {
  add_samples(series, rows);
  add_histograms(series, rows.histograms);
  written_.count(series, rows);
}

void TableWriter::add_samples(std::size_t series, const SeriesRows& rows) {
  table::Batch& batch = samples_.batch;
  const auto id = metric_.first_id + static_cast<std::int64_t>(series);
  batch.int64s(0).insert(batch.int64s(0).end(), rows.ts_ms.size(), id);
  batch.int64s(1).insert(batch.int64s(1).end(), rows.ts_ms.begin(), rows.ts_ms.end());
  batch.float64s(2).insert(batch.float64s(2).end(), rows.values.begin(), rows.values.end());
  if (batch.rows() >= kBatchRows) {
    write(samples_);
  }
}

void TableWriter::add_histograms(std::size_t series, std::span<const prom::Histogram> histograms) {
  table::Batch& batch = histograms_.batch;
  for (const prom::Histogram& histogram : histograms) {
    std::size_t column = 0;
    batch.int64s(column++).push_back(metric_.first_id + static_cast<std::int64_t>(series));
    batch.int64s(column++).push_back(histogram.ts_ms);
    batch.float64s(column++).push_back(histogram.count);
    batch.float64s(column++).push_back(histogram.sum);
    batch.int64s(column++).push_back(histogram.layout->schema);
    batch.float64s(column++).push_back(histogram.layout->zero_threshold);
    batch.float64s(column++).push_back(histogram.zero_count);
    batch.texts(column++).push_back(reset_text(histogram.reset));
    batch.texts(column++).push_back(buckets_text(histogram));
  }
  if (batch.rows() >= kBatchRows) {
    write(histograms_);
  }
}

void TableWriter::write(Output& output) {
  if (!output.writer) {
    const fs::path file = folder_ / output.file;
    on_disk("write", [&] { return fs::create_directories(file.parent_path()); });
    output.writer = make_writer(file, output.schema, format_);
  }
  output.writer->write(output.batch);
  output.batch.clear();
}

void TableWriter::finish(Output& output) {
  if (output.batch.rows() > 0) {
    write(output);
  }
  if (output.writer) {
    const table::WrittenFile file = output.writer->finish();
    written_.files.push_back({output.file, file.rows, file.bytes, file.sha256});
    output.writer.reset();
  }
}

void TableWriter::restart() {
  for (Output* output : {&samples_, &histograms_}) {
    output->writer.reset();
    output->batch.clear();
  }
  written_ = {};
  written_.series.resize(metric_.series.size());
}

WrittenMetric TableWriter::finish() {
  finish(samples_);
  finish(histograms_);
  std::erase_if(written_.ends, [&](const SeriesEnd& end) { return written_.series[end.series].empty(); });
  return std::move(written_);
}

}  // namespace kexp::extractor
