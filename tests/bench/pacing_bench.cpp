// How late the pacing thread of `kexp feed` is, and what it costs, with a producer that takes everything at
// once; at the same time a loop that sleeps 1/RATE after each send, which pacing must not be.
//
//   pacing_bench [SECONDS]          10 for each of 50, 1,000 and 5,000 images/s

#include <cstdlib>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "kexp/cycle/plan.hpp"
#include "kexp/stats/histogram.hpp"

#include "cpu_time.hpp"
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
  [[nodiscard]] std::size_t in_flight() const override { return 0; }
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

cycle::Plan constant_plan(double images_per_s, double duration_s) {
  cycle::PlanOptions options;
  options.curve.profile = "constant";
  options.curve.duration_s = duration_s;
  options.peak_images_per_s = images_per_s;
  options.partitions = 12;
  return cycle::Plan::make(options, {100'000});
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

Measured measure_relative_sleep(double images_per_s, std::size_t images) {
  SystemClock clock;
  Measured measured;
  const Nanoseconds gap(static_cast<std::int64_t>(1e9 / images_per_s));
  const Nanoseconds cpu_before = thread_cpu_time();
  const SteadyTime begin = clock.now();
  for (std::size_t i = 0; i < images; ++i) {
    measured.lateness.record(clock.now() - begin - static_cast<std::int64_t>(i) * gap);
    std::this_thread::sleep_for(gap);
  }
  measured.cpu = seconds(thread_cpu_time() - cpu_before) / seconds(clock.now() - begin);
  return measured;
}

void print(double rate, const char* waiter, const Measured& measured) {
  const auto us = [](Nanoseconds value) { return static_cast<double>(value.count()) / 1e3; };
  const stats::Histogram& lateness = measured.lateness;
  fmt::print("| {} | {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.2f} |\n", rate, waiter,
             us(lateness.percentile(50)), us(lateness.percentile(99)), us(lateness.percentile(99.9)),
             us(lateness.max()), 100 * measured.cpu);
}

void run(double duration_s) {
  fmt::print("| images/s | waits | p50, us | p99, us | p99.9, us | max, us | CPU, % of a core |\n");
  fmt::print("|---|---|---|---|---|---|---|\n");
  for (const double rate : {50.0, 1000.0, 5000.0}) {
    const cycle::Plan plan = constant_plan(rate, duration_s);
    Measured relative;
    Measured absolute;
    {
      const std::jthread beside([&] { relative = measure_relative_sleep(rate, plan.images().size()); });
      const std::jthread pacing([&] { absolute = measure_pacer(plan); });
    }
    print(rate, "until the intended time", absolute);
    print(rate, "for 1/rate", relative);
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
