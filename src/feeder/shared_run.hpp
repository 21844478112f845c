#pragma once

#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/record/feeds.hpp"

namespace kexp::feeder {

/// The id of the run that several shards feed: every host makes the same of the same plan and t0.
[[nodiscard]] std::string shared_run_id(WallTime t0, const std::string& plan_hash);

/// librdkafka.jsonl, or librdkafka-2.jsonl of part 2.
[[nodiscard]] std::string statistics_file_name(const record::FeedPart& part);

/// log, or log-2 of part 2: two feeds of one host may write into one folder.
[[nodiscard]] std::string log_file_name(const record::FeedPart& part);

}  // namespace kexp::feeder
