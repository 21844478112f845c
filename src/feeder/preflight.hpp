#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/feeder/feeder.hpp"
#include "kexp/record/run_directory.hpp"

#include "broker_clock.hpp"

namespace kexp::feeder {

struct PreflightPorts {
  kafka::ClientFactory& kafka;
  kafka::Admin& admin;
  Clock& clock;
  Log& log;
};

/// What was found that does not keep a feed from starting.
struct PreflightReport {
  std::vector<BrokerClock> broker_clocks;
  std::string clocks_not_measured;  ///< Why; empty when they were.
  std::vector<std::string> warnings;
};

/// The number of partitions of the feed's topic, of which a plan is made.
/// Errors: KafkaError when there is no such topic; UsageError naming --partitions when it has others.
[[nodiscard]] std::uint32_t topic_partitions(kafka::Admin& admin, const FeederOptions& options);

/// Looks for everything that would spoil this plan on this topic, before anything is sent.
///
/// Topic: LogAppendTime, compaction, a retention smaller or shorter than the run, messages smaller than the
/// largest image; so the broker's and the producer's limits. A stored calibration below the plan's peak
/// (--force: a warning). A broker whose clock is so far off that it would refuse our CreateTime.
/// Errors: UsageError naming the setting, its value and the right one; those of Kafka; InterruptedError on
/// stop. What may not be looked at, or could not be measured, is a warning.
[[nodiscard]] PreflightReport preflight(const FeederOptions& options, const PreparedPlan& prepared,
                                        const PreflightPorts& ports, std::stop_token stop);

/// Writes a report where the run keeps it: warnings into its log, a "broker_clock" event for each broker.
void record_preflight(const PreflightReport& report, record::RunDirectory& run, Log& log, WallTime now);

}  // namespace kexp::feeder
