// What ten million planned images cost: made and hashed, in time and memory.

#include <sys/resource.h>

#include <benchmark/benchmark.h>

#include "kexp/core/random.hpp"
#include "kexp/cycle/plan.hpp"

namespace kexp::cycle {
namespace {

constexpr std::size_t kDataset = 5'000;
constexpr std::uint64_t kMeanSize = 300'000;
constexpr double kImages = 1e7;

std::vector<std::uint64_t> sizes() {
  SplitMix64 random(1);
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < kDataset; ++i) {
    sizes.push_back(kMeanSize / 2 + random.below(kMeanSize));
  }
  return sizes;
}

/// Five days of 200 breakpoints in 24 h, whose mean is 0.5185 of the peak.
PlanOptions ten_million() {
  PlanOptions options;
  options.curve.duration_s = 86'400;
  options.peak_bytes_per_s = kImages * static_cast<double>(kMeanSize) / 86'400 / 0.5185;
  options.partitions = 34;
  return options;
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

void plan_ten_million(benchmark::State& state, Arrival arrival, Partitioner partitioner, bool shuffle) {
  PlanOptions options = ten_million();
  options.arrival = arrival;
  options.partitioner = partitioner;
  options.shuffle = shuffle;
  const std::vector<std::uint64_t> dataset = sizes();
  std::size_t images = 0;
  for (auto _ : state) {
    const Plan plan = Plan::make(options, dataset);
    benchmark::DoNotOptimize(plan.hash());
    images = plan.images().size();
  }
  state.counters["images"] = static_cast<double>(images);
  state.counters["peak_rss_MB"] = peak_rss_mb();
}

void hash_ten_million(benchmark::State& state) {
  const Plan plan = Plan::make(ten_million(), sizes());
  for (auto _ : state) {
    benchmark::DoNotOptimize(plan.hash());
  }
}

BENCHMARK_CAPTURE(plan_ten_million, even, Arrival::even, Partitioner::balanced, false)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plan_ten_million, shuffled, Arrival::even, Partitioner::balanced, true)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plan_ten_million, random, Arrival::even, Partitioner::random, false)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plan_ten_million, poisson, Arrival::poisson, Partitioner::balanced, false)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(hash_ten_million)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kexp::cycle
