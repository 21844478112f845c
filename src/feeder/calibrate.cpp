#include "kexp/feeder/calibrate.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <span>
#include <sys/resource.h>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/random.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/dataset/stored.hpp"

#include "cpu_time.hpp"
#include "scratch_topic.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kRandomImage = 300'000;
constexpr std::size_t kRandomImages = 8;
constexpr std::size_t kMostMemory = 256 * 1024 * 1024;  ///< For a dataset's images.
constexpr auto kFirstAnswer = 10s;                      ///< Until a broker has taken the first image.
constexpr auto kQueueFullPause = 1ms;

/// Shares of the whole time; what is left goes into topics, connections and last answers.
constexpr int kTimerShare = 8;  // Each of the two.
constexpr int kImageShare = 2;
constexpr int kSmallShare = 10;

[[noreturn]] void interrupted() { throw InterruptedError("stopped while calibrating"); }

/// How late a thread wakes that waits for absolute deadlines, as the pacing thread does.
stats::Summary timer_lateness(int per_second, Nanoseconds duration, Clock& clock, std::stop_token stop) {
  const Nanoseconds step = Nanoseconds(1s) / per_second;
  const SteadyTime start = clock.now() + step;
  stats::Histogram lateness;
  for (SteadyTime due = start; due < start + duration; due += step) {
    if (!clock.sleep_until(due, stop)) {
      interrupted();
    }
    lateness.record(clock.now() - due);
  }
  return lateness.summary();
}

/// What is sent: a dataset's first images, as many as fit into memory, or random bytes.
class Images {
 public:
  explicit Images(const std::filesystem::path& dataset) {
    if (dataset.empty()) {
      make_random();
    } else {
      read(dataset);
    }
  }

  [[nodiscard]] Bytes at(std::size_t i) const { return images_[i % images_.size()]; }

 private:
  void make_random() {
    SplitMix64 random(1);
    memory_.resize(kRandomImages * kRandomImage);
    std::generate(memory_.begin(), memory_.end(), [&] { return static_cast<std::uint8_t>(random.next()); });
    for (std::size_t i = 0; i < kRandomImages; ++i) {
      images_.push_back(Bytes(memory_).subspan(i * kRandomImage, kRandomImage));
    }
  }

  void read(const std::filesystem::path& file) {
    dataset::StoredDataset stored = dataset::StoredDataset::open(file);
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (const std::uint64_t size : stored.sizes()) {
      if (count > 0 && bytes + size > kMostMemory) {
        break;
      }
      ++count;
      bytes += size;
    }
    memory_.resize(bytes);
    std::vector<dataset::StoredDataset::Wanted> wanted;
    for (std::size_t i = 0, begin = 0; i < count; ++i) {
      const auto size = static_cast<std::size_t>(stored.sizes()[i]);
      wanted.push_back({i, std::span(memory_).subspan(begin, size)});
      images_.emplace_back(wanted.back().memory);
      begin += size;
    }
    stored.read(wanted);
  }

  std::vector<std::uint8_t> memory_;
  std::vector<Bytes> images_;
};

/// What one producer got acknowledged.
struct Rate {
  double bytes_per_s = 0;
  double images_per_s = 0;
  double mean_bytes = 0;
  double cpu_s_per_gb = 0;
};

/// Sends as much as the producer takes.
class Flood {
 public:
  Flood(const CalibrateOptions& options, const CalibratePorts& ports, const std::string& topic)
      : ports_(ports), topic_(topic), partitions_(options.partitions) {
    kafka::ProducerOptions producer;
    producer.client = options.client;
    producer.delivery_timeout = kFirstAnswer;
    producer_ =
        ports.kafka.make_producer(producer, [this](const kafka::DeliveryReport& report) { count(report); });
  }

  /// Images `at(0)`, `at(1)`, … until `duration` is over or `most_bytes` are sent.
  template <typename At>
  Rate run(const At& at, Nanoseconds duration, std::int64_t most_bytes, std::stop_token stop) {
    warm_up(at(0), stop);
    const SteadyTime start = ports_.clock.now();
    const SteadyTime end = start + duration;
    const Nanoseconds cpu_before = process_cpu_time();
    begin(end);
    std::int64_t bytes = 0;
    for (std::size_t i = 0; bytes < most_bytes && send(at(i), i, end, stop); ++i) {
      bytes += static_cast<std::int64_t>(at(i).size());
    }
    if (const Nanoseconds left = end - ports_.clock.now(); left > 0ns) {
      (void)producer_->flush(std::chrono::ceil<std::chrono::milliseconds>(left), stop);
    }
    const double cpu_s = seconds(process_cpu_time() - cpu_before);
    if (stop.stop_requested()) {
      interrupted();
    }
    return rate(start, cpu_s);
  }

 private:
  /// The first answer takes connections, metadata and the producer's id: it is not measured.
  void warm_up(Bytes image, std::stop_token stop) {
    begin(SteadyTime::max());
    (void)send(image, 0, ports_.clock.now() + kFirstAnswer, stop);
    (void)producer_->flush(kFirstAnswer, stop);
    if (stop.stop_requested()) {
      interrupted();
    }
    const std::scoped_lock lock(mutex_);
    if (!error_.empty() || images_ == 0) {
      throw UnavailableError(fmt::format("the first image to {} was not acknowledged within {} s: {}", topic_,
                                         kFirstAnswer.count(), error_.empty() ? "no answer" : error_));
    }
  }

  void begin(SteadyTime end) {
    const std::scoped_lock lock(mutex_);
    end_ = end;
    images_ = 0;
    bytes_ = 0;
  }

  /// Offers until the producer has it; false when `end` comes before.
  bool send(Bytes image, std::size_t i, SteadyTime end, std::stop_token stop) {
    kafka::OutgoingRecord record;
    record.topic = topic_;
    record.partition = static_cast<std::int32_t>(i % static_cast<std::size_t>(partitions_));
    record.value = image;
    record.tag = image.size();
    record.ownership = kafka::OutgoingRecord::Value::borrowed;
    while (ports_.clock.now() < end) {
      if (stop.stop_requested()) {
        interrupted();
      }
      if (producer_->send(record) == kafka::SendOutcome::queued) {
        return true;
      }
      (void)ports_.clock.sleep_for(kQueueFullPause, stop);
    }
    return false;
  }

  void count(const kafka::DeliveryReport& report) {
    const std::scoped_lock lock(mutex_);
    if (report.time > end_) {
      return;
    }
    if (!report.error.empty()) {
      error_ = report.error;
      return;
    }
    ++images_;
    bytes_ += static_cast<std::int64_t>(report.tag);
    last_ = report.time;
  }

  Rate rate(SteadyTime start, double cpu_s) const {
    const std::scoped_lock lock(mutex_);
    if (images_ == 0) {
      throw FailedError(fmt::format("no image to {} was acknowledged: {}", topic_,
                                    error_.empty() ? producer_->last_fault() : error_));
    }
    if (!error_.empty()) {
      ports_.log.warn("calibrate: error={} text=\"some images were not acknowledged\"", error_);
    }
    const double took_s = seconds(std::max(last_ - start, Nanoseconds(1)));
    const auto images = static_cast<double>(images_);
    const auto bytes = static_cast<double>(bytes_);
    return {bytes / took_s, images / took_s, bytes / images, cpu_s / bytes * 1e9};
  }

  const CalibratePorts& ports_;
  const std::string& topic_;
  const int partitions_;
  mutable std::mutex mutex_;
  SteadyTime end_ = SteadyTime::max();  // Guarded by mutex_, as are the next four.
  std::int64_t images_ = 0;
  std::int64_t bytes_ = 0;
  SteadyTime last_;
  std::string error_;
  std::unique_ptr<kafka::Producer> producer_;  // Last: it reports to what is above.
};

stats::Summary read_lateness(const Json& json) {
  const auto ms = [&](const char* key) {
    const Json& value = json.at(key);
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  };
  stats::Summary summary;
  summary.count = json.at("count").get<std::uint64_t>();
  summary.negative = json.at("negative").get<std::uint64_t>();
  summary.mean_ms = ms("mean_ms");
  summary.p50_ms = ms("p50_ms");
  summary.p90_ms = ms("p90_ms");
  summary.p95_ms = ms("p95_ms");
  summary.p99_ms = ms("p99_ms");
  summary.p999_ms = ms("p999_ms");
  summary.max_ms = ms("max_ms");
  return summary;
}

Calibration read_calibration(const Json& json) {
  Calibration calibration;
  json.at("time").get_to(calibration.time);
  json.at("host").get_to(calibration.host);
  json.at("servers").get_to(calibration.servers);
  calibration.lateness_50 = read_lateness(json.at("lateness_50"));
  calibration.lateness_1000 = read_lateness(json.at("lateness_1000"));
  json.at("megabytes_per_s").get_to(calibration.megabytes_per_s);
  json.at("images_per_s").get_to(calibration.images_per_s);
  json.at("cpu_s_per_gb").get_to(calibration.cpu_s_per_gb);
  json.at("mean_image_bytes").get_to(calibration.mean_image_bytes);
  json.at("small_images_per_s").get_to(calibration.small_images_per_s);
  return calibration;
}

}  // namespace

void validate(const CalibrateOptions& options) {
  if (options.duration < 2s || options.duration > 600s) {
    throw UsageError(fmt::format("--duration must be 2 to 600 seconds, got {}", options.duration.count()));
  }
  if (options.partitions < 1 || options.partitions > 10'000) {
    throw UsageError(fmt::format("--partitions must be 1 to 10000, got {}", options.partitions));
  }
  if (options.replication < 1 || options.replication > 100) {
    throw UsageError(fmt::format("--replication must be 1 to 100, got {}", options.replication));
  }
  if (options.most_bytes < 1'000'000) {
    throw UsageError(
        fmt::format("--most-mb must be at least 1, got {}", static_cast<double>(options.most_bytes) / 1e6));
  }
}

double Calibration::load(double rate_images_per_s, double image_bytes) const {
  const double small_s = 1 / small_images_per_s;
  const double image_s = 1 / images_per_s;
  const double more_bytes = mean_image_bytes - static_cast<double>(kSmallImage);
  const double per_byte = more_bytes > 0 ? std::max(0.0, (image_s - small_s) / more_bytes) : 0;
  const double over_small = std::max(0.0, image_bytes - static_cast<double>(kSmallImage));
  return rate_images_per_s * (small_s + per_byte * over_small);
}

Json to_json(const Calibration& calibration) {
  return {{"time", calibration.time},
          {"host", calibration.host},
          {"servers", calibration.servers},
          {"lateness_50", stats::to_json(calibration.lateness_50)},
          {"lateness_1000", stats::to_json(calibration.lateness_1000)},
          {"megabytes_per_s", calibration.megabytes_per_s},
          {"images_per_s", calibration.images_per_s},
          {"cpu_s_per_gb", calibration.cpu_s_per_gb},
          {"mean_image_bytes", calibration.mean_image_bytes},
          {"small_images_per_s", calibration.small_images_per_s}};
}

Calibration calibrate(const CalibrateOptions& options, const CalibratePorts& ports, std::stop_token stop) {
  validate(options);
  const Images images(options.dataset);
  const auto admin = ports.kafka.make_admin(options.client, stop);
  Calibration calibration;
  calibration.time = format_utc(ports.clock.wall_now());
  calibration.host = host_name();
  calibration.servers = options.client.servers;

  const auto topic_named = [&](const std::string& name) {
    admin->create_topic(name, options.partitions, options.replication, scratch_settings());
  };
  const ScratchTopic scratch(*admin, ports.log, "kexp-calibrate-", topic_named);
  ports.progress.report({"calibrate", "timers", {{"host", calibration.host}}});
  use_precise_timers();
  const Nanoseconds whole = options.duration;
  calibration.lateness_50 = timer_lateness(50, whole / kTimerShare, ports.clock, stop);
  calibration.lateness_1000 = timer_lateness(1000, whole / kTimerShare, ports.clock, stop);

  ports.progress.report(
      {"calibrate", "sending", {{"servers", calibration.servers}, {"topic", scratch.name()}}});
  const Rate large =
      Flood(options, ports, scratch.name())
          .run([&](std::size_t i) { return images.at(i); }, whole / kImageShare, options.most_bytes, stop);
  const Rate small =
      Flood(options, ports, scratch.name())
          .run(
              [&](std::size_t i) {
                const Bytes image = images.at(i);
                return image.first(std::min(image.size(), static_cast<std::size_t>(kSmallImage)));
              },
              whole / kSmallShare, options.most_bytes, stop);
  calibration.megabytes_per_s = large.bytes_per_s / 1e6;
  calibration.images_per_s = large.images_per_s;
  calibration.mean_image_bytes = large.mean_bytes;
  calibration.cpu_s_per_gb = large.cpu_s_per_gb;
  calibration.small_images_per_s = small.images_per_s;
  return calibration;
}

std::filesystem::path calibration_file(const std::string& servers) {
  const std::string hash = sha256_hex(host_name() + "\n" + servers);
  return cache_dir() / "calibration" / (hash.substr(0, 16) + ".json");
}

void store(const Calibration& calibration) {
  const std::filesystem::path file = calibration_file(calibration.servers);
  on_disk("make", [&] { std::filesystem::create_directories(file.parent_path()); });
  write_json(file, to_json(calibration));
}

std::optional<Calibration> stored_calibration(const std::string& servers) {
  try {
    const Calibration calibration = read_calibration(read_json(calibration_file(servers)));
    const bool is_ours = calibration.host == host_name() && calibration.servers == servers;
    return is_ours ? std::optional(calibration) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace kexp::feeder
