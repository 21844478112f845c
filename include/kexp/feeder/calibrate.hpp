#pragma once

/// `feed calibrate`: what this machine's timers and this broker can do, measured in 20 s and kept for the
/// refusals of later feeds.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "kexp/core/clock.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/client.hpp"
#include "kexp/stats/histogram.hpp"

namespace kexp::feeder {

struct CalibrateOptions {
  kafka::ClientOptions client;
  std::filesystem::path dataset;  ///< Its images are sent; empty: random ones of 300 KB.
  std::chrono::seconds duration{20};
  int partitions = 3;                       ///< Of the scratch topic.
  int replication = 1;                      ///< Of the scratch topic.
  std::int64_t most_bytes = 4'000'000'000;  ///< Sent at most: the broker writes them to its disk.
};
/// Errors: UsageError naming the flag.
void validate(const CalibrateOptions& options);

struct Calibration {
  std::string time;  ///< UTC, RFC 3339.
  std::string host;
  std::string servers;
  stats::Summary lateness_50, lateness_1000;  ///< Of a timer at 50 and 1,000 deadlines a second.
  double megabytes_per_s = 0;                 ///< Acknowledged, flat out, one producer.
  double images_per_s = 0;
  double cpu_s_per_gb = 0;
  double mean_image_bytes = 0;
  double small_images_per_s =
      0;  ///< The same with images of kSmallImage bytes: what an image costs at least.

  /// Share of what one producer can do that images of this rate and mean size need, when an image of s bytes
  /// takes a + b s seconds: both measured rates give a and b.
  [[nodiscard]] double load(double rate_images_per_s, double image_bytes) const;
};
inline constexpr std::int64_t kSmallImage = 1000;
[[nodiscard]] Json to_json(const Calibration& calibration);

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

/// Where this host's calibration of these servers is kept: $XDG_CACHE_HOME/kexp/calibration/<hash>.json.
[[nodiscard]] std::filesystem::path calibration_file(const std::string& servers);
void store(const Calibration& calibration);
/// What was stored for these servers from this host; none when there is nothing readable.
[[nodiscard]] std::optional<Calibration> stored_calibration(const std::string& servers);

}  // namespace kexp::feeder
