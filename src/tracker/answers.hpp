#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/record/id_table.hpp"
#include "kexp/record/result.hpp"
#include "kexp/stats/histogram.hpp"
#include "kexp/telemetry/metrics.hpp"
#include "kexp/tracker/tracker.hpp"

namespace kexp::tracker {

/// The answers of one run as they come: written to their files, counted, and measured.
///
/// Latencies and detections are of the first answer to an image; a duplicate is only written and counted.
/// Errors: FailedError naming the file.
class Answers {
 public:
  /// Makes results/`start`.csv and detections/`start`.csv below `run`.
  Answers(const std::filesystem::path& run, std::string_view start, telemetry::Metrics& metrics);

  enum class Kind { first, duplicate };
  /// Requires: the answer has an id.
  Kind add(const record::Result& result, WallTime received);
  void count_foreign();
  void count_invalid();
  /// Hands what was written to the kernel.
  void flush();

  [[nodiscard]] const TrackCounts& counts() const { return counts_; }
  [[nodiscard]] bool has(std::string_view id) const { return seen_.flags(id) != 0; }
  [[nodiscard]] stats::Summary end_to_end() const;
  [[nodiscard]] std::vector<std::pair<std::string, stats::Summary>> latency() const;
  [[nodiscard]] const std::map<std::string, std::int64_t>& detections_by_class() const { return classes_; }
  /// Counts, latency, classes and workers, as track.json holds them.
  [[nodiscard]] Json to_json() const;

 private:
  void measure(const record::Result& result, WallTime received);
  void count_detections(const record::Result& result);

  enum Stage : std::size_t { queue, decode, pre, inf, post, end_to_end_stage, receive, kStages };
  static constexpr std::array<const char*, kStages> kStageNames = {"queue", "decode",     "pre",    "inf",
                                                                   "post",  "end_to_end", "receive"};
  void record(Stage stage, double ms);

  telemetry::Metrics& metrics_;
  AppendFile results_;
  AppendFile detections_;
  record::IdTable seen_;
  TrackCounts counts_;
  std::array<stats::Histogram, kStages> histograms_;
  std::map<std::string, std::int64_t> classes_;
  /// Who answered: pod, node, model, engine, threads.
  std::map<std::tuple<std::string, std::string, std::string, std::string, int>, std::int64_t> workers_;
};

}  // namespace kexp::tracker
