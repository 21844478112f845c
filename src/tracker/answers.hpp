#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/record/id_table.hpp"
#include "kexp/record/result.hpp"
#include "kexp/record/result_files.hpp"
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
  /// Goes on in the files that an earlier tracker of `run` left, with its counts, after a torn end of theirs
  /// was cut; or makes results/`start`.csv and detections/`start`.csv, also where that tracker was of a
  /// version whose results/ had fewer columns.
  Answers(const std::filesystem::path& run, std::string_view start, Nanoseconds deadline,
          telemetry::Metrics& metrics);

  enum class Kind { first, duplicate };
  /// Requires: the answer has an id, and is not in the files yet.
  Kind add(const record::Result& result, const record::Reception& reception);
  void count_foreign() { ++counts_.foreign; }
  void count_invalid() { ++counts_.invalid; }
  /// Shows the metrics of what came since the last call, and hands what was written to the kernel.
  void flush();

  /// Whether the files had the answer at this place of the result topic when they were opened.
  [[nodiscard]] bool had(std::int32_t partition, std::int64_t offset) const;

  [[nodiscard]] const TrackCounts& counts() const { return counts_; }
  [[nodiscard]] bool has(std::string_view id) const { return seen_.flags(id) != 0; }
  /// End to end, of what came since the last call.
  [[nodiscard]] stats::Summary take_recent();
  [[nodiscard]] std::vector<std::pair<std::string, stats::Summary>> latency() const;
  [[nodiscard]] const std::map<std::string, std::int64_t>& detections_by_class() const { return classes_; }
  /// Counts, latency, classes and workers, as track.json holds them.
  [[nodiscard]] Json to_json() const;

 private:
  enum Stage : std::size_t { queue, decode, pre, inf, post, end_to_end_stage, receive, kStages };
  static constexpr std::array<const char*, kStages> kStageNames = {"queue", "decode",     "pre",    "inf",
                                                                   "post",  "end_to_end", "receive"};

  std::string recover(const std::filesystem::path& run, std::string_view start);
  Kind count(const record::Result& result, const record::Reception& reception);
  void measure(const record::Result& result, const record::Reception& reception);
  void record(Stage stage, double ms);
  void count_detections(const record::Result& result);
  const std::string& model_label(const std::string& model);
  void show_metrics();

  telemetry::Metrics& metrics_;
  const double deadline_ms_;
  record::IdTable seen_;
  TrackCounts counts_;
  std::array<stats::Histogram, kStages> histograms_;
  stats::Histogram recent_;
  std::map<std::string, std::int64_t> classes_;
  /// Who answered: pod, node, model, engine, threads.
  std::map<std::tuple<std::string, std::string, std::string, std::string, int>, std::int64_t> workers_;
  std::map<std::int32_t, std::int64_t> had_until_;
  // Not shown as metrics yet: look-ups and locks for each answer would cost more than the answer.
  std::array<std::vector<double>, kStages> unshown_s_;
  std::map<std::string, std::int64_t> unshown_by_model_;
  std::set<std::string> models_;  ///< That are shown by their names.
  TrackCounts shown_;
  const std::string file_name_;  // After what recover() fills.
  AppendFile results_;
  AppendFile detections_;
};

/// `ms`, of at most 11 days either way: what somebody else wrote may be any number.
[[nodiscard]] Nanoseconds from_ms(double ms);

}  // namespace kexp::tracker
