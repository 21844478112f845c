#pragma once

/// `feed verify`: every figure of a fed run computed again from its files and, if wanted, from the topic.

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/client.hpp"

namespace kexp::feeder {

struct VerifyOptions {
  std::filesystem::path run;
  /// Where the run's dataset is now; empty: where it was when it was fed.
  std::filesystem::path dataset;
  /// Reads the topic too: every acknowledged image must stand at its offset with its id and size, and images
  /// of unknown fate are decided.
  bool from_topic = false;
  kafka::ClientOptions client;
  std::string topic;  ///< Empty: the one that the run's feed sent to.
};

/// One figure as the run says it and as it was computed again, where they differ; or what was found to hold,
/// was not checked, or is to be told besides.
struct Check {
  enum class Outcome { holds, wrong, skipped, told };
  std::string what;  ///< "feed.json sent", "feed.csv segment 17 sent_bytes".
  std::string recorded;
  std::string recomputed;
  Outcome outcome = Outcome::holds;
};

struct Verification {
  /// One line for each kind of figures that holds, or was skipped, and the figures that do not hold: of each
  /// kind the first 20, and how many more.
  std::vector<Check> checks;
  std::string verdict;  ///< Of the run, derived anew, with its reasons.
  std::vector<std::string> reasons;
  std::int64_t unknown = 0;  ///< Images of the run whose fate nobody knows.
  /// What ended the look at the topic, one of Kafka's errors or a stop; all else is of the files then.
  std::exception_ptr topic_error;
  [[nodiscard]] bool holds() const;
};

struct VerifyPorts {
  kafka::ClientFactory& kafka;
  Clock& clock;
  Progress& progress;
};

/// Checks a run and derives its run.json and ledger.json anew. Where the dataset is still there, the plan is
/// made again, too. `from_topic` also leaves feed-topic.csv (one row for every image whose fate the topic
/// decided) in the run, which the ledger then counts by. Memory: 32 bytes an image for the topic, 24 for the
/// plan.
///
/// A feed that was killed leaves its tables as they were in its last second: they are not checked.
/// Errors: UsageError naming RUN when it is no run, was not fed, is being fed, or has no plan that can be
/// read, and --dataset when `dataset` is not the run's. Those of the topic are part of the result.
[[nodiscard]] Verification verify(const VerifyOptions& options, const VerifyPorts& ports,
                                  std::stop_token stop);

}  // namespace kexp::feeder
