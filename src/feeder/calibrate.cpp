#include "kexp/feeder/calibrate.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/cpu_time.hpp"
#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/ids.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/on_disk.hpp"
#include "kexp/core/random.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/core/units.hpp"
#include "kexp/dataset/stored.hpp"

#include "scratch_topic.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

using Bytes = std::span<const std::uint8_t>;

/// Whatever dataset is fed later lies between two of them; three times apart, so that they are few.
constexpr std::array<std::size_t, 6> kSizes = {1000, 10'000, 30'000, 100'000, 300'000, 1'000'000};
/// A size as near to the dataset's is left out.
constexpr double kNear = 1.5;
constexpr std::size_t kRandomImages = 8;
constexpr std::size_t kMostMemory = 256 * 1024 * 1024;  ///< For a dataset's images.
constexpr auto kFirstAnswer = 10s;                      ///< Until a broker has taken the first image.
constexpr auto kQueueFullPause = 1ms;
/// A larger image may get so many times as many through a second as a smaller one: two rates of a second or
/// two are no closer.
constexpr double kClearlyMore = 1.25;
/// Sizes on both sides that got so many times the bytes contradict one: a curve of rates over sizes bends,
/// but has no such hollow.
constexpr double kHollow = 2;

/// Parts of the whole time; the eighth that is left goes into topics, connections and last answers.
constexpr int kParts = 8;
constexpr int kTimerParts = 1;  // Each of the two.
constexpr int kImageParts = 5;  // All sizes together.

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

/// Images in memory.
class Images {
 public:
  static Images random(std::size_t size) {
    SplitMix64 random(1);
    Images images;
    images.memory_.resize(kRandomImages * size);
    std::generate(images.memory_.begin(), images.memory_.end(),
                  [&] { return static_cast<std::uint8_t>(random.next()); });
    for (std::size_t i = 0; i < kRandomImages; ++i) {
      images.images_.push_back(Bytes(images.memory_).subspan(i * size, size));
    }
    return images;
  }

  /// The first ones of a dataset, as many as fit into memory.
  static Images of_dataset(const std::filesystem::path& file) {
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
    Images images;
    images.dataset_ = file.string();
    images.memory_.resize(bytes);
    std::vector<dataset::StoredDataset::Wanted> wanted;
    for (std::size_t i = 0, begin = 0; i < count; ++i) {
      const auto size = static_cast<std::size_t>(stored.sizes()[i]);
      wanted.push_back({i, std::span(images.memory_).subspan(begin, size)});
      images.images_.emplace_back(wanted.back().memory);
      begin += size;
    }
    stored.read(wanted);
    return images;
  }

  Images(const Images&) = delete;  // It points into itself; a move leaves the memory where it is.
  Images& operator=(const Images&) = delete;
  Images(Images&&) = default;
  Images& operator=(Images&&) = default;

  /// Empty for random ones.
  [[nodiscard]] const std::string& dataset() const { return dataset_; }
  [[nodiscard]] Bytes at(std::size_t i) const { return images_[i % images_.size()]; }
  [[nodiscard]] double mean_bytes() const {
    return static_cast<double>(memory_.size()) / static_cast<double>(images_.size());
  }

 private:
  Images() = default;

  std::string dataset_;
  std::vector<std::uint8_t> memory_;
  std::vector<Bytes> images_;
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

  /// Images, again and again, until `duration` is over or `most_bytes` are sent.
  CalibratedRate run(const Images& images, Nanoseconds duration, std::int64_t most_bytes,
                     const std::stop_token& stop) {
    warm_up(images.at(0), stop);
    const SteadyTime start = ports_.clock.now();
    const SteadyTime end = start + duration;
    const Nanoseconds cpu_before = process_cpu_time();
    begin(end);
    std::int64_t bytes = 0;
    for (std::size_t i = 0; bytes < most_bytes && send(images.at(i), i, end, stop); ++i) {
      bytes += static_cast<std::int64_t>(images.at(i).size());
    }
    if (const Nanoseconds left = end - ports_.clock.now(); left > 0ns) {
      (void)producer_->flush(std::chrono::ceil<std::chrono::milliseconds>(left), stop);
    }
    const double cpu_s = seconds(process_cpu_time() - cpu_before);
    if (stop.stop_requested()) {
      interrupted();
    }
    return rate(images, start, cpu_s);
  }

 private:
  /// The first answer takes connections, metadata and the producer's id: it is not measured.
  void warm_up(Bytes image, const std::stop_token& stop) {
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

  /// Offers until the producer has it; false when `end` or a stop comes before.
  bool send(Bytes image, std::size_t i, SteadyTime end, const std::stop_token& stop) {
    kafka::OutgoingRecord record;
    record.topic = topic_;
    record.partition = static_cast<std::int32_t>(i % static_cast<std::size_t>(partitions_));
    record.value = image;
    record.tag = image.size();
    record.ownership = kafka::OutgoingRecord::Value::borrowed;
    do {
      if (stop.stop_requested() || ports_.clock.now() >= end) {
        return false;
      }
      if (producer_->send(record) == kafka::SendOutcome::queued) {
        return true;
      }
    } while (ports_.clock.sleep_for(kQueueFullPause, stop));
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

  /// By bytes: which images of a dataset came before the end is a matter of luck.
  [[nodiscard]] CalibratedRate rate(const Images& sent, SteadyTime start, double cpu_s) const {
    const std::scoped_lock lock(mutex_);
    if (images_ == 0) {
      throw FailedError(fmt::format("no image to {} was acknowledged: {}", topic_,
                                    error_.empty() ? producer_->last_fault() : error_));
    }
    if (!error_.empty()) {
      ports_.log.warn("calibrate: error={} text=\"some images were not acknowledged\"", error_);
    }
    const double took_s = seconds(std::max(last_ - start, Nanoseconds(1)));
    const auto bytes = static_cast<double>(bytes_);
    return {sent.mean_bytes(), bytes / sent.mean_bytes() / took_s, bytes / took_s / 1e6, cpu_s / bytes * 1e9,
            sent.dataset()};
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

CalibratedRate read_rate(const Json& json) {
  const Json dataset = json.value("dataset", Json());
  return {json.at("image_bytes").get<double>(), json.at("images_per_s").get<double>(),
          json.at("megabytes_per_s").get<double>(), json.at("cpu_s_per_gb").get<double>(),
          dataset.is_null() ? "" : dataset.get<std::string>()};
}

Json rate_json(const CalibratedRate& rate) {
  return {{"image_bytes", rate.image_bytes},
          {"images_per_s", rate.images_per_s},
          {"megabytes_per_s", rate.megabytes_per_s},
          {"cpu_s_per_gb", rate.cpu_s_per_gb},
          {"dataset", rate.dataset.empty() ? Json() : Json(rate.dataset)}};
}

Calibration read_calibration(const Json& json) {
  Calibration calibration;
  json.at("time").get_to(calibration.time);
  json.at("host").get_to(calibration.host);
  json.at("servers").get_to(calibration.servers);
  json.at("cluster").get_to(calibration.cluster);
  calibration.lateness_50 = read_lateness(json.at("lateness_50"));
  calibration.lateness_1000 = read_lateness(json.at("lateness_1000"));
  for (const Json& rate : json.at("rates")) {
    calibration.rates.push_back(read_rate(rate));
  }
  for (const Json& rate : json.value("left_out", Json::array())) {
    calibration.left_out.push_back({read_rate(rate), rate.at("because").get<std::string>()});
  }
  if (calibration.rates.empty()) {
    throw FailedError("a calibration has no rates");
  }
  return calibration;
}

/// What of the sorted rates one of them cannot be true beside; empty: nothing.
std::string contradiction(const std::vector<CalibratedRate>& all,
                          std::vector<CalibratedRate>::const_iterator rate) {
  const auto faster = std::find_if(rate + 1, all.end(), [&](const CalibratedRate& larger) {
    return larger.images_per_s > kClearlyMore * rate->images_per_s;
  });
  if (faster != all.end()) {
    return fmt::format("images of {} got {:.0f} images/s", format_bytes(faster->image_bytes),
                       faster->images_per_s);
  }
  const auto got_more = [&](const CalibratedRate& other) {
    return other.megabytes_per_s > kHollow * rate->megabytes_per_s;
  };
  const auto below = std::find_if(all.begin(), rate, got_more);
  const auto above = std::find_if(rate, all.end(), got_more);
  if (below == rate || above == all.end()) {
    return "";
  }
  return fmt::format("images of {} got {:.1f} MB/s, and of {} {:.1f}", format_bytes(below->image_bytes),
                     below->megabytes_per_s, format_bytes(above->image_bytes), above->megabytes_per_s);
}

/// Of every size that is measured; the dataset's own among them.
std::vector<Images> images_to_send(const std::filesystem::path& dataset) {
  std::vector<Images> all;
  if (!dataset.empty()) {
    all.push_back(Images::of_dataset(dataset));
  }
  const double own = all.empty() ? 0 : all.front().mean_bytes();
  for (const std::size_t size : kSizes) {
    const auto bytes = static_cast<double>(size);
    if (bytes * kNear < own || bytes > own * kNear) {
      all.push_back(Images::random(size));
    }
  }
  return all;
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

double Calibration::images_per_s(double image_bytes) const {
  const auto [lower, upper] = around(image_bytes);
  const double lower_s = 1 / lower.images_per_s;
  const double upper_s = 1 / upper.images_per_s;
  if (lower.image_bytes < upper.image_bytes) {
    const double part = (image_bytes - lower.image_bytes) / (upper.image_bytes - lower.image_bytes);
    return 1 / (lower_s + part * (upper_s - lower_s));
  }
  return lower.images_per_s / std::max(1.0, image_bytes / lower.image_bytes);
}

std::pair<CalibratedRate, CalibratedRate> Calibration::around(double image_bytes) const {
  const auto upper =
      std::lower_bound(rates.begin(), rates.end(), image_bytes,
                       [](const CalibratedRate& rate, double bytes) { return rate.image_bytes < bytes; });
  if (upper == rates.begin()) {
    return {rates.front(), rates.front()};
  }
  return {*std::prev(upper), upper == rates.end() ? rates.back() : *upper};
}

Json to_json(const Calibration& calibration) {
  Json rates = Json::array();
  for (const CalibratedRate& rate : calibration.rates) {
    rates.push_back(rate_json(rate));
  }
  Json left_out = Json::array();
  for (const LeftOutRate& left : calibration.left_out) {
    Json rate = rate_json(left.rate);
    rate["because"] = left.because;
    left_out.push_back(std::move(rate));
  }
  return {{"time", calibration.time},
          {"host", calibration.host},
          {"servers", calibration.servers},
          {"cluster", calibration.cluster},
          {"lateness_50", stats::to_json(calibration.lateness_50)},
          {"lateness_1000", stats::to_json(calibration.lateness_1000)},
          {"rates", std::move(rates)},
          {"left_out", std::move(left_out)}};
}

void leave_contradicted_out(Calibration& calibration) {
  const std::vector<CalibratedRate> all = std::exchange(calibration.rates, {});
  for (auto rate = all.begin(); rate != all.end(); ++rate) {
    if (std::string because = contradiction(all, rate); !because.empty()) {
      calibration.left_out.push_back({*rate, std::move(because)});
    } else {
      calibration.rates.push_back(*rate);
    }
  }
}

Calibration calibrate(const CalibrateOptions& options, const CalibratePorts& ports, std::stop_token stop) {
  validate(options);
  const std::vector<Images> images = images_to_send(options.dataset);
  const auto admin = ports.kafka.make_admin(options.client, stop);
  Calibration calibration;
  calibration.time = format_utc(ports.clock.wall_now());
  calibration.host = host_name();
  calibration.servers = options.client.servers;
  calibration.cluster = calibrated_cluster(*admin, options.client);

  const auto topic_named = [&](const std::string& name) {
    admin->create_topic(name, options.partitions, options.replication, scratch_settings());
  };
  const ScratchTopic scratch(*admin, ports.log, "kexp-calibrate-", topic_named);
  ports.progress.report({"calibrate", "timers", {{"host", calibration.host}}});
  use_precise_timers();
  const Nanoseconds part = Nanoseconds(options.duration) / kParts;
  calibration.lateness_50 = timer_lateness(50, part * kTimerParts, ports.clock, stop);
  calibration.lateness_1000 = timer_lateness(1000, part * kTimerParts, ports.clock, stop);

  ports.progress.report(
      {"calibrate", "sending", {{"servers", calibration.servers}, {"topic", scratch.name()}}});
  const auto sizes = static_cast<std::int64_t>(images.size());
  for (const Images& of_one_size : images) {
    calibration.rates.push_back(
        Flood(options, ports, scratch.name())
            .run(of_one_size, part * kImageParts / sizes, options.most_bytes / sizes, stop));
  }
  std::sort(calibration.rates.begin(), calibration.rates.end(),
            [](const CalibratedRate& a, const CalibratedRate& b) { return a.image_bytes < b.image_bytes; });
  leave_contradicted_out(calibration);
  return calibration;
}

std::string calibrated_cluster(kafka::Admin& admin, const kafka::ClientOptions& client) {
  std::string id = admin.cluster_id();
  return id.empty() ? client.servers : id;
}

std::filesystem::path calibration_file(const std::string& cluster) {
  const std::string hash = sha256_hex(host_name() + "\n" + cluster);
  return cache_dir() / "calibration" / (hash.substr(0, 16) + ".json");
}

void store(const Calibration& calibration) {
  const std::filesystem::path file = calibration_file(calibration.cluster);
  on_disk("make", [&] { std::filesystem::create_directories(file.parent_path()); });
  write_json(file, to_json(calibration));
}

std::optional<Calibration> stored_calibration(const std::string& cluster) {
  try {
    const Calibration calibration = read_calibration(read_json(calibration_file(cluster)));
    const bool is_ours = calibration.host == host_name() && calibration.cluster == cluster;
    return is_ours ? std::optional(calibration) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace kexp::feeder
