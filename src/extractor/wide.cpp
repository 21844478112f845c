#include "kexp/extractor/wide.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/table/table.hpp"

#include "dataset_reader.hpp"
#include "metric_writer.hpp"
#include "wide_grid.hpp"
#include "wide_names.hpp"
#include "wide_quantiles.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using table::ColumnType;

constexpr std::size_t kBatchRows = 256;
constexpr const char* kTime = "time";  // The first column.
constexpr std::array kQuantiles = {std::pair{0.5, "p50"}, std::pair{0.95, "p95"}, std::pair{0.99, "p99"}};

struct WideColumn {
  std::string name;
  std::vector<double> values;
};

bool is_parquet(const fs::path& file) { return file.extension() == ".parquet"; }

WallTime at_ms(std::int64_t ts_ms) { return WallTime(milliseconds(ts_ms)); }

/// With the server, which tells two series of the same labels apart.
prom::Labels all_labels(const DatasetSeries& series) {
  prom::Labels labels = labels_of(series);
  labels["source"] = series.source;
  return labels;
}

bool has_buckets(const DatasetSeries& series) {
  return series.metric.ends_with("_bucket") && is_counter(series) && labels_of(series).contains("le");
}

double bound_of(const std::string& le) {
  double bound = HUGE_VAL;
  if (le != "+Inf" && le != "Inf") {
    std::from_chars(le.data(), le.data() + le.size(), bound);
  }
  return bound;
}

/// Turns a dataset into columns, metric by metric.
class WideTable {
 public:
  WideTable(const DatasetReader& dataset, milliseconds step)
      : dataset_(dataset),
        grid_(prom::grid_inside({at_ms(dataset.start_ms()), at_ms(dataset.end_ms())}, step)) {
    for (const std::string& metric : dataset.metrics()) {
      if (has_buckets(dataset.series_of(metric).front())) {
        add_histograms(metric);
      } else {
        add_series(metric);
      }
    }
  }

  [[nodiscard]] const prom::Grid& grid() const { return grid_; }
  [[nodiscard]] const std::vector<WideColumn>& columns() const { return columns_; }

 private:
  void add_series(const std::string& metric) {
    const auto all = dataset_.series_of(metric);
    std::vector<prom::Labels> labels;
    for (const DatasetSeries& series : all) {
      labels.push_back(all_labels(series));
    }
    const std::vector<std::string> names = short_names(labels);
    dataset_.read(metric, [&](const SeriesData& data) {
      const bool is_rate = is_counter(data.series);
      add(metric + (is_rate ? ":rate" : "") + names[static_cast<std::size_t>(&data.series - all.data())],
          is_rate ? rate_on_grid(data, grid_) : last_on_grid(data, grid_));
    });
  }

  /// The buckets of one histogram, by their bounds.
  using Buckets = std::map<double, std::vector<double>>;

  void add_histograms(const std::string& metric) {
    std::map<prom::Labels, Buckets> histograms;
    dataset_.read(metric, [&](const SeriesData& data) {
      prom::Labels labels = all_labels(data.series);
      const double bound = bound_of(labels["le"]);
      labels.erase("le");
      histograms[labels][bound] = rate_on_grid(data, grid_);
    });
    std::vector<prom::Labels> labels;
    for (const auto& [one, buckets] : histograms) {
      labels.push_back(one);
    }
    const std::vector<std::string> names = short_names(labels);
    const std::string base = metric.substr(0, metric.size() - std::string_view("_bucket").size());
    for (auto name = names.begin(); const auto& [one, buckets] : histograms) {
      for (const auto& [quantile, suffix] : kQuantiles) {
        add(fmt::format("{}:{}{}", base, suffix, *name), quantiles(buckets, quantile));
      }
      ++name;
    }
  }

  [[nodiscard]] std::vector<double> quantiles(const Buckets& buckets, double quantile) const {
    std::vector<double> values;
    std::vector<std::pair<double, double>> at_point(buckets.size());
    for (std::size_t i = 0; i < static_cast<std::size_t>(grid_.count); ++i) {
      for (auto out = at_point.begin(); const auto& [bound, rates] : buckets) {
        *out++ = {bound, std::isnan(rates[i]) ? 0 : rates[i]};
      }
      values.push_back(quantile_of(quantile, at_point));
    }
    return values;
  }

  /// Two metrics, or values of labels with our signs in them, could give the same name.
  void add(std::string name, std::vector<double> values) {
    std::string unique = name;
    for (int number = 2; !names_.insert(unique).second; ++number) {
      unique = fmt::format("{}#{}", name, number);
    }
    columns_.push_back({std::move(unique), std::move(values)});
  }

  const DatasetReader& dataset_;
  const prom::Grid grid_;
  std::set<std::string> names_ = {kTime};
  std::vector<WideColumn> columns_;
};

table::WrittenFile write(const WideTable& wide, const fs::path& file) {
  table::Schema schema = {{kTime, is_parquet(file) ? ColumnType::timestamp_ms : ColumnType::text}};
  for (const WideColumn& column : wide.columns()) {
    schema.push_back({column.name, ColumnType::float64});
  }
  const auto writer = make_writer(file, schema, is_parquet(file) ? "parquet" : "csv");
  const prom::Grid& grid = wide.grid();
  table::Batch batch(schema);
  for (std::int64_t from = 0; from < grid.count; from += static_cast<std::int64_t>(kBatchRows)) {
    const std::int64_t to = std::min(grid.count, from + static_cast<std::int64_t>(kBatchRows));
    for (std::int64_t i = from; i < to; ++i) {
      const std::int64_t ts_ms = grid.first_ms + i * grid.step_ms;
      if (is_parquet(file)) {
        batch.int64s(0).push_back(ts_ms);
      } else {
        batch.texts(0).push_back(format_utc(at_ms(ts_ms)));
      }
    }
    for (std::size_t column = 0; column < wide.columns().size(); ++column) {
      const std::vector<double>& values = wide.columns()[column].values;
      batch.float64s(column + 1).assign(values.begin() + from, values.begin() + to);
    }
    writer->write(batch);
    batch.clear();
  }
  return writer->finish();
}

UsageError is_there(const fs::path& file) {
  return UsageError(fmt::format(
      "the wide table {} is there already: choose another file, or replace it with --force", file.string()));
}

}  // namespace

void validate(const WideOptions& options) {
  if (options.step <= milliseconds(0)) {
    throw UsageError("--step must be above 0s");
  }
  const fs::file_status there = on_disk("read", [&] { return fs::status(options.file); });
  if (fs::is_directory(there)) {
    throw UsageError(fmt::format("the wide table {} is a folder: choose a file", options.file.string()));
  }
  if (options.existing == WideOptions::Existing::refuse && fs::exists(there)) {
    throw is_there(options.file);
  }
  if (is_parquet(options.file)) {
    table::require_parquet();
  }
}

WideResult write_wide(const WideOptions& options) {
  validate(options);
  const DatasetReader dataset(options.dataset);
  const WideTable wide(dataset, options.step);
  if (wide.grid().count == 0) {
    throw UsageError(fmt::format("--step {:g}s has no point in the window of {}",
                                 std::chrono::duration<double>(options.step).count(),
                                 options.dataset.string()));
  }
  if (options.file.has_parent_path()) {
    on_disk("create", [&] { return fs::create_directories(options.file.parent_path()); });
  }
  const fs::path part =
      options.file.parent_path() /
      fmt::format(".{}.part{}", options.file.filename().string(), options.file.extension().string());
  on_disk("remove", [&] { return fs::remove(part); });  // What a killed one left.
  const table::WrittenFile written = write(wide, part);
  on_disk("write", [&] {
    if (options.existing == WideOptions::Existing::accept_same && fs::exists(options.file) &&
        sha256_of_file(options.file) != written.sha256) {
      fs::remove(part);
      throw is_there(options.file);
    }
    fs::rename(part, options.file);
  });
  return {written.rows, wide.columns().size(), written.bytes};
}

}  // namespace kexp::extractor
