// What a sample takes in a Parquet file, and what writing it costs: build/release/bin/table_bench
//
// A metric of each kind, 5,760 samples a series at a step of 5 s as `kexp extract` writes them, seeded. Every
// figure is of a process of its own; CPU time is that of the writer alone, without making the samples.

#include <cmath>
#include <ctime>
#include <functional>
#include <map>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "kexp/table/table.hpp"

namespace kexp::table {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr int kSamples = 5'760;
constexpr std::int64_t kStart_ms = 1'795'280'000'000;
constexpr std::int64_t kStep_ms = 5'000;
constexpr std::size_t kBatchRows = 16'384;
constexpr std::uint64_t kLeastRows = 1'000'000;

const Schema kSchema = {
    {"series_id", ColumnType::int64}, {"ts_ms", ColumnType::timestamp_ms}, {"value", ColumnType::float64}};

using Random = std::mt19937_64;

double normal(Random& random, double deviation) {
  return std::normal_distribution<double>(0, deviation)(random);
}

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

struct Kind {
  const char* family;
  const char* name;
  /// The next sample of a series; `state` is the series' own, and at first its number.
  double (*next)(double& state, Random& random);
};

constexpr Kind kKinds[] = {
    {"gauge", "one value a series", [](double& state, Random&) { return state; }},
    {"gauge", "0 to 99", [](double&, Random& random) { return static_cast<double>(random() % 100); }},
    {"gauge", "walk, 3 decimals",
     [](double& state, Random& random) { return rounded(state += normal(random, 0.5), 1000); }},
    {"gauge", "50 ± 10, 3 decimals",
     [](double&, Random& random) { return rounded(50 + normal(random, 10), 1000); }},
    {"counter", "events, 0 to 499 a step",
     [](double& state, Random& random) { return state += static_cast<double>(random() % 500); }},
    {"counter", "bytes, to 100,000 a step",
     [](double& state, Random& random) { return state += static_cast<double>(random() % 100'000); }},
    {"counter", "CPU seconds, 2 decimals",
     [](double& state, Random& random) {
       return state = rounded(state + static_cast<double>(random() % 500) / 100, 100);
     }},
    {"noise", "50 ± 10, every bit", [](double&, Random& random) { return 50 + normal(random, 10); }},
    {"noise", "0 to 1, every bit",
     [](double&, Random& random) { return std::uniform_real_distribution<double>()(random); }},
};

struct Cost {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  double cpu_s = 0;
  double peak_rss_mb = 0;
};

double cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Writes a metric and adds what it cost.
void write_metric(const std::filesystem::path& file, const Kind& kind, int series, NumberEncoding encoding,
                  Random& random, Cost& cost) {
  const auto timed = [&](const auto& action) {
    const double before = cpu_s();
    action();
    cost.cpu_s += cpu_s() - before;
  };
  std::unique_ptr<Writer> writer;
  timed([&] { writer = make_parquet_writer(file, kSchema, {encoding}); });
  Batch batch(kSchema);
  for (int id = 0; id < series; ++id) {
    double state = id;
    for (int i = 0; i < kSamples; ++i) {
      batch.int64s(0).push_back(id);
      batch.int64s(1).push_back(kStart_ms + i * kStep_ms);
      batch.float64s(2).push_back(kind.next(state, random));
    }
    if (batch.rows() >= kBatchRows || id + 1 == series) {
      timed([&] { writer->write(batch); });
      batch.clear();
    }
  }
  WrittenFile written;
  timed([&] { written = writer->finish(); });
  cost.rows += written.rows;
  cost.bytes += written.bytes;
}

Cost write_metrics(const std::filesystem::path& folder, const Kind& kind, int series,
                   NumberEncoding encoding) {
  require_parquet();  // loading the module is not counted
  Cost cost;
  Random random(kSeed);
  while (cost.rows < kLeastRows) {
    const std::filesystem::path file = folder / "metric.parquet";
    write_metric(file, kind, series, encoding, random, cost);
    std::filesystem::remove(file);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  cost.peak_rss_mb = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
  return cost;
}

/// As write_metrics, in a child, whose memory is then its own.
Cost measure(const std::filesystem::path& folder, const Kind& kind, int series, NumberEncoding encoding) {
  int ends[2];
  if (pipe(ends) != 0) {
    throw std::runtime_error("no pipe");
  }
  const pid_t child = fork();
  if (child == 0) {
    const Cost cost = write_metrics(folder, kind, series, encoding);
    _exit(write(ends[1], &cost, sizeof(cost)) == sizeof(cost) ? 0 : 1);
  }
  close(ends[1]);
  Cost cost;
  const bool whole = read(ends[0], &cost, sizeof(cost)) == sizeof(cost);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  if (!whole) {
    throw std::runtime_error("a measuring process failed");
  }
  return cost;
}

double bytes_a_sample(const Cost& cost) {
  return static_cast<double>(cost.bytes) / static_cast<double>(cost.rows);
}

void print_table(const std::filesystem::path& folder, int series) {
  fmt::print("\n{} series, {} samples a metric\n\n", series, series * kSamples);
  fmt::print(
      "| kind | dictionary | byte-stream-split | plain | ours | ours / best of the first two | M samples/CPU "
      "s | "
      "peak RSS, MB |\n|---|---|---|---|---|---|---|---|\n");
  std::map<std::string, std::vector<double>> by_family;
  double worst = 0;
  for (const Kind& kind : kKinds) {
    const auto bytes = [&](NumberEncoding encoding) {
      return bytes_a_sample(measure(folder, kind, series, encoding));
    };
    const double dictionary = bytes(NumberEncoding::dictionary);
    const double split = bytes(NumberEncoding::byte_stream_split);
    const Cost cost = measure(folder, kind, series, NumberEncoding::best);
    const double ours = bytes_a_sample(cost);
    const double ratio = ours / std::min(dictionary, split);
    fmt::print("| {}: {} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.2f} | {:.1f} | {:.0f} |\n", kind.family,
               kind.name, dictionary, split, bytes(NumberEncoding::plain), ours, ratio,
               static_cast<double>(cost.rows) / cost.cpu_s / 1e6, cost.peak_rss_mb);
    by_family[kind.family].push_back(ours);
    worst = std::max(worst, ratio);
  }
  double mix = 0;
  for (const auto& [family, all] : by_family) {
    double sum = 0;
    for (const double one : all) {
      sum += one;
    }
    mix += sum / static_cast<double>(all.size()) / static_cast<double>(by_family.size());
  }
  fmt::print("\nmix (a third each of gauges, counters and noise): {:.2f} B/sample; worst ratio {:.3f}\n", mix,
             worst);
}

}  // namespace
}  // namespace kexp::table

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "table_bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return 1;
  }
  for (const int series : {10, 1000}) {
    kexp::table::print_table(folder, series);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
