// `kexp consume` with a detector that takes a fixed time and no CPU, on a real Kafka: consume_rate SERVERS
// INPUT OUTPUT IMAGES_PER_S COUNT. Whatever is lost to fetching shows in full, whatever else runs beside.
//
// scripts/bench/consume.py rate fills the topic before. Prints one JSON object.

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "kexp/consumer/consumer.hpp"
#include "kexp/core/log.hpp"
#include "kexp/core/progress.hpp"
#include "kexp/kafka/librdkafka.hpp"

namespace kexp {
namespace {

/// Sleeps for each image, and asks to stop after so many.
class SteadyDetector final : public inference::Detector {
 public:
  SteadyDetector(Nanoseconds image_time, std::uint64_t count, std::stop_source stop)
      : image_time_(image_time), count_(count), stop_(std::move(stop)) {}

  inference::DetectorResult detect(const image::Image&) override {
    const SteadyTime start = std::chrono::steady_clock::now();
    first_ = first_.value_or(start);
    std::this_thread::sleep_until(start + image_time_);
    last_ = std::chrono::steady_clock::now();
    inference::DetectorResult result;
    result.inference = last_ - start;
    result.input_shape = input_shape();
    busy_ += result.inference;
    if (++images_ == count_) {
      stop_.request_stop();
    }
    return result;
  }
  const std::string& engine() const override { return engine_; }
  const std::string& model_name() const override { return model_; }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::vector<std::int64_t> input_shape() const override { return {1, 3, 640, 640}; }

  /// What it has done, from its first image to its last.
  [[nodiscard]] std::string summary() const {
    const double wall = seconds(last_ - first_.value_or(last_));
    const auto images = static_cast<double>(images_);
    return fmt::format(
        R"({{"images": {}, "images_per_s": {:.2f}, "inference_per_s": {:.2f}, "share": {:.4f}}})", images_,
        images / wall, images / seconds(busy_), seconds(busy_) / wall);
  }

 private:
  const Nanoseconds image_time_;
  const std::uint64_t count_;
  std::stop_source stop_;
  std::uint64_t images_ = 0;
  std::optional<SteadyTime> first_;
  SteadyTime last_{};
  Nanoseconds busy_{};
  const std::string engine_ = "sleep";
  const std::string model_ = "sleep";
  const std::vector<std::string> labels_;
};

/// Lends the one detector to the consumer, which owns what it is given.
class Lent final : public inference::Detector {
 public:
  explicit Lent(SteadyDetector& detector) : detector_(detector) {}
  inference::DetectorResult detect(const image::Image& image) override { return detector_.detect(image); }
  const std::string& engine() const override { return detector_.engine(); }
  const std::string& model_name() const override { return detector_.model_name(); }
  const std::vector<std::string>& labels() const override { return detector_.labels(); }
  std::vector<std::int64_t> input_shape() const override { return detector_.input_shape(); }

 private:
  SteadyDetector& detector_;
};

int run(char** arguments) {
  use_precise_timers();
  const auto image_time =
      std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(1 / std::atof(arguments[4])));
  std::stop_source stop;
  SteadyDetector detector(image_time, std::strtoull(arguments[5], nullptr, 10), stop);
  const auto log = make_stderr_log(LogLevel::info);
  LogProgress progress(*log);
  SystemClock clock;
  telemetry::Metrics metrics;
  const auto kafka = kafka::make_client_factory(*log);
  consumer::ConsumerOptions options;
  options.client.servers = arguments[1];
  options.input_topic = arguments[2];
  options.output_topic = arguments[3];
  options.threads = 1;
  options.identity = {"bench", "bench", "bench"};
  const auto load = [&](const std::string&, const std::filesystem::path&,
                        const inference::DetectorOptions&) -> consumer::LoadedDetector {
    return {std::make_unique<Lent>(detector), image_time};
  };
  static_cast<void>(consumer::run_consumer(options,
                                           {.kafka = *kafka,
                                            .clock = clock,
                                            .log = *log,
                                            .progress = progress,
                                            .metrics = metrics,
                                            .serve = {},
                                            .load_detector = load},
                                           stop.get_token()));
  fmt::print("{}\n", detector.summary());
  return 0;
}

}  // namespace
}  // namespace kexp

int main(int count, char** arguments) {
  if (count != 6) {
    fmt::print(stderr, "usage: consume_rate SERVERS INPUT OUTPUT IMAGES_PER_S COUNT\n");
    return 2;
  }
  return kexp::run(arguments);
}
