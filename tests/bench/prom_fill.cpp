// Fills a Prometheus by remote write, in the order of time: METRICS metrics of SERIES series, SAMPLES samples
// each, STEP_MS apart but for what scrapes are off. Half are counters; of the others a fifth each constants
// and small integers, the rest noise with all its digits. The same every time. tests/bench/prom_read.py
// starts the server and runs this.
//
//     prom_fill URL METRICS SERIES SAMPLES START_MS STEP_MS

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <numbers>
#include <snappy.h>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kexp/core/random.hpp"
#include "kexp/net/http_client.hpp"

#include "wire.hpp"

namespace {

using kexp::SplitMix64;
using kexp::prom::WireWriter;

constexpr std::int64_t kSamplesPerMessage = 100'000;
constexpr std::int64_t kSamplesInARow = 100;  // Of one series in a message.

/// One series, from sample to sample.
class Series {
 public:
  Series(std::int64_t metric, std::int64_t number)
      : metric_(metric),
        number_(number),
        random_(static_cast<std::uint64_t>(metric * 1'000'003 + number + 1)) {}

  /// A TimeSeries of the next samples.
  std::string next(std::int64_t first_ms, std::int64_t step_ms, std::int64_t count) {
    WireWriter series;
    for (const auto& [name, value] : labels()) {
      WireWriter label;
      label.bytes(1, name);
      label.bytes(2, value);
      series.bytes(1, label.message());
    }
    for (std::int64_t i = 0; i < count; ++i) {
      WireWriter sample;
      sample.fixed64(1, next_value());
      sample.int64(2, first_ms + i * step_ms + static_cast<std::int64_t>(random_.below(3)));
      series.bytes(2, sample.message());
    }
    return series.message();
  }

 private:
  [[nodiscard]] bool is_counter() const { return metric_ % 2 == 0; }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> labels() const {
    return {{"__name__", fmt::format("kexp_bench_{:03}{}", metric_, is_counter() ? "_total" : "")},
            {"container", fmt::format("c{}", number_)},
            {"instance", fmt::format("node-{}:9100", number_ % 5)},
            {"job", "node-exporter"},
            {"namespace", "monitoring"},
            {"pod", fmt::format("pod-{:06}-abcdef12", number_)}};
  }

  double next_value() {
    if (is_counter()) {
      return value_ += static_cast<double>(random_.below(500));
    }
    if (metric_ % 10 == 1) {
      return static_cast<double>(number_ % 10);
    }
    if (metric_ % 10 == 3) {
      return static_cast<double>(random_.below(100));
    }
    const double size = std::sqrt(-2 * std::log(1 - uniform()));
    return 50 + 10 * size * std::cos(2 * std::numbers::pi * uniform());
  }
  double uniform() { return static_cast<double>(random_.next() >> 11U) * 0x1p-53; }

  std::int64_t metric_;
  std::int64_t number_;
  SplitMix64 random_;
  double value_ = 0;
};

void write(kexp::net::HttpClient& http, const std::string& url, const std::string& message) {
  kexp::net::HttpRequest request;
  request.url = url + "/api/v1/write";
  request.method = "POST";
  request.headers = {{"Content-Type", "application/x-protobuf"},
                     {"Content-Encoding", "snappy"},
                     {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  snappy::Compress(message.data(), message.size(), &request.body);
  if (const auto response = http.request(request, {}); response.status != 204) {
    fmt::print(stderr, "prom_fill: HTTP {}: {}\n", response.status, response.body);
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    fmt::print(stderr, "prom_fill URL METRICS SERIES SAMPLES START_MS STEP_MS\n");
    return 2;
  }
  const std::string url = argv[1];
  const std::int64_t metrics = std::atoll(argv[2]), series = std::atoll(argv[3]),
                     samples = std::atoll(argv[4]);
  const std::int64_t start_ms = std::atoll(argv[5]), step_ms = std::atoll(argv[6]);
  std::vector<Series> all;
  for (std::int64_t metric = 0; metric < metrics; ++metric) {
    for (std::int64_t number = 0; number < series; ++number) {
      all.emplace_back(metric, number);
    }
  }
  const auto http = kexp::net::make_http_client();
  for (std::int64_t from = 0; from < samples; from += kSamplesInARow) {
    const std::int64_t count = std::min(kSamplesInARow, samples - from);
    WireWriter message;
    std::int64_t in_message = 0;
    for (Series& one : all) {
      message.bytes(1, one.next(start_ms + from * step_ms, step_ms, count));
      in_message += count;
      if (in_message >= kSamplesPerMessage || &one == &all.back()) {
        write(*http, url, message.message());
        message = {};
        in_message = 0;
      }
    }
  }
}
