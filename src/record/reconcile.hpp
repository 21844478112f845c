#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kexp/record/run_directory.hpp"

#include "event_log.hpp"
#include "feed_logs.hpp"

namespace kexp::record {

/// Ids of one kind: how many, and the first ones by name.
struct IdListing {
  static constexpr std::size_t kLongest = 1000;
  std::int64_t total = 0;
  std::vector<std::string> ids;

  void add(const std::string& id) {
    ++total;
    if (ids.size() < kLongest) {
      ids.push_back(id);
    }
  }
  void add(std::int64_t id) {
    ++total;
    if (ids.size() < kLongest) {
      ids.push_back(std::to_string(id));
    }
  }
};

/// The ledger with the ids behind it.
struct Reconciliation {
  Ledger ledger;
  IdListing lost, missing, duplicate, failed, unknown, dropped, unexpected;
  std::map<std::string, std::int64_t> failures;  ///< By the name of the error.
  std::int64_t dropped_by_policy = 0;            ///< Those of `dropped` that have a row.
  /// Acknowledged offsets that no single log gives: OffsetOrder.
  std::int64_t offsets_repeated = 0, offsets_before_older = 0;
  /// Counts of feed.json or track.json that the files do not bear out.
  std::vector<std::string> mismatches;
};

/// Counts the sends of every feed, plan.json and results/*.csv by id.
[[nodiscard]] Reconciliation reconcile(const std::filesystem::path& run, const FeedLogs& feeds,
                                       const RoleLog& track);

}  // namespace kexp::record
