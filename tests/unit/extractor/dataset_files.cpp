#include "dataset_files.hpp"

#include "kexp/core/csv.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"

namespace kexp::test {

std::int64_t DatasetFiles::add(const std::string& metric, const std::string& type, const std::string& labels,
                               Samples samples, const std::string& source) {
  series_.push_back({metric, type, labels, source, std::move(samples), {}});
  return static_cast<std::int64_t>(series_.size()) - 1;
}

void DatasetFiles::add_histograms(const std::string& metric, const std::string& labels,
                                  std::vector<HistogramRow> rows, const std::string& source) {
  series_.push_back({metric, "histogram", labels, source, {}, std::move(rows)});
}

void DatasetFiles::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  std::string series = "series_id,source,metric,type,job,samples,labels\n";
  std::map<std::string, std::string> tables;
  Json metrics = Json::object();
  const auto table_of = [&](const Series& one, const char* key, const std::string& file,
                            const char* header) -> auto& {
    metrics[one.metric]["type"] = one.type;
    metrics[one.metric][key] = file;
    return tables.try_emplace(file, header).first->second;
  };
  for (std::size_t id = 0; id < series_.size(); ++id) {
    const Series& one = series_[id];
    series += csv_line(id, one.source, one.metric, one.type, "", one.samples.size(), one.labels);
    if (!one.samples.empty()) {
      std::string& table = table_of(one, "file", "samples/" + one.metric + ".csv", "series_id,ts_ms,value\n");
      for (const auto& [ts_ms, value] : one.samples) {
        table += csv_line(id, ts_ms, value);
      }
    }
    if (!one.histograms.empty()) {
      std::string& table = table_of(one, "histograms_file", "histograms/" + one.metric + ".csv",
                                    "series_id,ts_ms,count,sum\n");
      for (const HistogramRow& row : one.histograms) {
        table += csv_line(id, row.ts_ms, row.count, row.sum);
      }
    }
  }
  std::string ends = "series_id,ts_ms\n";
  for (const auto& [id, ts_ms] : ends_) {
    ends += csv_line(id, ts_ms);
  }
  write_file_atomically(folder / "series.csv", series);
  write_file_atomically(folder / "ends.csv", ends);
  for (const auto& [file, table] : tables) {
    std::filesystem::create_directories((folder / file).parent_path());
    write_file_atomically(folder / file, table);
  }
  write_json(
      folder / "metadata.json",
      {{"format", "csv"}, {"window", {{"start_ms", start_ms_}, {"end_ms", end_ms_}}}, {"metrics", metrics}});
}

}  // namespace kexp::test
