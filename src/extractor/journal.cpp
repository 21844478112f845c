#include "journal.hpp"

#include <string_view>
#include <system_error>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/sha256.hpp"

namespace kexp::extractor {

namespace {

namespace fs = std::filesystem;

Json to_json(const std::string& metric, const WrittenMetric& written) {
  Json files = Json::array();
  for (const DatasetFile& file : written.files) {
    files.push_back(
        {{"name", file.name}, {"rows", file.rows}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  Json series = Json::array();
  for (const SeriesStats& stats : written.series) {
    series.push_back(Json::array({stats.samples, stats.histograms, stats.first_ms, stats.last_ms}));
  }
  Json ends = Json::array();
  for (const SeriesEnd& end : written.ends) {
    ends.push_back(Json::array({end.series, end.ts_ms}));
  }
  return {{"metric", metric},
          {"samples", written.samples},
          {"histograms", written.histograms},
          {"left_out", written.left_out},
          {"files", std::move(files)},
          {"series", std::move(series)},
          {"ends", std::move(ends)}};
}

WrittenMetric from_json(const Json& json) {
  WrittenMetric written;
  written.samples = json.at("samples");
  written.histograms = json.at("histograms");
  written.left_out = json.at("left_out");
  for (const Json& file : json.at("files")) {
    written.files.push_back({file.at("name"), file.at("rows"), file.at("bytes"), file.at("sha256")});
  }
  for (const Json& stats : json.at("series")) {
    written.series.push_back({stats.at(0), stats.at(1), stats.at(2), stats.at(3)});
  }
  for (const Json& end : json.at("ends")) {
    written.ends.push_back({end.at(0), end.at(1)});
  }
  return written;
}

/// Takes the next whole line off the front of `text`; nullopt when there is none.
std::optional<std::string> next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  std::string line(text.substr(0, end));
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

Journal::Journal(fs::path file, fs::path folder, const Json& identity, Log& log)
    : file_(std::move(file)), folder_(std::move(folder)) {
  const std::string head = identity.dump();
  std::error_code error;
  if (fs::exists(file_, error)) {
    take_over(read_file(file_), head, log);
  }
  std::string text = head + '\n';
  for (const auto& [metric, written] : finished_) {
    text += to_json(metric, written).dump() + '\n';
  }
  write_file_atomically(file_, text, std::nullopt, Durable::no);
  lines_.emplace(file_);
}

void Journal::take_over(const std::string& text, const std::string& head, Log& log) {
  std::string_view rest = text;
  if (next_line(rest) != head) {
    log.warn(
        "extract: an extraction that was not finished was of another window, other settings or other series: "
        "everything is read anew");
    return;
  }
  while (const std::optional<std::string> line = next_line(rest)) {
    try {
      const Json json = Json::parse(*line);
      WrittenMetric written = from_json(json);
      if (is_intact(written)) {
        finished_.emplace(json.at("metric").get<std::string>(), std::move(written));
      }
    } catch (const Json::exception&) {  // Torn in a way that left a line end: read anew, as what follows.
      return;
    }
  }
}

bool Journal::is_intact(const WrittenMetric& written) const {
  for (const DatasetFile& file : written.files) {
    const fs::path path = folder_ / file.name;
    std::error_code error;
    if (fs::file_size(path, error) != file.bytes || error || sha256_of_file(path) != file.sha256) {
      return false;
    }
  }
  return true;
}

const WrittenMetric* Journal::find(const std::string& metric) const {
  const std::lock_guard lock(mutex_);
  const auto found = finished_.find(metric);
  return found == finished_.end() ? nullptr : &found->second;
}

void Journal::add(const std::string& metric, const WrittenMetric& written) {
  const std::string line = to_json(metric, written).dump() + '\n';
  const std::lock_guard lock(mutex_);
  lines_->write(line);
  lines_->flush();
  finished_.emplace(metric, written);
}

std::set<std::string> Journal::files() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> files;
  for (const auto& [metric, written] : finished_) {
    for (const DatasetFile& file : written.files) {
      files.insert(file.name);
    }
  }
  return files;
}

std::size_t Journal::metrics() const {
  const std::lock_guard lock(mutex_);
  return finished_.size();
}

}  // namespace kexp::extractor
