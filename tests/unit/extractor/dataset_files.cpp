#include "dataset_files.hpp"

#include <nlohmann/json.hpp>

#include "kexp/core/csv.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"

namespace kexp::test {

std::int64_t DatasetFiles::add(const std::string& metric, const std::string& type, const std::string& labels,
                               Samples samples, const std::string& source) {
  series_.push_back({metric, type, labels, source, std::move(samples)});
  return static_cast<std::int64_t>(series_.size()) - 1;
}

void DatasetFiles::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder / "samples");
  std::string series = "series_id,source,metric,type,job,samples,first_ms,last_ms,labels\n";
  std::map<std::string, std::string> tables;
  Json metrics = Json::object();
  for (std::size_t id = 0; id < series_.size(); ++id) {
    const Series& one = series_[id];
    series += csv_line(id, one.source, one.metric, one.type, "", one.samples.size(),
                       one.samples.front().first, one.samples.back().first, one.labels);
    std::string& table = tables.try_emplace(one.metric, "series_id,ts_ms,value\n").first->second;
    for (const auto& [ts_ms, value] : one.samples) {
      table += csv_line(id, ts_ms, value);
    }
    metrics[one.metric] = {{"type", one.type}, {"file", "samples/" + one.metric + ".csv"}};
  }
  std::string ends = "series_id,ts_ms\n";
  for (const auto& [id, ts_ms] : ends_) {
    ends += csv_line(id, ts_ms);
  }
  write_file_atomically(folder / "series.csv", series);
  write_file_atomically(folder / "ends.csv", ends);
  for (const auto& [metric, table] : tables) {
    write_file_atomically(folder / "samples" / (metric + ".csv"), table);
  }
  write_json(
      folder / "metadata.json",
      {{"format", "csv"}, {"window", {{"start_ms", start_ms_}, {"end_ms", end_ms_}}}, {"metrics", metrics}});
}

}  // namespace kexp::test
