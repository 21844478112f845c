// How true the bytes of each segment are: our plan beside pacing by the average size, on a simulated clock.
//
// A day of 200 segments of 36 s at 15 MB/s; image sizes are lognormal (mean 300 KB, CV 0.4, at most 1 MB), a
// dataset of 5,000 for each of 40 seeds. Average-size pacing sends MB/s ÷ average size images a second, as
// the feeders before kexp did, here without the drift of their sleeps. Exits with 1 when a bound is broken.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/random.hpp"
#include "kexp/cycle/plan.hpp"

#include "support/fake_clock.hpp"

namespace kexp {
namespace {

constexpr std::uint64_t kSeeds = 40;
constexpr std::size_t kDataset = 5'000;
constexpr double kMeanSize = 300e3;
constexpr double kCv = 0.4;
constexpr double kLargest = 1e6;

cycle::PlanOptions day() {
  cycle::PlanOptions options;
  options.curve.duration_s = 7200;
  options.curve.breakpoints = 200;
  options.curve.n_cycles = 1;
  options.peak_bytes_per_s = 15e6;
  options.partitions = 34;
  return options;
}

double uniform(SplitMix64& random) { return static_cast<double>((random.next() >> 11U) + 1) * 0x1p-53; }

double normal(SplitMix64& random) {  // Box-Muller.
  const double radius = std::sqrt(-2 * std::log(uniform(random)));
  return radius * std::cos(2 * std::numbers::pi * uniform(random));
}

std::vector<std::uint64_t> lognormal_sizes(SplitMix64& random) {
  const double variance = std::log(1 + kCv * kCv);
  const double mean = std::log(kMeanSize) - variance / 2;
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < kDataset; ++i) {
    const double size = std::exp(mean + std::sqrt(variance) * normal(random));
    sizes.push_back(static_cast<std::uint64_t>(std::min(std::ceil(size), kLargest)));
  }
  return sizes;
}

std::vector<double> planned_bytes(const cycle::Plan& plan) {
  std::vector<double> bytes;
  for (const cycle::SegmentTotals& totals : plan.segments()) {
    bytes.push_back(static_cast<double>(totals.bytes));
  }
  return bytes;
}

/// What an idle machine's timer adds: 50 µs at most, now and then up to 1.4 ms, rarely 5 ms.
Nanoseconds lateness(SplitMix64& random) {
  const std::uint64_t kind = random.below(1000);
  const std::uint64_t most = kind < 989 ? 50'000 : kind < 999 ? 1'400'000 : 5'000'000;
  return Nanoseconds(random.below(most));
}

/// Bytes by the segment in which the simulated clock stood when they were sent.
std::vector<double> sent_bytes(const cycle::Plan& plan, SplitMix64& random) {
  test::FakeClock clock;
  const SteadyTime t0 = clock.now();
  std::vector<double> bytes(plan.segments().size());
  for (const cycle::PlannedImage& image : plan.images()) {
    (void)clock.sleep_until(t0 + Nanoseconds(image.intended_ns), {});
    clock.advance(lateness(random));
    bytes[plan.segment_at(seconds(clock.now() - t0))] += image.bytes;
  }
  return bytes;
}

/// The same images, each due when its number has come.
std::vector<double> average_size_bytes(const cycle::PlanOptions& options,
                                       const std::vector<std::uint64_t>& sizes) {
  double sum = 0;
  for (const std::uint64_t size : sizes) {
    sum += static_cast<double>(size);
  }
  cycle::PlanOptions by_count = options;
  by_count.peak_images_per_s = options.peak_bytes_per_s / std::ceil(sum / static_cast<double>(sizes.size()));
  return planned_bytes(cycle::Plan::make(by_count, sizes));
}

/// In % of a segment's target.
struct Errors {
  double p50, p95, worst;
};

double nearest_rank(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(std::ceil(p * static_cast<double>(values.size()))) - 1];
}

Errors errors_of(const std::vector<double>& bytes, const cycle::Plan& plan) {
  std::vector<double> percent;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const cycle::SegmentTotals& totals = plan.segments()[i];
    const double target = totals.target_bytes_per_s * totals.segment.duration_s;
    percent.push_back(100 * std::abs(bytes[i] - target) / target);
  }
  return {nearest_rank(percent, 0.5), nearest_rank(percent, 0.95), nearest_rank(percent, 1)};
}

void print(const char* what, const std::vector<Errors>& seeds) {
  const auto over = [&](double Errors::*figure) {
    std::vector<double> values;
    for (const Errors& errors : seeds) {
      values.push_back(errors.*figure);
    }
    return fmt::format("{:6.2f} {:6.2f}", nearest_rank(values, 0.5), nearest_rank(values, 1));
  };
  fmt::print("{:<28} {}   {}   {}\n", what, over(&Errors::p50), over(&Errors::p95), over(&Errors::worst));
}

/// How far bytes ever were from the plan's (or the curve's), in images of the largest size.
struct Bounds {
  double planned_off_curve = 0;  ///< Of a segment.
  double sent_off_plan = 0;      ///< Of all until the end of a segment.
  double total_off_curve = 0;

  void look(const cycle::Plan& plan, const std::vector<double>& sent) {
    const auto largest = static_cast<double>(plan.largest_image());
    double ahead = 0;
    double target_sum = 0;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const cycle::SegmentTotals& totals = plan.segments()[i];
      const double target = totals.target_bytes_per_s * totals.segment.duration_s;
      const auto planned = static_cast<double>(totals.bytes);
      ahead += sent[i] - planned;
      target_sum += target;
      planned_off_curve = std::max(planned_off_curve, std::abs(planned - target) / largest);
      sent_off_plan = std::max(sent_off_plan, std::abs(ahead) / largest);
    }
    total_off_curve =
        std::max(total_off_curve, std::abs(static_cast<double>(plan.total_bytes()) - target_sum) / largest);
  }
  [[nodiscard]] bool hold() const {
    return std::max({planned_off_curve, sent_off_plan, total_off_curve}) <= 1;
  }
};

}  // namespace
}  // namespace kexp

int main() {
  using namespace kexp;
  std::vector<Errors> planned;
  std::vector<Errors> sent;
  std::vector<Errors> by_average;
  Bounds bounds;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SplitMix64 random(seed);
    const cycle::PlanOptions options = day();
    const std::vector<std::uint64_t> sizes = lognormal_sizes(random);
    const cycle::Plan plan = cycle::Plan::make(options, sizes);
    const std::vector<double> sent_by_segment = sent_bytes(plan, random);
    bounds.look(plan, sent_by_segment);
    planned.push_back(errors_of(planned_bytes(plan), plan));
    sent.push_back(errors_of(sent_by_segment, plan));
    by_average.push_back(errors_of(average_size_bytes(options, sizes), plan));
  }
  fmt::print("bytes of a segment off its target, % (median and worst of {} seeds)\n", kSeeds);
  fmt::print("{:<28} {:>13}   {:>13}   {:>13}\n", "", "p50", "p95", "worst");
  print("plan", planned);
  print("sent, simulated clock", sent);
  print("average-size pacing", by_average);
  fmt::print("\nat most, in images of the largest size (bound 1)\n");
  fmt::print("planned in a segment off the curve    {:.3f}\n", bounds.planned_off_curve);
  fmt::print("sent until a segment's end off plan   {:.3f}\n", bounds.sent_off_plan);
  fmt::print("planned in the run off the curve      {:.3f}\n", bounds.total_off_curve);
  return bounds.hold() ? 0 : 1;
}
