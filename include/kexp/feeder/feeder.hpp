#pragma once

/// The feed job: curve → plan → send. Load is open loop: every image has its intended time before the first
/// is sent, and the pacing thread never waits for Kafka.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/core/units.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/record/feeds.hpp"
#include "kexp/record/verdict.hpp"
#include "kexp/telemetry/metrics.hpp"

namespace kexp::feeder {

/// What becomes of images that could not be sent when they were due.
enum class OnOverload {
  burst,    ///< All of them at once as soon as they can.
  bounded,  ///< At most at twice the planned rate until the debt is paid.
  drop,     ///< Those later than `max_debt` are not sent, and counted.
  fail      ///< The run ends, INVALID, once an image is later than `max_debt`.
};
inline constexpr cycle::Names<OnOverload, 4> kOverloadNames{{{"burst", OnOverload::burst},
                                                             {"bounded", OnOverload::bounded},
                                                             {"drop", OnOverload::drop},
                                                             {"fail", OnOverload::fail}}};

/// Which part of the one global plan a feed sends: image k with k mod of = index − 1.
using Shard = record::FeedPart;

struct FeederOptions {
  kafka::ClientOptions client;
  std::filesystem::path dataset = "datasets/mini.hdf5";
  std::string topic = "yolo_input";
  cycle::CurveOptions curve;
  ByteRate peak = ByteRate::megabytes_per_second(1.0);
  std::optional<double> max_images_per_s;  ///< Peak in images/s instead of `peak`.
  std::uint64_t burst_images = 0;          ///< Of the burst profile.
  std::uint64_t seed = 1;
  bool shuffle = false;
  cycle::Arrival arrival = cycle::Arrival::even;
  cycle::Partitioner partitioner = cycle::Partitioner::balanced;
  /// Folder with the plan.json of an earlier run or dry run: its settings are played again, and dataset and
  /// plan must have its hashes.
  std::filesystem::path plan;
  std::uint32_t threads = 1;  ///< Pacing threads, each with a producer of its own; all play the one plan.
  Shard shard;
  std::optional<WallTime> t0;  ///< When the plan begins; none: as soon as all is ready.
  OnOverload on_overload = OnOverload::bounded;
  Nanoseconds max_debt = std::chrono::milliseconds(100);
  /// Of the dataset in memory; a larger one is streamed ahead of the plan within it. 0: half of what is free.
  std::int64_t dataset_memory_bytes = 0;
  record::VerdictThresholds thresholds;
  bool force = false;             ///< Goes on with a peak that calibration says cannot be served.
  bool broker_clock = true;       ///< Measures the brokers' clocks before the run, by a topic of its own.
  std::filesystem::path run;      ///< Run directory to join; empty: a new one below runs/.
  std::optional<int> partitions;  ///< What the topic must have; a dry run plans for so many (1).
  /// A record without an answer for so long has failed.
  std::chrono::seconds delivery_timeout{120};
};

/// Checks everything that needs no broker and no dataset. Errors: UsageError naming the flag, or a line of
/// the profile's file.
void validate(const FeederOptions& options);

/// What the job reaches the outside through; all outlive it.
struct FeederPorts {
  kafka::ClientFactory& kafka;
  Clock& clock;
  Log& log;
  Progress& progress;
  telemetry::Metrics& metrics;
};

/// Of the images that one feed plans: of all, or of its part.
struct SendCounts {
  std::int64_t planned = 0, sent = 0, dropped = 0, acknowledged = 0, failed = 0, unknown = 0;
  std::int64_t never_sent = 0;  ///< Those of dropped that were not reached before the feed ended.
  std::int64_t sent_bytes = 0, acknowledged_bytes = 0;
  std::int64_t queue_full = 0, queue_full_ns = 0;  ///< Times that the producer had no room.
  std::int64_t starved = 0, starved_ns = 0;        ///< Times that the image was not in memory yet.
};

struct FeederResult {
  std::filesystem::path run;
  std::string run_id;
  bool interrupted = false;  ///< A stop request left images unsent, or without their answer.
  SendCounts counts;         ///< This feed's own; those in run.json are of all parts of the plan.
};

/// The plan that the options make, and what it is made from.
struct PreparedPlan {
  cycle::Plan plan;
  cycle::PlanOptions options;
  std::string plan_hash;
  std::string dataset_hash;
};

/// Makes the plan without a broker, for one partition unless the options say how many. Errors: as
/// run_feeder's, but nothing of Kafka.
[[nodiscard]] PreparedPlan prepare_plan(const FeederOptions& options);

/// What the producers of a feed of that plan are made with.
[[nodiscard]] kafka::ProducerOptions producer_options(const FeederOptions& options, const cycle::Plan& plan);

/// Leaves plan.json and plan.csv in `folder`, which is made; plan.json is all that `FeederOptions::plan`
/// needs.
///
/// A plan that is there is part of what was done or is to be done: the same one stays as it is. Errors:
/// UsageError naming --out when `folder` cannot be one, or holds anything else; FailedError.
void keep_plan(const std::filesystem::path& folder, const PreparedPlan& prepared);

/// Sends the plan, derives run.json and ledger.json, and writes plan.json, plan.csv, feed.json, feed.csv,
/// seconds.csv and sends.csv into the run.
///
/// The first stop request ends sending; what was sent is still waited for within a short bound, and the run
/// is marked as interrupted when something is left. Errors: UsageError naming the flag or the dataset;
/// KafkaError or UnavailableError when the broker or the topic is not there; FailedError when a file of the
/// run cannot be written.
[[nodiscard]] FeederResult run_feeder(const FeederOptions& options, const FeederPorts& ports,
                                      std::stop_token stop);

}  // namespace kexp::feeder
