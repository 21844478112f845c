#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/cycle/plan.hpp"
#include "kexp/feeder/verify.hpp"
#include "kexp/record/feeds.hpp"

#include "checks.hpp"
#include "plan_table.hpp"

namespace kexp::feeder {

/// Which run is looked for where.
struct TopicQuestion {
  std::filesystem::path run;
  std::string run_id;
  std::string topic;
  bool is_own = true;           ///< The topic that the run sent to: what it says settles fates.
  std::int64_t t0_unix_ns = 0;  ///< Nothing of the run is older.
  /// The feeds that are here, and whether each came to its end.
  struct Feed {
    record::FeedPart part;
    std::uint32_t threads = 1;  ///< Each sends its images in their order.
    bool finished = false;
  };
  std::vector<Feed> feeds;
};

/// Reads all that the topic can have of the run, holds it against what the feeds wrote (and, when there is
/// one, the plan), and leaves feed-topic.csv with the fates of the images that no feed knew, and
/// feed-lost.csv with the acknowledged ones that are not there. Another topic than the run's leaves nothing.
///
/// Such an image was acknowledged when it is there. When it is not, it has failed if it was sent, or if one
/// after it of the same pacing thread was: those are sent in their order. What was planned after the last one
/// that was ever seen was never sent: dropped. What an earlier look found stays acknowledged. Nothing is
/// settled, and feed-topic.csv stays as it is, when an acknowledged image is not there, when the topic may
/// have deleted records of the run, or when it was not read to its end: it does not tell then. Errors: those
/// of Kafka, also for a topic that is not there (exit code 2); InterruptedError on stop.
void check_topic(const TopicQuestion& question, const PlanTable& table, const cycle::Plan* plan,
                 const kafka::ClientOptions& client, const VerifyPorts& ports, Checks& checks,
                 std::stop_token stop);

}  // namespace kexp::feeder
