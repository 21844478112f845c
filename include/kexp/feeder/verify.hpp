#pragma once

/// `feed verify`: every figure of a fed run computed again from its files and, if wanted, from the topic.

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::feeder {

struct VerifyOptions {
  std::filesystem::path run;
  /// Reads the topic too: every acknowledged image must stand at its offset with its id and size, and images
  /// of unknown fate are decided.
  bool from_topic = false;
  kafka::ClientOptions client;
  std::string topic;  ///< Empty: the one that the run's feed sent to.
};

/// One figure as the run says it and as it was computed again.
struct Check {
  std::string what;  ///< "feed.json sent", "feed.csv segment 17 sent_bytes".
  std::string recorded;
  std::string recomputed;
  bool ok = true;
};

struct Verification {
  std::vector<Check> checks;  ///< All that failed, and one line for each kind that holds.
  Json run;                   ///< run.json, derived anew.
  [[nodiscard]] bool holds() const;
};

struct VerifyPorts {
  kafka::ClientFactory& kafka;
  Clock& clock;
  Progress& progress;
};

/// Checks a run and derives its run.json and ledger.json anew. `from_topic` also leaves feed-topic.csv (one
/// row for every image whose fate the topic decided) in the run, which the ledger then counts by.
/// Errors: UsageError naming RUN when it is no run or was not fed; those of Kafka.
[[nodiscard]] Verification verify(const VerifyOptions& options, const VerifyPorts& ports,
                                  std::stop_token stop);

}  // namespace kexp::feeder
