// How fast samples come out of a Prometheus: decoding alone, and read by one and by two connections.
// tests/bench/prom_read.py fills and starts one, and runs this.
//
//     prom_read_bench URL START_MS END_MS

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "kexp/prom/client.hpp"

#include "frame_reader.hpp"
#include "part_builder.hpp"
#include "read_request.hpp"

namespace {

using namespace kexp;

constexpr int kRepetitions = 5;

/// Looks at every sample, keeps none.
class Sum final : public prom::SeriesSink {
 public:
  void restart() override { sum_ = 0; }
  void receive(const prom::SeriesPart& part) override {
    for (std::size_t i = 0; i < part.values.size(); ++i) {
      sum_ += part.values[i] + static_cast<double>(part.ts_ms[i]);
    }
  }

 private:
  double sum_ = 0;
};

class NoLog final : public Log {
 public:
  [[nodiscard]] bool enabled(LogLevel) const override { return false; }
  void write(LogLevel, std::string_view) override {}
};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Best {
  double wall_s = std::numeric_limits<double>::max();
  double cpu_s = 0;
};

template <typename Work>
Best best_of(const Work& work) {
  Best best;
  for (int i = 0; i < kRepetitions; ++i) {
    const double cpu = cpu_seconds();
    const auto begin = std::chrono::steady_clock::now();
    work();
    const double wall = seconds(std::chrono::steady_clock::now() - begin);
    if (wall < best.wall_s) {
      best = {wall, cpu_seconds() - cpu};
    }
  }
  return best;
}

void print(std::string_view what, std::uint64_t samples, std::uint64_t bytes, const Best& best) {
  const auto count = static_cast<double>(samples);
  fmt::print(
      "{{\"what\": \"{}\", \"samples\": {}, \"seconds\": {:.4f}, \"cpu_s\": {:.4f}, "
      "\"million_samples_per_s\": {:.1f}, "
      "\"bytes_per_sample\": {:.2f}}}\n",
      what, samples, best.wall_s, best.cpu_s, count / best.wall_s / 1e6, static_cast<double>(bytes) / count);
}

prom::ReadQuery query_of(const std::string& metric, std::int64_t start_ms, std::int64_t end_ms) {
  return {metric, {}, start_ms, end_ms, {}};
}

/// The whole answer in memory, so that decoding can be measured without the server.
std::vector<std::byte> whole_stream(net::HttpClient& http, const std::string& url, std::int64_t start_ms,
                                    std::int64_t end_ms) {
  net::HttpRequest request;
  request.url = url + "/api/v1/read";
  request.method = "POST";
  request.headers = {{"Content-Type", "application/x-protobuf"},
                     {"Content-Encoding", "snappy"},
                     {"X-Prometheus-Remote-Read-Version", "0.1.0"}};
  request.body = prom::read_request({{prom::Matcher::Type::regex, "__name__", "kexp_bench_.+"}}, start_ms,
                                    end_ms, prom::ReadMode::chunks);
  std::vector<std::byte> body;
  static_cast<void>(http.stream(
      request,
      [&](const net::HttpResponse&, auto part) { body.insert(body.end(), part.begin(), part.end()); }, {}));
  return body;
}

void measure_decoding(const std::vector<std::byte>& body, std::int64_t start_ms, std::int64_t end_ms) {
  prom::ReadResult result;
  const Best best = best_of([&] {
    Sum sum;
    result = {};
    const prom::ReadQuery query = query_of("", start_ms, end_ms);
    prom::PartBuilder parts(query, start_ms, end_ms, sum, result);
    prom::FrameReader frames([&](auto message) { parts.read_chunks(message); });
    frames.feed(body);
    frames.finish();
    parts.flush();
  });
  print("decode, from memory, one core", result.samples, body.size(), best);
}

void measure_reading(const prom::Client& client, const std::vector<std::string>& metrics, int connections,
                     std::int64_t start_ms, std::int64_t end_ms) {
  std::atomic<std::uint64_t> samples{0}, bytes{0};
  const Best best = best_of([&] {
    std::atomic<std::size_t> next{0};
    samples = bytes = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < connections; ++i) {
      threads.emplace_back([&] {
        Sum sum;
        for (std::size_t m = next++; m < metrics.size(); m = next++) {
          const prom::ReadResult result = client.remote_read(query_of(metrics[m], start_ms, end_ms), sum, {});
          samples += result.samples;
          bytes += result.bytes;
        }
      });
    }
  });
  print(fmt::format("read metric by metric, {} connection{}", connections, connections == 1 ? "" : "s"),
        samples, bytes, best);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "prom_read_bench URL START_MS END_MS\n");
    return 2;
  }
  const std::string url = argv[1];
  const std::int64_t start_ms = std::atoll(argv[2]), end_ms = std::atoll(argv[3]);
  const std::unique_ptr<net::HttpClient> http = net::make_http_client();
  SystemClock clock;
  NoLog log;
  const prom::Client client(url, *http, clock, log);
  const prom::Window window{WallTime(std::chrono::milliseconds(start_ms)),
                            WallTime(std::chrono::milliseconds(end_ms))};
  const std::vector<std::string> metrics =
      client.metric_names(window, {prom::Selector::parse("{__name__=~\"kexp_bench_.+\"}", "--match")}, {});

  std::vector<std::byte> body;
  const Best transfer = best_of([&] { body = whole_stream(*http, url, start_ms, end_ms); });
  measure_decoding(body, start_ms, end_ms);
  for (const int connections : {1, 2}) {
    measure_reading(client, metrics, connections, start_ms, end_ms);
  }
  fmt::print("{{\"what\": \"transfer alone, one request\", \"seconds\": {:.4f}, \"bytes\": {}}}\n",
             transfer.wall_s, body.size());
}
