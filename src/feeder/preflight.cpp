#include "preflight.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "kexp/core/error.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/units.hpp"
#include "kexp/feeder/calibrate.hpp"
#include "kexp/kafka/topics.hpp"

#include "lane.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

/// A limit of a topic is that of a whole batch: 61 bytes of its own, then key, headers and lengths.
constexpr std::int64_t kLargestOverhead = 512;
/// What a record takes on the broker's disk besides its image, about.
constexpr std::uint64_t kRecordOverhead = 200;
/// Consumers, and `feed verify --from-topic`, still read when the feed is done.
constexpr auto kAfterRun = std::chrono::hours(1);
constexpr auto kClockWarning = 100ms;
/// Lateness of the 99th percentile that alone makes a run INVALID, and PERTURBED.
constexpr double kHopelessLatenessMs = 100;
constexpr double kLateMs = 1;

/// The command that changes a setting of a topic.
std::string cure(const std::string& topic, std::string_view key, std::string_view right) {
  return fmt::format(
      "set {0}={1} (kafka-configs.sh --alter --entity-type topics --entity-name {2} --add-config {0}={1})",
      key, right, topic);
}

std::optional<std::int64_t> number(const kafka::Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  if (found == settings.end()) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [read, error] = std::from_chars(found->second.data(), end, value);
  return error == std::errc() && read == end ? std::optional(value) : std::nullopt;
}

std::string text(const kafka::Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? "" : found->second;
}

/// The last -X of that name: it wins.
std::optional<std::int64_t> property(const FeederOptions& options, const std::string& name) {
  kafka::Settings last;
  for (const auto& [key, value] : options.client.properties) {
    last[key] = value;
  }
  return number(last, name);
}

std::string apart(const BrokerClock& clock) {
  return fmt::format("the clock of broker {} is {} {} this host's (± {:.1f} ms)", clock.broker,
                     format_duration(std::chrono::abs(clock.ahead)),
                     clock.ahead < 0ns ? "behind" : "ahead of", milliseconds(clock.uncertainty));
}

/// Three digits as one would type them ("22700", not "2.27e+04"), and no more than the value.
std::string flag_value(double value) {
  const double step = std::pow(10, std::floor(std::log10(value)) - 2);
  return value >= 100 ? fmt::format("{:.0f}", std::floor(value))
                      : fmt::format("{:.3g}", std::floor(value / step) * step);
}

class Preflight {
 public:
  Preflight(const FeederOptions& options, const PreparedPlan& prepared, const PreflightPorts& ports)
      : options_(options), plan_(prepared.plan), ports_(ports) {}

  PreflightReport run(std::stop_token stop) {
    const std::vector<std::int32_t> brokers = leaders();
    read_settings(brokers);
    check_contents();
    check_sizes();
    check_retention_bytes();
    check_retention_time(0ns);
    check_calibration();
    measure_clocks(brokers, std::move(stop));
    for (const BrokerClock& clock : report_.broker_clocks) {
      check_clock(clock);
    }
    return std::move(report_);
  }

 private:
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    report_.warnings.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  [[noreturn]] void refuse(const std::string& key, std::string_view why, std::string_view right) const {
    throw UsageError(fmt::format("--topic {} has {}={}, {}: {}", options_.topic, key, text(topic_, key), why,
                                 cure(options_.topic, key, right)));
  }

  std::vector<std::int32_t> leaders() const {
    std::set<std::int32_t> found;
    for (const kafka::PartitionInfo& partition : ports_.admin.describe(options_.topic).partitions) {
      if (partition.leader >= 0) {
        found.insert(partition.leader);
      }
    }
    return {found.begin(), found.end()};
  }

  void read_settings(const std::vector<std::int32_t>& brokers) {
    try {
      topic_ = ports_.admin.topic_settings(options_.topic);
      for (const std::int32_t broker : brokers) {
        brokers_[broker] = ports_.admin.broker_settings(broker);
      }
    } catch (const kafka::KafkaError& e) {
      if (!e.name().ends_with("AUTHORIZATION_FAILED")) {
        throw;
      }
      warn("not everything was checked: {}", e.what());
    }
  }

  void check_contents() const {
    if (text(topic_, "message.timestamp.type") == "LogAppendTime") {
      refuse("message.timestamp.type", "which overwrites the intended times", "CreateTime");
    }
    if (text(topic_, "cleanup.policy").find("compact") != std::string::npos) {
      refuse("cleanup.policy", "which deletes images whose id another run sends again", "delete");
    }
  }

  /// Every limit on the way of the largest image.
  void check_sizes() const {
    const auto largest = static_cast<std::int64_t>(plan_.largest_image());
    const std::int64_t need = largest + kLargestOverhead;
    if (number(topic_, "max.message.bytes").value_or(need) < need) {
      refuse(
          "max.message.bytes",
          fmt::format("but the largest image is {} bytes and needs {} with key and headers", largest, need),
          std::to_string(kafka::kMaxMessageBytes));
    }
    for (const auto& [broker, settings] : brokers_) {
      if (number(settings, "socket.request.max.bytes").value_or(need) < need) {
        throw UsageError(
            fmt::format("broker {} has socket.request.max.bytes={}, but the largest image is {} bytes: set "
                        "socket.request.max.bytes=104857600 in its server.properties",
                        broker, text(settings, "socket.request.max.bytes"), largest));
      }
    }
    const auto check_property = [&](const char* name, std::int64_t unit, std::int64_t right) {
      const std::optional<std::int64_t> given = property(options_, name);
      if (given && *given < (need + unit - 1) / unit) {
        throw UsageError(
            fmt::format("-X {0}={1} is too small for the largest image of {2} bytes: leave it out, or "
                        "give -X {0}={3}",
                        name, *given, largest, right));
      }
    };
    check_property("message.max.bytes", 1, kafka::kMaxMessageBytes);
    check_property("queue.buffering.max.kbytes", 1024, kafka::kMaxMessageBytes / 1024);
  }

  void check_retention_bytes() const {
    const std::vector<std::uint64_t>& bytes = plan_.partition_bytes();
    const auto most = static_cast<std::int64_t>(*std::max_element(bytes.begin(), bytes.end()) +
                                                kRecordOverhead * plan_.images().size() / bytes.size());
    const std::int64_t kept = number(topic_, "retention.bytes").value_or(-1);
    if (kept >= 0 && kept < most) {
      refuse("retention.bytes",
             fmt::format("but the run puts {} bytes into its fullest partition, so its first images would be "
                         "deleted",
                         most),
             "-1");
    }
  }

  /// A broker that is ahead takes every image for so much older than it is.
  void check_retention_time(Nanoseconds ahead) {
    const std::int64_t kept_ms = number(topic_, "retention.ms").value_or(-1);
    if (kept_ms < 0) {
      return;
    }
    const double run_s = plan_.duration_s() + std::max(0.0, seconds(ahead));
    const double kept_s = static_cast<double>(kept_ms) / 1000;
    if (kept_s < run_s) {
      const double right_s = std::ceil(run_s) + seconds(kAfterRun);
      refuse("retention.ms",
             fmt::format(
                 "but the run lasts {:.0f} s{}, so its first images would be deleted before its end",
                 plan_.duration_s(),
                 ahead > 0ns ? fmt::format(" and its broker's clock is {:.0f} s ahead", seconds(ahead)) : ""),
             fmt::format("{:.0f}", right_s * 1000));
    }
    if (kept_s < run_s + seconds(kAfterRun) && ahead == 0ns) {
      warn(
          "topic {} keeps images for {:.0f} s (retention.ms) and the run lasts {:.0f} s: what is not read "
          "{:.0f} s after it is gone",
          options_.topic, kept_s, plan_.duration_s(), kept_s - run_s);
    }
  }

  void check_calibration() {
    const std::optional<Calibration> calibration =
        stored_calibration(calibrated_cluster(ports_.admin, options_.client));
    const double peak_bytes = plan_.peak_bytes_per_s();
    if (!calibration || !(peak_bytes > 0)) {  // A burst has no rate that it must keep to.
      return;
    }
    const double mean_bytes =
        static_cast<double>(plan_.total_bytes()) / static_cast<double>(plan_.images().size());
    const double share_bytes = peak_bytes / options_.shard.of;  // Of this feed.
    const double share_images = share_bytes / mean_bytes;
    const std::string peak = fmt::format("{:.1f} MB/s, {:.0f} images/s of {}", share_bytes / 1e6,
                                         share_images, format_bytes(mean_bytes));
    const double one_producer = calibration->images_per_s(mean_bytes);
    const double load = share_images / one_producer;
    if (load > options_.threads) {
      const double served = options_.threads / load;
      const std::string lower =
          options_.max_images_per_s
              ? fmt::format("--max-ips to {}", flag_value(served * *options_.max_images_per_s))
              : fmt::format("--max-mbps to {}", flag_value(served * options_.peak.megabytes_per_second()));
      const std::string threads =
          load <= kMostThreads ? fmt::format(", give --threads {:.0f}", std::ceil(load)) : "";
      object(fmt::format(
          "this feed's peak is {}, but one producer can send {:.0f} images/s of that size ({}): lower {}{}, "
          "calibrate again (kexp feed calibrate) where that was on a busy machine",
          peak, one_producer, measured(*calibration, mean_bytes), lower, threads));
    } else if (load > 1) {
      warn(
          "this feed's peak is {}, {:.2f} times what one producer can send ({}): calibrated is nothing for "
          "{} threads",
          peak, load, measured(*calibration, mean_bytes), options_.threads);
    }
    const double late_ms = share_images / options_.threads > 50 ? calibration->lateness_1000.p99_ms
                                                                : calibration->lateness_50.p99_ms;
    if (late_ms >= kHopelessLatenessMs) {
      object(fmt::format(
          "at {} one in a hundred timers of this host was {:.1f} ms late, and a run may not have one "
          "image in a thousand 100 ms late: end what else runs here and calibrate again (kexp feed "
          "calibrate)",
          calibration->time, late_ms));
    } else if (late_ms > kLateMs) {
      warn("at {} one in a hundred timers of this host was {:.1f} ms late: expect PERTURBED",
           calibration->time, late_ms);
    }
  }

  /// What is known of images of about that size.
  static std::string measured(const Calibration& calibration, double image_bytes) {
    const auto text = [](const CalibratedRate& rate) {
      return fmt::format("{:.0f} images/s of {}", rate.images_per_s, format_bytes(rate.image_bytes));
    };
    const auto [lower, upper] = calibration.around(image_bytes);
    const std::string rates = lower.image_bytes < upper.image_bytes
                                  ? fmt::format("{} and {}", text(lower), text(upper))
                                  : text(lower);
    return fmt::format("at {} it got {} to {}", calibration.time, rates, calibration.servers);
  }

  /// Something that --force overrules.
  void object(const std::string& why) {
    if (!options_.force) {
      throw UsageError(fmt::format("calibration: {}, or feed all the same by --force", why));
    }
    warn("calibration: {}", why);
  }

  void measure_clocks(const std::vector<std::int32_t>& brokers, std::stop_token stop) {
    if (!options_.broker_clock) {
      report_.clocks_not_measured = "--no-broker-clock";
      return;
    }
    if (brokers.empty()) {
      report_.clocks_not_measured = "no partition has a leader";
    } else {
      try {
        report_.broker_clocks =
            measure_broker_clocks(brokers, options_.client,
                                  {ports_.kafka, ports_.admin, ports_.clock, ports_.log}, std::move(stop));
        return;
      } catch (const InterruptedError&) {
        throw;
      } catch (const Error& e) {
        report_.clocks_not_measured = e.what();
      }
    }
    warn("the brokers' clocks were not measured: {}", report_.clocks_not_measured);
  }

  /// How far, in ms, an image's time may lie from the broker's. Kafka 3.6 took the two apart; there the old
  /// one still holds where the new one is at its default. nullopt: any distance.
  std::optional<std::pair<std::string, std::int64_t>> time_limit(const std::string& key) const {
    for (const std::string& name : {key, std::string("message.timestamp.difference.max.ms")}) {
      const std::optional<std::int64_t> limit = number(topic_, name);
      if (limit && *limit != std::numeric_limits<std::int64_t>::max()) {
        return std::pair(name, *limit);
      }
    }
    return std::nullopt;
  }

  void check_clock(const BrokerClock& clock) {
    const bool is_behind = clock.ahead < 0ns;
    const Nanoseconds distance = is_behind ? -clock.ahead : clock.ahead;
    const auto limit =
        time_limit(is_behind ? "message.timestamp.after.max.ms" : "message.timestamp.before.max.ms");
    if (limit) {
      const auto allowed_ms = static_cast<double>(limit->second);
      if (milliseconds(distance - clock.uncertainty) > allowed_ms) {
        // Late images are that much older still.
        const double right_ms = milliseconds(distance) + milliseconds(options_.delivery_timeout) + 60'000;
        refuse(
            limit->first,
            fmt::format(
                "and {}, so it would refuse every image (INVALID_TIMESTAMP); mend the clocks (NTP), or else",
                apart(clock)),
            fmt::format("{:.0f}", std::ceil(right_ms)));
      }
      const double worst_ms = milliseconds(distance + clock.uncertainty) +
                              (is_behind ? 0 : milliseconds(options_.delivery_timeout));
      if (worst_ms > allowed_ms) {
        warn("{}, and topic {} has {}={}: images that are late may be refused (INVALID_TIMESTAMP)",
             apart(clock), options_.topic, limit->first, limit->second);
      }
    }
    if (distance - clock.uncertainty > kClockWarning) {
      warn("{}: times of other hosts are off by as much; set the clocks (NTP)", apart(clock));
    }
    if (clock.ahead > kClockWarning) {
      check_retention_time(clock.ahead);
    }
  }

  const FeederOptions& options_;
  const cycle::Plan& plan_;
  const PreflightPorts& ports_;
  kafka::Settings topic_;
  std::map<std::int32_t, kafka::Settings> brokers_;
  PreflightReport report_;
};

}  // namespace

std::uint32_t topic_partitions(kafka::Admin& admin, const FeederOptions& options) {
  const int partitions = kafka::partitions_of(admin, options.topic, kafka::TopicUse::images, "--topic");
  // A replayed plan is refused with its own words when its partitions are others.
  if (options.plan.empty() && options.partitions && *options.partitions != partitions) {
    throw UsageError(
        fmt::format("--partitions is {}, but topic {} has {}: kexp topics create --reset --partitions {}",
                    *options.partitions, options.topic, partitions, *options.partitions));
  }
  return static_cast<std::uint32_t>(partitions);
}

PreflightReport preflight(const FeederOptions& options, const PreparedPlan& prepared,
                          const PreflightPorts& ports, std::stop_token stop) {
  return Preflight(options, prepared, ports).run(std::move(stop));
}

void record_preflight(const PreflightReport& report, record::RunDirectory& run, Log& log, WallTime now) {
  for (const std::string& warning : report.warnings) {
    log.warn("feed: text=\"{}\"", warning);
  }
  for (const BrokerClock& clock : report.broker_clocks) {
    run.append("broker_clock",
               {{"broker", clock.broker},
                {"ahead_ms", milliseconds(clock.ahead)},
                {"uncertainty_ms", milliseconds(clock.uncertainty)}},
               now);
  }
  if (!report.clocks_not_measured.empty()) {
    run.append("broker_clock", {{"not_measured", report.clocks_not_measured}}, now);
  }
}

}  // namespace kexp::feeder
