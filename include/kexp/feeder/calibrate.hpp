#pragma once

/// `feed calibrate`: what this machine's timers and this broker can do, measured in 20 s and kept for the
/// refusals of later feeds.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "kexp/core/clock.hpp"
#include "kexp/core/json_fwd.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/stats/histogram.hpp"

namespace kexp::feeder {

struct CalibrateOptions {
  kafka::ClientOptions client;
  std::filesystem::path dataset;  ///< Its images are sent, too; may be empty.
  std::chrono::seconds duration{20};
  int partitions = 3;                       ///< Of the scratch topic.
  int replication = 1;                      ///< Of the scratch topic.
  std::int64_t most_bytes = 4'000'000'000;  ///< Sent at most: the broker writes them to its disk.
};
/// Errors: UsageError naming the flag.
void validate(const CalibrateOptions& options);

/// What one producer got acknowledged, flat out, of images of one mean size.
struct CalibratedRate {
  double image_bytes = 0;  ///< The mean of those that it was given.
  double images_per_s = 0;
  double megabytes_per_s = 0;
  double cpu_s_per_gb = 0;
  std::string dataset{};  ///< Whose images they were; empty: random ones.
};

/// A measured rate that others contradict.
struct LeftOutRate {
  CalibratedRate rate;
  std::string because;  ///< "images of 30.0 kB got 1200 images/s".
};

struct Calibration {
  std::string time;  ///< UTC, RFC 3339.
  std::string host;
  std::string servers;                        ///< As they were given.
  std::string cluster;                        ///< Whose they are: kafka::Admin::cluster_id.
  stats::Summary lateness_50, lateness_1000;  ///< Of a timer at 50 and 1,000 deadlines a second.
  std::vector<CalibratedRate> rates;          ///< By size, the smallest first; at least one.
  std::vector<LeftOutRate> left_out;          ///< Measured, but not among the rates: leave_contradicted_out.

  /// Images of that mean size that one producer can send in a second. Between two measured sizes the time for
  /// an image is interpolated linearly; below the smallest it is that of the smallest, above the largest it
  /// grows with the size. One line through all sizes would not do: small images share requests.
  [[nodiscard]] double images_per_s(double image_bytes) const;
  /// The measured sizes on both sides of that one; twice the same beyond the ends.
  [[nodiscard]] std::pair<CalibratedRate, CalibratedRate> around(double image_bytes) const;
};
[[nodiscard]] Json to_json(const Calibration& calibration);

/// Takes the rates away that cannot be what machine and broker can do, as other sizes got more.
///
/// Whatever else is at work makes a rate lower, never higher. So a size is contradicted by a larger one of
/// which clearly more images a second got through, and by a smaller and a larger one together that both got
/// twice its bytes a second. The rates are sorted by size before and after.
void leave_contradicted_out(Calibration& calibration);

struct CalibratePorts {
  kafka::ClientFactory& kafka;
  Clock& clock;
  Log& log;
  Progress& progress;
};

/// Measures, and removes the scratch topic it made also when it fails or is stopped.
/// Errors: those of Kafka; InterruptedError on stop.
[[nodiscard]] Calibration calibrate(const CalibrateOptions& options, const CalibratePorts& ports,
                                    std::stop_token stop);

/// The cluster that a calibration is of: its id, or the servers where it says none.
[[nodiscard]] std::string calibrated_cluster(kafka::Admin& admin, const kafka::ClientOptions& client);

/// Where this host's calibration of a cluster is kept: $XDG_CACHE_HOME/kexp/calibration/<hash>.json.
[[nodiscard]] std::filesystem::path calibration_file(const std::string& cluster);
void store(const Calibration& calibration);
/// What was stored for this cluster from this host; none when there is nothing readable.
[[nodiscard]] std::optional<Calibration> stored_calibration(const std::string& cluster);

}  // namespace kexp::feeder
