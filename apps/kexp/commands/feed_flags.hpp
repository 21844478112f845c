#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kexp/feeder/feeder.hpp"

#include "command.hpp"
#include "given_flags.hpp"

namespace kexp::cli {

/// The flags of `feed` as CLI11 fills them.
struct FeedFlags {
  feeder::FeederOptions options;
  std::string dataset = options.dataset.string();
  std::string run;
  std::string out;
  std::string curve = cycle::name_of(cycle::kCurveNames, options.curve.curve);
  std::string arrival = cycle::name_of(cycle::kArrivalNames, options.arrival);
  std::string partitioner = cycle::name_of(cycle::kPartitionerNames, options.partitioner);
  std::string plan;
  std::string shard;
  std::string t0;
  std::string on_overload = cycle::name_of(feeder::kOverloadNames, options.on_overload);
  double max_debt_s = seconds(options.max_debt);
  double dataset_memory_mb = 0;
  std::vector<std::string> thresholds;
  double max_mbps = options.peak.megabytes_per_second();
  double max_ips = 0;
  int partitions = 0;
  long delivery_timeout_s = options.delivery_timeout.count();
  bool no_broker_clock = false;
  bool dry_run = false;
  bool json = false;
  std::vector<std::string> properties;
  MetricsEndpointFlags metrics;
  CLI::Option* max_mbps_flag = nullptr;
  CLI::Option* max_ips_flag = nullptr;
  CLI::Option* partitions_flag = nullptr;
  GivenFlags given;
};

/// Binds the flags of `feed`; `flags` outlives the command.
void add_feed_flags(CLI::App& command, FeedFlags& flags);

/// What the flags ask for, checked but for what needs a broker or the dataset; the file of a profile has been
/// read. Errors: UsageError naming the flag or `file:line`.
[[nodiscard]] feeder::FeederOptions options_of(const FeedFlags& flags);

/// Errors: UsageError naming `flag`.
[[nodiscard]] std::int64_t bytes_of_megabytes(double megabytes, const char* flag);

}  // namespace kexp::cli
