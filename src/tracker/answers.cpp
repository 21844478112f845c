#include "answers.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"

namespace kexp::tracker {

namespace {

namespace fs = std::filesystem;

// Names of classes and workers come from outside: so many different ones are kept apart.
constexpr std::size_t kMostNames = 1000;
constexpr std::size_t kMostModels = 16;  // Each is a series, which a Prometheus keeps for weeks.

AppendFile open_table(const fs::path& folder, const std::string& name, const std::string& header) {
  std::error_code error;
  fs::create_directories(folder, error);  // A failure shows when the file is opened, which names it.
  AppendFile file(folder / name);
  if (on_disk("read", [&] { return fs::file_size(file.path()); }) == 0) {
    file.write(header);
    file.flush();
  }
  return file;
}

template <typename Map, typename Key>
void count_up_to(Map& map, const Key& key, std::int64_t amount) {
  const auto found = map.find(key);
  if (found != map.end()) {
    found->second += amount;
  } else if (map.size() < kMostNames) {
    map.emplace(key, amount);
  }
}

}  // namespace

Nanoseconds from_ms(double ms) {
  constexpr double kMostMs = 1e9;
  return Nanoseconds(std::llround(std::clamp(ms, -kMostMs, kMostMs) * 1e6));
}

Answers::Answers(const fs::path& run, std::string_view start, Nanoseconds deadline,
                 telemetry::Metrics& metrics)
    : metrics_(metrics),
      deadline_ms_(milliseconds(deadline)),
      file_name_(recover(run, start)),
      results_(open_table(run / "results", file_name_, record::result_header())),
      detections_(open_table(run / "detections", file_name_, record::detection_header())) {
  metrics_.set("results_deadline_seconds", seconds(deadline));
}

// The name of the files to go on with, of which what they have is counted.
std::string Answers::recover(const fs::path& run, std::string_view start) {
  std::string name = fmt::format("{}.csv", start);
  for (const fs::path& file : record::result_files(run)) {
    const std::string before = file.filename().string();
    const record::Columns columns = record::recover_results(
        run, before, [this](const record::Result& result, const record::Reception& at) {
          count(result, at);
          std::int64_t& until = had_until_[at.partition];
          until = std::max(until, at.offset + 1);
        });
    if (columns == record::Columns::current) {
      name = before;
    }
  }
  shown_ = counts_;  // A process begins its metrics anew: a jump to old counts would look like a high rate.
  unshown_by_model_.clear();
  unshown_s_ = {};
  recent_.clear();
  return name;
}

Answers::Kind Answers::add(const record::Result& result, const record::Reception& reception) {
  results_.write(record::result_line(result, reception));
  if (!result.detections.empty()) {
    detections_.write(record::detection_lines(result));
  }
  return count(result, reception);
}

bool Answers::had(std::int32_t partition, std::int64_t offset) const {
  const auto found = had_until_.find(partition);
  return found != had_until_.end() && offset < found->second;
}

Answers::Kind Answers::count(const record::Result& result, const record::Reception& reception) {
  ++counts_.answers;
  ++unshown_by_model_[model_label(result.model)];
  std::uint8_t& seen = seen_[result.id];
  if (seen != 0) {
    ++counts_.duplicates;
    return Kind::duplicate;
  }
  seen = 1;
  ++counts_.processed;
  counts_.errors += result.errors != 0 ? 1 : 0;
  measure(result, reception);
  count_detections(result);
  count_up_to(workers_, std::tuple(result.pod, result.node, result.model, result.engine, result.threads), 1);
  return Kind::first;
}

void Answers::record(Stage stage, double ms) {
  const Nanoseconds duration = from_ms(ms);
  histograms_[stage].record(duration);
  unshown_s_[stage].push_back(seconds(duration));
  if (stage == end_to_end_stage) {
    recent_.record(duration);
  }
}

void Answers::measure(const record::Result& result, const record::Reception& reception) {
  record(Stage::queue, result.queue_ms);
  if (result.errors == 0) {  // An image that failed has not gone through the stages.
    record(Stage::decode, result.decode_ms);
    record(Stage::pre, result.pre_ms);
    record(Stage::inf, result.inf_ms);
    record(Stage::post, result.post_ms);
    const bool in_time = record::done_ms(result) - static_cast<double>(result.start_time_ms) <= deadline_ms_;
    ++(in_time ? counts_.in_time : counts_.late);
  }
  if (result.done_time_ms != 0) {  // Earlier tools do not say when they were done.
    record(Stage::end_to_end_stage,
           static_cast<double>(result.done_time_ms) - static_cast<double>(result.start_time_ms));
    record(Stage::receive,
           static_cast<double>(reception.received_ms) - static_cast<double>(result.done_time_ms));
  }
}

void Answers::count_detections(const record::Result& result) {
  for (const record::ResultDetection& detection : result.detections) {
    if (detection.label.empty()) {
      count_up_to(classes_, fmt::format("{}", detection.class_id), 1);
    } else {
      count_up_to(classes_, detection.label, 1);
    }
  }
  counts_.detections += static_cast<std::int64_t>(result.detections.size());
}

const std::string& Answers::model_label(const std::string& model) {
  static const std::string kOther = "other";
  if (models_.size() < kMostModels) {
    models_.insert(model);
  }
  return models_.contains(model) ? model : kOther;
}

void Answers::flush() {
  show_metrics();
  results_.flush();
  detections_.flush();
}

void Answers::show_metrics() {
  for (auto& [model, count] : unshown_by_model_) {
    metrics_.add("results_received_total", static_cast<double>(count), {model});
  }
  unshown_by_model_.clear();
  const auto add = [this](const char* name, std::int64_t TrackCounts::*count) {
    metrics_.add(name, static_cast<double>(counts_.*count - shown_.*count));
  };
  add("results_duplicate_total", &TrackCounts::duplicates);
  add("results_foreign_total", &TrackCounts::foreign);
  add("results_invalid_total", &TrackCounts::invalid);
  add("results_in_time_total", &TrackCounts::in_time);
  add("results_late_total", &TrackCounts::late);
  shown_ = counts_;
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    std::vector<double>& values = unshown_s_[stage];
    if (values.empty()) {
      continue;
    }
    if (stage == end_to_end_stage) {
      metrics_.observe_many("end_to_end_seconds", values);
    } else if (stage == receive) {
      metrics_.observe_many("result_delivery_seconds", values);
    } else {
      metrics_.observe_many("result_stage_seconds", values, {kStageNames[stage]});
    }
    values.clear();
  }
}

stats::Summary Answers::take_recent() {
  const stats::Summary summary = recent_.summary();
  recent_.clear();
  return summary;
}

std::vector<std::pair<std::string, stats::Summary>> Answers::latency() const {
  std::vector<std::pair<std::string, stats::Summary>> summaries;
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    summaries.emplace_back(kStageNames[stage], histograms_[stage].summary());
  }
  return summaries;
}

Json Answers::to_json() const {
  Json latencies = Json::object();
  for (const auto& [stage, summary] : latency()) {
    latencies[stage] = stats::to_json(summary);
  }
  Json classes = Json::object();
  for (const auto& [label, count] : classes_) {
    classes[label] = count;
  }
  Json workers = Json::array();
  for (const auto& [who, count] : workers_) {
    const auto& [pod, node, model, engine, threads] = who;
    workers.push_back({{"pod", pod},
                       {"node", node},
                       {"model", model},
                       {"engine", engine},
                       {"threads", threads},
                       {"answers", count}});
  }
  return {{"answers", counts_.answers},       {"processed", counts_.processed},
          {"duplicates", counts_.duplicates}, {"errors", counts_.errors},
          {"foreign", counts_.foreign},       {"invalid", counts_.invalid},
          {"detections", counts_.detections}, {"latency", std::move(latencies)},
          {"classes", std::move(classes)},    {"workers", std::move(workers)}};
}

}  // namespace kexp::tracker
