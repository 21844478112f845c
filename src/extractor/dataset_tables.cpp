#include "dataset_tables.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/version.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using table::ColumnType;

constexpr std::size_t kBatchRows = 16'384;
/// Labels that have a column of their own.
constexpr std::array kHotLabels = {"job", "instance", "namespace", "pod", "container", "node"};

std::unique_ptr<table::Writer> make_writer(const fs::path& file, const table::Schema& schema,
                                           const std::string& format) {
  return format == "parquet" ? table::make_parquet_writer(file, schema)
                             : table::make_csv_writer(file, schema);
}

table::Schema series_schema() {
  table::Schema schema = {{"series_id", ColumnType::int64},
                          {"source", ColumnType::text},
                          {"metric", ColumnType::text},
                          {"type", ColumnType::text}};
  for (const char* label : kHotLabels) {
    schema.push_back({label, ColumnType::text});
  }
  schema.insert(schema.end(), {{"samples", ColumnType::int64},
                               {"first_ms", ColumnType::timestamp_ms},
                               {"last_ms", ColumnType::timestamp_ms},
                               {"labels", ColumnType::text}});
  return schema;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

/// What a server says of a metric; the parts of a histogram or summary are described under its own name.
prom::MetricMetadata metadata_of(const std::string& metric, const std::vector<Server>& servers) {
  for (const Server& server : servers) {
    if (const auto found = server.metadata.find(metric); found != server.metadata.end()) {
      return found->second;
    }
    for (const std::string_view end : {"_bucket", "_sum", "_count"}) {
      if (!ends_with(metric, end)) {
        continue;
      }
      const auto whole = server.metadata.find(metric.substr(0, metric.size() - end.size()));
      if (whole != server.metadata.end() &&
          (whole->second.type == "histogram" || whole->second.type == "summary")) {
        return whole->second;
      }
    }
  }
  return {"unknown", "", ""};
}

void add_series_row(table::Batch& batch, const PlannedMetric& metric, std::size_t index,
                    const SeriesStats& stats, const std::string& source, const std::string& type) {
  const PlannedSeries& series = metric.series[index];
  const Json labels = parse_json(series.labels, "labels");
  std::size_t column = 0;
  batch.int64s(column++).push_back(metric.first_id + static_cast<std::int64_t>(index));
  batch.texts(column++).push_back(source);
  batch.texts(column++).push_back(metric.name);
  batch.texts(column++).push_back(type);
  for (const char* label : kHotLabels) {
    batch.texts(column++).push_back(labels.value(label, ""));
  }
  batch.int64s(column++).push_back(static_cast<std::int64_t>(stats.samples));
  batch.int64s(column++).push_back(stats.first_ms);
  batch.int64s(column++).push_back(stats.last_ms);
  batch.texts(column++).push_back(series.labels);
}

table::WrittenFile write_series(const fs::path& folder, const Dataset& dataset) {
  const table::Schema schema = series_schema();
  const std::string& format = dataset.options.format;
  const auto writer = make_writer(folder / ("series." + format), schema, format);
  table::Batch batch(schema);
  for (std::size_t m = 0; m < dataset.plan.size(); ++m) {
    const PlannedMetric& metric = dataset.plan[m];
    const std::string type = metadata_of(metric.name, dataset.servers).type;
    for (std::size_t i = 0; i < metric.series.size(); ++i) {
      const SeriesStats& stats = dataset.written[m].series[i];
      if (stats.samples > 0) {
        const std::string& source = dataset.servers[metric.series[i].server].client.source();
        add_series_row(batch, metric, i, stats, source, type);
      }
    }
    writer->write(batch);
    batch.clear();
  }
  return writer->finish();
}

Json file_json(const table::WrittenFile& file) {
  return {{"rows", file.rows}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

Json window_json(const Dataset& dataset) {
  const prom::Grid& grid = dataset.grid;
  return {{"start", format_utc(dataset.window.start)},
          {"end", format_utc(dataset.window.end)},
          {"start_ms", unix_ms(dataset.window.start)},
          {"end_ms", unix_ms(dataset.window.end)},
          {"step_ms", grid.step_ms},
          {"first_point_ms", grid.first_ms},
          {"last_point_ms", grid.last_ms()},
          {"points", grid.count}};
}

Json servers_json(const std::vector<Server>& servers) {
  Json all = Json::array();
  for (const Server& server : servers) {
    Json intervals = Json::object();
    for (const auto& [job, interval] : server.scrape_intervals) {
      intervals[job] = static_cast<double>(interval.count()) / 1000;
    }
    all.push_back({{"source", server.client.source()},
                   {"version", server.info.version},
                   {"retention", server.info.retention},
                   {"scrape_interval_s", std::move(intervals)}});
  }
  return all;
}

Json metric_json(const PlannedMetric& metric, const WrittenMetric& written, const Dataset& dataset) {
  const prom::MetricMetadata metadata = metadata_of(metric.name, dataset.servers);
  std::int64_t series = 0;
  std::int64_t first_ms = dataset.grid.last_ms(), last_ms = dataset.grid.first_ms;
  for (const SeriesStats& stats : written.series) {
    if (stats.samples > 0) {
      ++series;
      first_ms = std::min(first_ms, stats.first_ms);
      last_ms = std::max(last_ms, stats.last_ms);
    }
  }
  Json json = {
      {"type", metadata.type},        {"unit", metadata.unit},
      {"help", metadata.help},        {"series", series},
      {"samples", written.file.rows}, {"first_ms", first_ms},
      {"last_ms", last_ms},           {"file", samples_file(metric.name, dataset.options.format).string()}};
  if (written.histograms > 0) {
    json["native_histograms_left_out"] = written.histograms;
  }
  return json;
}

/// Series, samples and bytes of the metrics, and the entries of metadata.json that list them.
ExtractorResult count_and_list(const Dataset& dataset, Json& metrics, Json& files) {
  ExtractorResult totals;
  for (std::size_t m = 0; m < dataset.plan.size(); ++m) {
    const WrittenMetric& written = dataset.written[m];
    if (written.file.path.empty()) {
      continue;
    }
    const std::string& name = dataset.plan[m].name;
    metrics[name] = metric_json(dataset.plan[m], written, dataset);
    files[samples_file(name, dataset.options.format).string()] = file_json(written.file);
    totals.metrics += 1;
    totals.series += metrics[name]["series"].get<std::uint64_t>();
    totals.samples += written.file.rows;
    totals.bytes += written.file.bytes;
  }
  return totals;
}

}  // namespace

fs::path samples_file(const std::string& metric, const std::string& format) {
  std::string name;
  for (const char c : metric) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
    name += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return fs::path("samples") / (name + "." + format);
}

WrittenMetric write_samples(const fs::path& folder, const std::string& format, const PlannedMetric& metric,
                            const SampleStore& store) {
  static const table::Schema schema = {
      {"series_id", ColumnType::int64}, {"ts_ms", ColumnType::timestamp_ms}, {"value", ColumnType::float64}};
  WrittenMetric written;
  written.series.resize(metric.series.size());
  std::unique_ptr<table::Writer> writer;
  table::Batch batch(schema);
  for (std::size_t i = 0; i < metric.series.size(); ++i) {
    const std::vector<prom::Sample> samples = store.read(i);
    if (samples.empty()) {
      continue;
    }
    if (!writer) {
      writer = make_writer(folder / samples_file(metric.name, format), schema, format);
    }
    written.series[i] = {samples.size(), samples.front().ts_ms, samples.back().ts_ms};
    for (const prom::Sample& sample : samples) {
      batch.int64s(0).push_back(metric.first_id + static_cast<std::int64_t>(i));
      batch.int64s(1).push_back(sample.ts_ms);
      batch.float64s(2).push_back(sample.value);
    }
    if (batch.rows() >= kBatchRows) {
      writer->write(batch);
      batch.clear();
    }
  }
  if (writer) {
    writer->write(batch);
    written.file = writer->finish();
  }
  return written;
}

ExtractorResult describe(const fs::path& folder, const Dataset& dataset, WallTime now) {
  const table::WrittenFile series = write_series(folder, dataset);
  Json metrics = Json::object();
  Json files = Json::object();
  files[series.path.filename().string()] = file_json(series);
  ExtractorResult result = count_and_list(dataset, metrics, files);
  const Json metadata = {
      {"kexp_version", version()},
      {"created", format_utc(now)},
      {"format", dataset.options.format},
      {"window", window_json(dataset)},
      {"rule",
       "a point has the newest sample that is at most 1.5 scrape intervals of its job older than the point; "
       "none after the mark of a series' end"},
      {"selectors", dataset.options.matches},
      {"servers", servers_json(dataset.servers)},
      {"totals", {{"metrics", result.metrics}, {"series", result.series}, {"samples", result.samples}}},
      {"metrics", std::move(metrics)},
      {"files", std::move(files)}};
  const fs::path file = folder / "metadata.json";
  write_json(file, metadata);
  std::error_code ignored;
  result.bytes += series.bytes + fs::file_size(file, ignored);
  result.window = dataset.window;
  return result;
}

}  // namespace kexp::extractor
