#include "dataset_reader.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/extractor/dataset.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/table/reader.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using table::ColumnType;

bool ends_with_any(std::string_view text, std::span<const std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return text.ends_with(end); });
}

std::unique_ptr<table::Reader> open_table(const fs::path& file, const table::Schema& schema) {
  return file.extension() == ".parquet" ? table::open_parquet(file, schema) : table::open_csv(file, schema);
}

bool is_there(const fs::path& file) {
  return on_disk("read", [&] { return fs::exists(file); });
}

/// Collects rows until the next series begins.
class SeriesCollector {
 public:
  SeriesCollector(std::span<const DatasetSeries> series,
                  const std::map<std::int64_t, std::vector<std::int64_t>>& ends_ms,
                  const std::function<void(const SeriesData&)>& take)
      : series_(series), ends_ms_(ends_ms), take_(take) {}

  void add(std::int64_t id, prom::Sample sample) {
    if (samples_.empty() || id != id_) {
      hand_over();
      id_ = id;
    }
    samples_.push_back(sample);
  }

  void hand_over() {
    const auto found =
        std::lower_bound(series_.begin(), series_.end(), id_,
                         [](const DatasetSeries& one, std::int64_t id) { return one.id < id; });
    if (!samples_.empty() && found != series_.end() && found->id == id_) {
      const auto ends = ends_ms_.find(id_);
      take_({*found, samples_,
             ends == ends_ms_.end() ? std::span<const std::int64_t>() : std::span(ends->second)});
    }
    samples_.clear();
  }

 private:
  std::span<const DatasetSeries> series_;
  const std::map<std::int64_t, std::vector<std::int64_t>>& ends_ms_;
  const std::function<void(const SeriesData&)>& take_;
  std::int64_t id_ = 0;
  std::vector<prom::Sample> samples_;
};

}  // namespace

prom::Labels labels_of(const DatasetSeries& series) {
  prom::Labels labels;
  const Json json = parse_json(series.labels, "labels of a series");
  for (const auto& [name, value] : json.items()) {
    labels[name] = value.get<std::string>();
  }
  return labels;
}

bool is_counter(const DatasetSeries& series) {
  using namespace std::string_view_literals;
  static constexpr std::array kParts = {"_bucket"sv, "_count"sv, "_sum"sv};
  static constexpr std::array kNames = {"_total"sv, "_bucket"sv, "_count"sv, "_sum"sv};
  if (series.type == "counter") {
    return true;
  }
  if (series.type == "histogram" || series.type == "summary") {
    return ends_with_any(series.metric, kParts);
  }
  return (series.type.empty() || series.type == "unknown") && ends_with_any(series.metric, kNames);
}

DatasetReader::DatasetReader(fs::path folder) : folder_(std::move(folder)) {
  if (!is_there(folder_ / "metadata.json")) {
    throw UsageError(
        fmt::format("{} is no dataset: it has no metadata.json; kexp extract makes one", folder_.string()));
  }
  read_metadata();
  read_series();
  read_ends();
}

void DatasetReader::read_metadata() {
  const fs::path file = folder_ / "metadata.json";
  const Json metadata = read_json(file);
  try {
    format_ = metadata.at("format").get<std::string>();
    start_ms_ = metadata.at("window").at("start_ms").get<std::int64_t>();
    end_ms_ = metadata.at("window").at("end_ms").get<std::int64_t>();
    for (const auto& [name, metric] : metadata.at("metrics").items()) {
      by_metric_[name].file = metric.value("file", "");  // One of native histograms alone has no samples.
      by_metric_[name].histograms_file = metric.value("histograms_file", "");
    }
  } catch (const Json::exception& e) {
    throw FailedError(fmt::format("{} is no description of a dataset: {}", file.string(), e.what()));
  }
}

void DatasetReader::read_series() {
  const table::Schema schema = {{"series_id", ColumnType::int64},
                                {"source", ColumnType::text},
                                {"metric", ColumnType::text},
                                {"type", ColumnType::text},
                                {"labels", ColumnType::text}};
  const auto reader = open_table(folder_ / ("series." + format_), schema);
  table::Batch batch(schema);
  while (reader->read(batch)) {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      series_.push_back({batch.int64s(0)[row], batch.texts(1)[row], batch.texts(2)[row], batch.texts(3)[row],
                         batch.texts(4)[row]});
    }
  }
  std::sort(series_.begin(), series_.end(), [](const DatasetSeries& a, const DatasetSeries& b) {
    return std::tie(a.metric, a.id) < std::tie(b.metric, b.id);
  });
  for (std::size_t i = 0; i < series_.size(); ++i) {
    if (const auto found = by_metric_.find(series_[i].metric); found != by_metric_.end()) {
      Range& range = found->second;
      range.first = range.count == 0 ? i : range.first;
      ++range.count;
    }
  }
  std::erase_if(by_metric_, [](const auto& metric) { return metric.second.count == 0; });
  for (const auto& [name, range] : by_metric_) {
    if (!range.file.empty()) {
      metrics_.push_back(name);
    }
    if (!range.histograms_file.empty()) {
      histograms_.push_back(name);
    }
  }
}

void DatasetReader::read_ends() {
  const fs::path file = folder_ / ("ends." + format_);
  if (!is_there(file)) {  // Earlier versions of kexp wrote none.
    return;
  }
  const table::Schema schema = {{"series_id", ColumnType::int64}, {"ts_ms", ColumnType::timestamp_ms}};
  const auto reader = open_table(file, schema);
  table::Batch batch(schema);
  while (reader->read(batch)) {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      ends_ms_[batch.int64s(0)[row]].push_back(batch.int64s(1)[row]);
    }
  }
}

bool DatasetReader::has(const std::string& metric) const {
  const auto found = by_metric_.find(metric);
  return found != by_metric_.end() && !found->second.file.empty();
}

std::span<const DatasetSeries> DatasetReader::series_of(const std::string& metric) const {
  const Range& range = by_metric_.at(metric);
  return std::span(series_).subspan(range.first, range.count);
}

void DatasetReader::read(const std::string& metric,
                         const std::function<void(const SeriesData&)>& take) const {
  read_column(metric, by_metric_.at(metric).file, "value", take);
}

void DatasetReader::read_histograms(const std::string& metric, Part part,
                                    const std::function<void(const SeriesData&)>& take) const {
  read_column(metric, by_metric_.at(metric).histograms_file, part == Part::count ? "count" : "sum", take);
}

void DatasetReader::read_column(const std::string& metric, const std::string& file, const char* column,
                                const std::function<void(const SeriesData&)>& take) const {
  const table::Schema schema = {
      {"series_id", ColumnType::int64}, {"ts_ms", ColumnType::timestamp_ms}, {column, ColumnType::float64}};
  const auto reader = open_table(folder_ / file, schema);
  SeriesCollector collector(series_of(metric), ends_ms_, take);
  table::Batch batch(schema);
  while (reader->read(batch)) {
    const auto& ids = batch.int64s(0);
    const auto& times = batch.int64s(1);
    const auto& values = batch.float64s(2);
    for (std::size_t row = 0; row < ids.size(); ++row) {
      collector.add(ids[row], {times[row], values[row]});
    }
  }
  collector.hand_over();
}

fs::path dataset_of(const fs::path& path) {
  if (is_there(path / "metadata.json") || !is_there(path / "run.json")) {
    return path;
  }
  const Json extracted = record::last_event(path, "extract", "finished");
  if (is_there(path / "metrics" / "metadata.json") || extracted.is_null()) {
    return path / "metrics";
  }
  return extracted.at("directory").get<std::string>();  // It was put elsewhere: extract --out.
}

}  // namespace kexp::extractor
