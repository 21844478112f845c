#include "answers.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/record/result_files.hpp"

namespace kexp::tracker {

namespace {

namespace fs = std::filesystem;

// Names of classes and workers come from outside: so many different ones are kept apart.
constexpr std::size_t kMostNames = 1000;

AppendFile open_table(const fs::path& folder, std::string_view start, const std::string& header) {
  std::error_code error;
  fs::create_directories(folder, error);  // A failure shows when the file is opened, which names it.
  AppendFile file(folder / fmt::format("{}.csv", start), AppendFile::Existing::refuse);
  file.write(header);
  file.flush();
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

Answers::Answers(const fs::path& run, std::string_view start, telemetry::Metrics& metrics)
    : metrics_(metrics),
      results_(open_table(run / "results", start, record::result_header())),
      detections_(open_table(run / "detections", start, record::detection_header())) {}

Answers::Kind Answers::add(const record::Result& result, WallTime received) {
  results_.write(record::result_line(result, unix_ms(received)));
  if (!result.detections.empty()) {
    detections_.write(record::detection_lines(result));
  }
  ++counts_.answers;
  metrics_.add("results_received_total", 1, {result.model});
  std::uint8_t& seen = seen_[result.id];
  if (seen != 0) {
    ++counts_.duplicates;
    metrics_.add("results_duplicate_total", 1);
    return Kind::duplicate;
  }
  seen = 1;
  ++counts_.processed;
  counts_.errors += result.errors != 0 ? 1 : 0;
  measure(result, received);
  count_detections(result);
  count_up_to(workers_, std::tuple(result.pod, result.node, result.model, result.engine, result.threads), 1);
  return Kind::first;
}

void Answers::count_foreign() {
  ++counts_.foreign;
  metrics_.add("results_foreign_total", 1);
}

void Answers::count_invalid() {
  ++counts_.invalid;
  metrics_.add("results_invalid_total", 1);
}

void Answers::flush() {
  results_.flush();
  detections_.flush();
}

void Answers::record(Stage stage, double ms) {
  constexpr double kMostMs = 1e9;  // What somebody else wrote may be any number; a histogram ends at 38 h.
  const double bounded = std::clamp(ms, -kMostMs, kMostMs);
  histograms_[stage].record(Nanoseconds(std::llround(bounded * 1e6)));
  switch (stage) {
    case end_to_end_stage:
      metrics_.observe("end_to_end_seconds", bounded / 1e3);
      break;
    case receive:
      metrics_.observe("result_delivery_seconds", bounded / 1e3);
      break;
    default:
      metrics_.observe("result_stage_seconds", bounded / 1e3, {kStageNames[stage]});
  }
}

void Answers::measure(const record::Result& result, WallTime received) {
  record(Stage::queue, result.queue_ms);
  if (result.errors == 0) {  // An image that failed has not gone through the stages.
    record(Stage::decode, result.decode_ms);
    record(Stage::pre, result.pre_ms);
    record(Stage::inf, result.inf_ms);
    record(Stage::post, result.post_ms);
  }
  if (result.done_time_ms != 0) {  // Earlier tools do not say when they were done.
    record(Stage::end_to_end_stage,
           static_cast<double>(result.done_time_ms) - static_cast<double>(result.start_time_ms));
    record(Stage::receive, static_cast<double>(unix_ms(received)) - static_cast<double>(result.done_time_ms));
  }
}

void Answers::count_detections(const record::Result& result) {
  for (const record::ResultDetection& detection : result.detections) {
    count_up_to(classes_, detection.label.empty() ? fmt::format("{}", detection.class_id) : detection.label,
                1);
  }
  counts_.detections += static_cast<std::int64_t>(result.detections.size());
}

stats::Summary Answers::end_to_end() const { return histograms_[Stage::end_to_end_stage].summary(); }

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
