// How late the pacing thread of `kexp feed` is, and what it costs, with a producer that takes everything at
// once; beside it, one after the other, a loop that sleeps until each image is intended and does nothing
// else, and one that sleeps 1/RATE after each send, which pacing must not be.
//
//   pacing_bench [SECONDS]          10 for each row: 50, 1,000 (of one size and of lognormal ones) and 5,000
//   images/s

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/cpu_time.hpp"
#include "kexp/cycle/plan.hpp"
#include "kexp/stats/histogram.hpp"

#include "pacer.hpp"

namespace kexp::feeder {
namespace {

using namespace std::chrono_literals;

class NullProducer final : public kafka::Producer {
 public:
  [[nodiscard]] kafka::SendOutcome send(const kafka::OutgoingRecord&) override {
    return kafka::SendOutcome::queued;
  }
  [[nodiscard]] std::size_t flush(std::chrono::milliseconds, std::stop_token) override { return 0; }
  [[nodiscard]] std::string last_fault() const override { return {}; }
};

class OneImage final : public ImageSource {
 public:
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> get(std::uint64_t) override { return bytes_; }
  void release(std::uint64_t) override {}

 private:
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(100'000);
};

struct Measured {
  stats::Histogram lateness;
  double cpu = 0;  ///< Of a core.
};

constexpr double kMeanBytes = 100'000;
constexpr double kSizeCv = 0.4;

/// Sizes of camera images, about.
std::vector<std::uint64_t> lognormal_sizes() {
  const double variance = std::log(1 + kSizeCv * kSizeCv);
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> size(std::log(kMeanBytes) - variance / 2, std::sqrt(variance));
  std::vector<std::uint64_t> sizes(10'000);
  std::generate(sizes.begin(), sizes.end(), [&] { return static_cast<std::uint64_t>(size(random)); });
  return sizes;
}

cycle::Plan constant_plan(double images_per_s, const std::vector<std::uint64_t>& sizes, double duration_s) {
  cycle::PlanOptions options;
  options.curve.profile = "constant";
  options.curve.duration_s = duration_s;
  options.peak_bytes_per_s = images_per_s * kMeanBytes;
  options.partitions = 12;
  return cycle::Plan::make(options, sizes);
}

Measured measure_pacer(const cycle::Plan& plan) {
  OneImage source;
  NullProducer producer;
  SystemClock clock;
  const Lanes lanes(Shard{}, 1);
  LaneState state(plan.images().size());
  const Sending sending{
      plan, source, "topic", "20261122T000000Z-abcd", clock.now() + 100ms, unix_ns(clock.wall_now() + 100ms)};
  const Nanoseconds cpu_before = thread_cpu_time();
  (void)pace(sending, lanes, 0, state, Overload(OnOverload::bounded, 100ms), producer, clock, {});
  Measured measured;
  measured.cpu = seconds(thread_cpu_time() - cpu_before) / plan.duration_s();
  std::vector<SendEvent> events;
  state.events.drain(events);
  for (const SendEvent& event : events) {
    measured.lateness.record(
        Nanoseconds(event.time_ns - static_cast<std::int64_t>(plan.images()[event.id].intended_ns)));
  }
  return measured;
}

/// A loop of sleeps alone, each until an image of the plan is intended or for 1/rate.
Measured measure_sleeps(const cycle::Plan& plan, std::optional<Nanoseconds> relative) {
  SystemClock clock;
  use_precise_timers();
  Measured measured;
  const Nanoseconds cpu_before = thread_cpu_time();
  const SteadyTime begin = clock.now();
  for (const cycle::PlannedImage& image : plan.images()) {
    const SteadyTime intended = begin + Nanoseconds(static_cast<std::int64_t>(image.intended_ns));
    if (relative) {
      std::this_thread::sleep_for(*relative);
    } else {
      (void)clock.sleep_until(intended, {});
    }
    measured.lateness.record(clock.now() - intended);
  }
  measured.cpu = seconds(thread_cpu_time() - cpu_before) / seconds(clock.now() - begin);
  return measured;
}

void print(double rate, const char* sizes, const char* waiter, const Measured& measured) {
  const auto us = [](Nanoseconds value) { return static_cast<double>(value.count()) / 1e3; };
  const stats::Histogram& lateness = measured.lateness;
  fmt::print("| {} | {} | {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.2f} |\n", rate, sizes, waiter,
             us(lateness.percentile(50)), us(lateness.percentile(99)), us(lateness.percentile(99.9)),
             us(lateness.max()), 100 * measured.cpu);
}

/// Runs on a thread of its own: precise timers are a setting of the thread.
Measured on_a_thread(const std::function<Measured()>& measure) {
  Measured measured;
  std::jthread([&] { measured = measure(); }).join();
  return measured;
}

void run(double duration_s) {
  struct Row {
    double rate;
    const char* name;
    std::vector<std::uint64_t> sizes;
  };
  const std::vector<std::uint64_t> one_size = {static_cast<std::uint64_t>(kMeanBytes)};
  fmt::print("| images/s | sizes | waits | p50, us | p99, us | p99.9, us | max, us | CPU, % of a core |\n");
  fmt::print("|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : {Row{50, "one", one_size}, Row{1000, "one", one_size},
                         Row{1000, "lognormal", lognormal_sizes()}, Row{5000, "one", one_size}}) {
    const cycle::Plan plan = constant_plan(row.rate, row.sizes, duration_s);
    print(row.rate, row.name, "kexp feed", on_a_thread([&] { return measure_pacer(plan); }));
    print(row.rate, row.name, "until the intended time, no more",
          on_a_thread([&] { return measure_sleeps(plan, std::nullopt); }));
    print(row.rate, row.name, "for 1/rate", on_a_thread([&] {
            return measure_sleeps(plan, Nanoseconds(static_cast<std::int64_t>(1e9 / row.rate)));
          }));
  }
}

}  // namespace
}  // namespace kexp::feeder

int main(int argc, char** argv) {
  const double duration_s = argc > 1 ? std::atof(argv[1]) : 10;
  if (!(duration_s > 0)) {
    fmt::print(stderr, "usage: pacing_bench [SECONDS]\n");
    return 2;
  }
  kexp::feeder::run(duration_s);
}
