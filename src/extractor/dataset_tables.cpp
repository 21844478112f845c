#include "dataset_tables.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/version.hpp"
#include "kexp/extractor/window_time.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using table::ColumnType;

constexpr std::size_t kBatchRows = 16'384;
/// Labels that have a column of their own.
constexpr std::array kHotLabels = {"job", "instance", "namespace", "pod", "container", "node"};

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
                               {"histograms", ColumnType::int64},
                               {"labels", ColumnType::text}});
  return schema;
}

/// What a server says of a metric; the parts of a histogram or summary are described under its own name.
prom::MetricMetadata metadata_of(const std::string& metric, const std::vector<Server>& servers) {
  for (const Server& server : servers) {
    if (const auto found = server.metadata.find(metric); found != server.metadata.end()) {
      return found->second;
    }
    for (const std::string_view end : {"_bucket", "_sum", "_count"}) {
      if (!metric.ends_with(end)) {
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
  batch.int64s(column++).push_back(static_cast<std::int64_t>(stats.histograms));
  batch.texts(column++).push_back(series.labels);
}

/// The file `name` of a table whose rows `fill` adds to a batch, calling its second parameter after some.
template <typename Fill>
DatasetFile write_table(const fs::path& folder, const std::string& name, const table::Schema& schema,
                        const std::string& format, const Fill& fill) {
  const std::string file = fmt::format("{}.{}", name, format);
  const auto writer = make_writer(folder / file, schema, format);
  table::Batch batch(schema);
  fill(batch, [&] {
    if (batch.rows() >= kBatchRows) {
      writer->write(batch);
      batch.clear();
    }
  });
  writer->write(batch);
  const table::WrittenFile written = writer->finish();
  return {file, written.rows, written.bytes, written.sha256};
}

DatasetFile write_series(const fs::path& folder, const Dataset& dataset) {
  return write_table(folder, "series", series_schema(), dataset.options.format,
                     [&](table::Batch& batch, const auto& rows_added) {
                       for (std::size_t m = 0; m < dataset.plan.size(); ++m) {
                         const PlannedMetric& metric = dataset.plan[m];
                         const std::string type = metadata_of(metric.name, dataset.servers).type;
                         for (std::size_t i = 0; i < dataset.written[m].series.size(); ++i) {
                           const SeriesStats& stats = dataset.written[m].series[i];
                           if (!stats.empty()) {
                             const Server& server = dataset.servers[metric.series[i].server];
                             add_series_row(batch, metric, i, stats, server.client.source(), type);
                             rows_added();
                           }
                         }
                       }
                     });
}

DatasetFile write_ends(const fs::path& folder, const Dataset& dataset) {
  const table::Schema schema = {{"series_id", ColumnType::int64}, {"ts_ms", ColumnType::timestamp_ms}};
  return write_table(
      folder, "ends", schema, dataset.options.format, [&](table::Batch& batch, const auto& rows_added) {
        for (std::size_t m = 0; m < dataset.plan.size(); ++m) {
          for (const SeriesEnd& end : dataset.written[m].ends) {
            batch.int64s(0).push_back(dataset.plan[m].first_id + static_cast<std::int64_t>(end.series));
            batch.int64s(1).push_back(end.ts_ms);
            rows_added();
          }
        }
      });
}

Json file_json(const DatasetFile& file) {
  return {{"rows", file.rows}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

bool any_by_query(const std::vector<Server>& servers) {
  return std::any_of(servers.begin(), servers.end(),
                     [](const Server& server) { return server.source == Source::query; });
}

Json window_json(const Dataset& dataset) {
  Json window = {
      {"start", format_utc(dataset.window.start)},        {"end", format_utc(dataset.window.end)},
      {"start_here", format_local(dataset.window.start)}, {"end_here", format_local(dataset.window.end)},
      {"start_ms", unix_ms(dataset.window.start)},        {"end_ms", unix_ms(dataset.window.end)}};
  if (any_by_query(dataset.servers)) {
    const prom::Grid& grid = dataset.grid;
    window["step_ms"] = grid.step_ms;
    window["first_point_ms"] = grid.first_ms;
    window["last_point_ms"] = grid.last_ms();
    window["points"] = grid.count;
  }
  return window;
}

const char* rule_of(Source source) {
  return source == Source::remote_read
             ? "every stored sample, to the millisecond and the bit"
             : "a point has the newest sample that is at most 1.5 scrape intervals of its job older than the "
               "point; none after the mark of a series' end";
}

/// null where the server does not tell them.
Json targets_json(const prom::Targets& targets) {
  if (!targets.refused.empty()) {
    return nullptr;
  }
  Json all = Json::array();
  for (const prom::Target& target : targets.active) {
    const auto label = [&](const char* name) {
      const auto found = target.labels.find(name);
      return found == target.labels.end() ? Json() : Json(found->second);
    };
    all.push_back(
        {{"job", label("job")},
         {"instance", label("instance")},
         {"labels", target.labels},
         {"scrape_interval_s", target.scrape_interval ? Json(seconds(*target.scrape_interval)) : Json()}});
  }
  return all;
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
                   {"read_by", source_name(server.source)},
                   {"rule", rule_of(server.source)},
                   {"external_labels", external_labels_json(server)},
                   {"scrape_interval_s", std::move(intervals)},
                   {"targets", targets_json(server.targets)}});
    if (!server.targets.refused.empty()) {
      all.back()["targets_refused"] = server.targets.refused;
    }
  }
  return all;
}

Json metric_json(const PlannedMetric& metric, const WrittenMetric& written, const Dataset& dataset) {
  const prom::MetricMetadata metadata = metadata_of(metric.name, dataset.servers);
  SeriesStats all;
  std::int64_t series = 0;
  for (const SeriesStats& stats : written.series) {
    if (!stats.empty()) {
      all.first_ms = series == 0 ? stats.first_ms : std::min(all.first_ms, stats.first_ms);
      all.last_ms = series == 0 ? stats.last_ms : std::max(all.last_ms, stats.last_ms);
      ++series;
    }
  }
  Json json = {{"type", metadata.type},       {"unit", metadata.unit},
               {"help", metadata.help},       {"series", series},
               {"samples", written.samples},  {"histograms", written.histograms},
               {"ends", written.ends.size()}, {"first_ms", all.first_ms},
               {"last_ms", all.last_ms}};
  for (const DatasetFile& file : written.files) {
    if (dataset.options.format == kLegacy) {
      json["files"].push_back(file.name);
      continue;
    }
    json[file.name.starts_with("samples/") ? "file" : "histograms_file"] = file.name;
  }
  if (written.left_out > 0) {
    json["native_histograms_left_out"] = written.left_out;
  }
  return json;
}

/// Series, samples and bytes of the metrics, and the entries of metadata.json that list them.
ExtractorResult count_and_list(const Dataset& dataset, Json& metrics, Json& files) {
  ExtractorResult totals;
  for (std::size_t m = 0; m < dataset.plan.size(); ++m) {
    const WrittenMetric& written = dataset.written[m];
    if (written.samples == 0 && written.histograms == 0) {
      continue;
    }
    const std::string& name = dataset.plan[m].name;
    metrics[name] = metric_json(dataset.plan[m], written, dataset);
    for (const DatasetFile& file : written.files) {
      files[file.name] = file_json(file);
      totals.bytes += file.bytes;
    }
    totals.metrics += 1;
    totals.series += metrics[name]["series"].get<std::uint64_t>();
    totals.samples += written.samples;
    totals.histograms += written.histograms;
    totals.ends += written.ends.size();
  }
  return totals;
}

std::vector<CountDifference> differences_of(const Json& json) {
  std::vector<CountDifference> differences;
  for (const Json& one : json) {
    differences.push_back({one.at("metric"), one.at("source"), one.at("on_server"), one.at("written")});
  }
  return differences;
}

}  // namespace

Json external_labels_json(const Server& server) {
  return server.external_labels ? Json(*server.external_labels) : Json();
}

std::string metadata_file(const std::string& format) {
  return format == kLegacy ? ".metadata.json" : "metadata.json";
}

ExtractorResult describe(const fs::path& folder, const Dataset& dataset) {
  Json metrics = Json::object();
  Json files = Json::object();
  ExtractorResult result = count_and_list(dataset, metrics, files);
  if (dataset.options.format != kLegacy) {
    for (const DatasetFile& file : {write_series(folder, dataset), write_ends(folder, dataset)}) {
      files[file.name] = file_json(file);
      result.bytes += file.bytes;
    }
  }
  Json metadata = {{"kexp_version", version()},
                   {"format", dataset.options.format},
                   {"window", window_json(dataset)},
                   {"selectors", dataset.options.matches},
                   {"selectors_without_samples", dataset.unmatched},
                   {"servers", servers_json(dataset.servers)},
                   {"totals",
                    {{"metrics", result.metrics},
                     {"series", result.series},
                     {"samples", result.samples},
                     {"histograms", result.histograms},
                     {"ends", result.ends}}},
                   {"metrics", std::move(metrics)},
                   {"files", std::move(files)}};
  if (dataset.differences) {
    metadata["verified"] = {{"differences", to_json(*dataset.differences)}};
  }
  const fs::path file = folder / metadata_file(dataset.options.format);
  write_json(file, metadata);
  std::error_code ignored;
  result.bytes += fs::file_size(file, ignored);
  result.window = dataset.window;
  result.differences = dataset.differences;
  return result;
}

Json to_json(const ExtractorResult& result) {
  return {{"directory", result.directory.string()},
          {"start", format_utc(result.window.start)},
          {"end", format_utc(result.window.end)},
          {"metrics", result.metrics},
          {"series", result.series},
          {"samples", result.samples},
          {"histograms", result.histograms},
          {"ends", result.ends},
          {"bytes", result.bytes}};
}

ExtractorResult read_description(const fs::path& folder, const std::string& format) {
  const fs::path file = folder / metadata_file(format);
  const std::string text = read_file(file);
  const Json metadata = parse_json(text, file.string());
  try {
    const auto time = [&](const char* name) {
      return WallTime(std::chrono::milliseconds(metadata.at("window").at(name).get<std::int64_t>()));
    };
    const auto total = [&](const char* name) { return metadata.at("totals").at(name).get<std::uint64_t>(); };
    ExtractorResult result;
    result.window = {time("start_ms"), time("end_ms")};
    result.metrics = total("metrics");
    result.series = total("series");
    result.samples = total("samples");
    result.histograms = total("histograms");
    result.ends = total("ends");
    result.bytes = text.size();
    for (const auto& [name, one] : metadata.at("files").items()) {
      result.bytes += one.at("bytes").get<std::uint64_t>();
    }
    if (metadata.contains("verified")) {
      result.differences = differences_of(metadata["verified"].at("differences"));
    }
    return result;
  } catch (const Json::exception& e) {
    throw FailedError(fmt::format("{} is no description of a dataset: {}", file.string(), e.what()));
  }
}

}  // namespace kexp::extractor
