#pragma once

/// The track job: answers on the result topic → CSV files, live statistics and the count of every image.
///
/// Answers are read by `assign`, without a group and without a commit, so tracking never changes what
/// Kafka holds, and several trackers do not meet there. Answers of other runs are counted apart. A tracker
/// that was killed or stopped goes on where its files end: every row names the offset of its answer. The
/// job's thread is the only one that writes.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/stats/histogram.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::tracker {

struct TrackerOptions {
  kafka::ClientOptions client;
  std::string topic = "yolo_output";
  std::filesystem::path run;  ///< Run directory to join; empty: a new one below runs/.
  /// Where to begin on the topic: where the run did, by the time of the records; at its first record, as
  /// always with `any_run`; or at its end, which misses what was answered before. A tracker that goes on
  /// begins where it did at first.
  enum class From { run_start, earliest, latest } from = From::run_start;
  bool any_run = false;  ///< Take the answers of every run, and those that name none.
  /// Ends when the feed of the run has finished and every acknowledged image has its answer.
  bool until_complete = false;
  /// How long `until_complete` waits without a new answer once the feed has finished or was killed; and,
  /// where the feed is on another host, without anything new in its files either.
  std::chrono::seconds timeout{300};
  /// How long it waits without a new answer while no feed has joined the run, or a shard is missing.
  std::chrono::seconds feed_timeout{3600};
  /// An answer counts as goodput when its image was done so soon after its intended time.
  std::chrono::milliseconds deadline{1000};
  /// How often progress is reported.
  std::chrono::milliseconds progress_interval{5000};
  /// False where the consumers send no answers: images then count as processed when `group` has committed
  /// their offset on `input_topic`.
  bool validate_results = true;
  std::string input_topic = "yolo_input";
  std::string group;  ///< Empty: "<input_topic>.consumers".
};

/// Errors: UsageError naming the flag.
void validate(const TrackerOptions& options);

/// What the job reaches the outside through; all outlive it.
struct TrackerPorts {
  kafka::ClientFactory& kafka;
  Clock& clock;
  Log& log;
  Progress& progress;
  telemetry::Metrics& metrics;
};

struct TrackCounts {
  std::int64_t answers = 0;     ///< Written to the files.
  std::int64_t processed = 0;   ///< Different ids among them.
  std::int64_t duplicates = 0;  ///< The others.
  std::int64_t errors = 0;      ///< First answers that say that their image could not be processed.
  std::int64_t foreign = 0;     ///< Answers of other runs; not written.
  std::int64_t invalid = 0;     ///< Records that are no answer; not written.
  std::int64_t detections = 0;  ///< Of first answers.
  /// First answers without an error by their CreateTime: within the deadline, and after it.
  std::int64_t in_time = 0, late = 0;
};

struct TrackerResult {
  std::filesystem::path run;
  std::string run_id;
  TrackCounts counts;
  /// By stage, in the order of docs/results.md.
  std::vector<std::pair<std::string, stats::Summary>> latency;
  std::map<std::string, std::int64_t> detections_by_class;
  /// Every acknowledged image has its answer; none when the feed of the run has not finished.
  std::optional<bool> complete;
  bool stopped = false;  ///< Ended by a stop request.
  /// Of run.json, as of now: "VALID", "PERTURBED", "PARTIAL" or "INVALID", and why.
  std::string verdict;
  std::vector<std::string> reasons;
};

/// Joins the run as `track`, writes results/<start>.csv and detections/<start>.csv, at the end goodput.csv,
/// and derives run.json. Where a tracker of the run has ended or was killed, goes on in its files.
///
/// A stop request drains: what the topic holds at that moment is still read, within 10 s. Errors:
/// KafkaError or UnavailableError when the broker or the topic is not there, before anything is written;
/// UsageError naming --run, also while another tracker of it is at work, and the flag that the tracker before
/// was given otherwise; FailedError naming the file that cannot be written: Kafka still has the answers.
[[nodiscard]] TrackerResult run_tracker(const TrackerOptions& options, const TrackerPorts& ports,
                                        std::stop_token stop);

}  // namespace kexp::tracker
