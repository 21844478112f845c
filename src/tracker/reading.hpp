#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/log.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/tracker/tracker.hpp"

namespace kexp::tracker {

/// What is asked of the broker.
struct Clients {
  std::unique_ptr<kafka::Admin> admin;
  std::unique_ptr<kafka::Consumer> consumer;
  std::vector<kafka::PartitionLag> topic;  ///< What the result topic held then.
};

/// Errors: KafkaError or UnavailableError when the broker or the topic is not there.
[[nodiscard]] Clients make_clients(kafka::ClientFactory& factory, const TrackerOptions& options,
                                   std::stop_token stop);

/// Where to begin on the result topic, as a tracker of `run` began when it joined; a first one notes it in
/// track.json. With Kafka's offsets nothing else has to be kept: what was written is told apart by its place.
/// Errors: KafkaError or UnavailableError.
[[nodiscard]] std::vector<kafka::PartitionOffset> beginning(const TrackerOptions& options,
                                                            const Clients& clients, record::RunDirectory& run,
                                                            WallTime now);

/// Holds the files that an earlier tracker of the run has left against what the topic has: a topic that was
/// made anew is another one, and records that were deleted before they were read are lost, which is warned
/// of. Errors: UsageError naming --topic; FailedError naming the file.
void check_continuity(const TrackerOptions& options, const Clients& clients, Log& log);

}  // namespace kexp::tracker
