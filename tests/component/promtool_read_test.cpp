// Remote read of a real Prometheus: every sample as promtool dumps it, and as it was written.

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <random>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/process.hpp"
#include "kexp/prom/client.hpp"

#include "chunk.hpp"
#include "read_request.hpp"
#include "support/capturing_log.hpp"
#include "support/chunk_writer.hpp"
#include "support/loopback_socket.hpp"
#include "support/temp_dir.hpp"

namespace kexp::prom {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr std::int64_t kStart = 1'706'572'800'137;  // 2024-01-30T00:00:00.137Z
constexpr std::int64_t kWritten = kStart + 6 * 3'600'000;
constexpr std::int64_t kEnd = kStart + 8 * 3'600'000;
constexpr int kSamples = 1500;
constexpr int kSampleLimit = 2000;  // Of an answer of samples.

/// Where a program is, on PATH or in the cache; empty where it cannot be had.
std::string fetched(const std::string& program) {
  const ProcessResult result =
      SystemProcessRunner().run({KEXP_SOURCE_DIR "/scripts/lib/fetch.sh", program}, {}, 300s, {});
  return result.exit_code == 0 ? result.out.substr(0, result.out.find('\n')) : std::string();
}

/// `{__name__="up", job="a"}`, as promtool prints it.
std::string series_name(const std::string& metric, const Labels& labels) {
  std::string text = fmt::format("{{__name__={}", promql_string(metric));
  for (const auto& [name, value] : labels) {
    text += fmt::format(", {}={}", name, promql_string(value));
  }
  return text + "}";
}

/// Bits of a value by series and time.
using Stored = std::map<std::string, std::map<std::int64_t, std::uint64_t>>;

/// promtool prints every NaN alike.
Stored with_plain_nans(Stored stored) {
  for (auto& [series, samples] : stored) {
    for (auto& [ts_ms, bits] : samples) {
      bits = std::isnan(std::bit_cast<double>(bits)) ? kStaleBits : bits;
    }
  }
  return stored;
}

/// Says where two differ, not all that they hold.
void expect_same(const Stored& actual, const Stored& wanted) {
  std::vector<std::string> names, wanted_names;
  for (const auto& [name, samples] : actual) {
    names.push_back(name);
  }
  for (const auto& [name, samples] : wanted) {
    wanted_names.push_back(name);
  }
  ASSERT_EQ(names, wanted_names);
  for (const auto& [name, samples] : wanted) {
    const auto& others = actual.at(name);
    EXPECT_EQ(others.size(), samples.size()) << name;
    for (const auto& [ts_ms, bits] : samples) {
      const auto other = others.find(ts_ms);
      ASSERT_NE(other, others.end()) << name << " at " << ts_ms;
      ASSERT_EQ(other->second, bits) << name << " at " << ts_ms;
    }
  }
}

class Collector : public SeriesSink {
 public:
  void restart() override {
    stored.clear();
    histograms.clear();
    ends = 0;
  }
  void receive(const SeriesPart& part) override {
    const std::string name = series_name(part.metric, part.labels);
    for (std::size_t i = 0; i < part.ts_ms.size(); ++i) {
      keep(name, part.ts_ms[i], part.values[i]);
    }
    for (const std::int64_t ts_ms : part.ended_ms) {
      keep(name, ts_ms, std::bit_cast<double>(kStaleBits));
      ++ends;
    }
    for (const Histogram& histogram : part.histograms) {
      EXPECT_TRUE(histograms[name].emplace(histogram.ts_ms, histogram).second) << "two of one time";
    }
  }

  Stored stored;
  std::map<std::string, std::map<std::int64_t, Histogram>> histograms;
  int ends = 0;

 private:
  void keep(const std::string& name, std::int64_t ts_ms, double value) {
    EXPECT_TRUE(stored[name].emplace(ts_ms, std::bit_cast<std::uint64_t>(value)).second) << "two of one time";
  }
};

/// Before a server, makes it one that knows no streams.
class WithoutStreams final : public net::HttpClient {
 public:
  explicit WithoutStreams(net::HttpClient& http) : http_(http) {}
  net::HttpResponse request(const net::HttpRequest& request, std::stop_token stop) override {
    return http_.request(request, std::move(stop));
  }
  net::HttpResponse stream(const net::HttpRequest& request, const net::OnBody& on_body,
                           std::stop_token stop) override {
    constexpr std::string_view kBoth("\x10\x01\x10\x00", 4), kSamplesOnly("\x10\x00", 2);
    std::string message = unpack(request.body);
    EXPECT_EQ(message.substr(message.size() - kBoth.size()), kBoth);
    message.replace(message.size() - kBoth.size(), kBoth.size(), kSamplesOnly);
    net::HttpRequest changed = request;
    changed.body = packed_message(message);
    ++streams;
    return http_.stream(changed, on_body, std::move(stop));
  }

  int streams = 0;

 private:
  net::HttpClient& http_;
};

/// A Prometheus of the test's own.
class PrometheusProcess {
 public:
  PrometheusProcess(const std::string& program, const test::TempDir& folder)
      : url_(fmt::format("http://127.0.0.1:{}", test::free_port())) {
    const std::string config =
        folder.write("prometheus.yml", "global: {external_labels: {site: lab, rack: '7'}}\n").string();
    std::vector<std::string> argv = {program,
                                     "--config.file=" + config,
                                     "--storage.tsdb.path=" + (folder / "data").string(),
                                     "--storage.tsdb.retention.time=100y",
                                     "--web.listen-address=" + url_.substr(std::string("http://").size()),
                                     fmt::format("--storage.remote.read-sample-limit={}", kSampleLimit),
                                     "--web.enable-remote-write-receiver",
                                     "--enable-feature=native-histograms"};
    thread_ = std::jthread([this, argv = std::move(argv)](const std::stop_token& stop) {
      try {
        said_ = SystemProcessRunner().run(argv, {}, 300s, stop).err;
      } catch (const InterruptedError&) {  // The test is over.
      }
    });
  }

  [[nodiscard]] const std::string& url() const { return url_; }

  void wait_until_ready(net::HttpClient& http) const {
    net::HttpRequest request;
    request.url = url_ + "/-/ready";
    SystemClock clock;
    for (const SteadyTime deadline = clock.now() + 60s; clock.now() < deadline;) {
      try {
        if (http.request(request, {}).status == 200) {
          return;
        }
      } catch (const net::HttpError&) {  // It does not listen yet.
      }
      static_cast<void>(clock.sleep_for(20ms, {}));
    }
    FAIL() << "Prometheus is not ready: " << said_;
  }

 private:
  std::string url_;
  std::string said_;
  std::jthread thread_;
};

struct Written {
  LabelList labels;
  std::vector<Sample> samples;
  std::vector<Histogram> histograms;
};

/// What the blocks are made of.
std::string open_metrics(Stored& stored) {
  std::mt19937_64 random(5);
  std::ostringstream out;
  const auto write = [&](const std::string& metric, const std::string& instance, auto&& next) {
    auto& samples = stored[series_name(metric, {{"instance", instance}})];
    for (int i = 0; i < kSamples; ++i) {
      const std::int64_t ts_ms = kStart + i * 5000 + static_cast<std::int64_t>(random() % 3) +
                                 (i > kSamples / 2 ? 400'000 : 0);  // With a gap.
      const double value = next();
      samples[ts_ms] = std::bit_cast<std::uint64_t>(value);
      out << fmt::format("{}{{instance=\"{}\"}} {} {}.{:03}\n", metric, instance,
                         std::isinf(value) ? (value > 0 ? "+Inf" : "-Inf") : fmt::format("{}", value),
                         ts_ms / 1000, ts_ms % 1000);
    }
  };
  double counter = 0;
  out << "# TYPE noise gauge\n";
  for (const char* instance : {"a", "b", "c"}) {
    write("noise", instance, [&] { return std::ldexp(static_cast<double>(random() >> 11U), -40); });
  }
  out << "# TYPE work counter\n";
  for (const char* instance : {"a", "b"}) {
    write("work_total", instance, [&] {
      counter = random() % 300 == 0 ? 0 : counter + static_cast<double>(random() % 500);
      return counter;
    });
  }
  out << "# TYPE limit gauge\n";
  write("limit", "a", [&] { return random() % 200 == 0 ? INFINITY : 7.0; });
  out << "# EOF\n";
  return out.str();
}

class RemoteReadOfPrometheusTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string prometheus = fetched("prometheus"), promtool = fetched("promtool");
    if (prometheus.empty() || promtool.empty()) {
      return;
    }
    state_ = std::make_unique<State>();
    state_->promtool = promtool;
    const std::string file = state_->folder.write("blocks.om", open_metrics(state_->blocks)).string();
    const ProcessResult made = SystemProcessRunner().run(
        {promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", file, state_->data()}, {}, 120s,
        {});
    ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
    state_->server = std::make_unique<PrometheusProcess>(prometheus, state_->folder);
    state_->server->wait_until_ready(*state_->http);
    state_->client =
        std::make_unique<Client>(state_->server->url(), *state_->http, state_->clock, state_->log);
    write_head();
  }
  static void TearDownTestSuite() { state_.reset(); }

  void SetUp() override {
    if (state_ == nullptr) {
      ASSERT_EQ(std::getenv("KEXP_REQUIRE_TEST_DATA"), nullptr) << "Prometheus cannot be fetched";
      GTEST_SKIP() << "Prometheus cannot be fetched";
    }
  }

  /// Samples that no text could write: of every bit pattern, marks of an end, and histograms.
  static void write_head() {
    std::mt19937_64 random(9);
    std::vector<Written> all;
    for (const char* instance : {"a", "b"}) {
      Written& bits = all.emplace_back(Written{{{"__name__", "bits"}, {"instance", instance}}, {}, {}});
      for (int i = 0; i < 700; ++i) {
        const std::uint64_t pattern = i % 100 == 99 ? kStaleBits : random();
        bits.samples.push_back({kWritten + i * 1000, std::bit_cast<double>(pattern)});
      }
    }
    all.push_back({{{"__name__", "durations"}, {"kind", "integer"}}, {}, histograms()});
    std::vector<std::string> series;
    for (const Written& written : all) {
      series.push_back(time_series(written.labels, written.samples, written.histograms));
    }
    net::HttpRequest request;
    request.url = state_->server->url() + "/api/v1/write";
    request.method = "POST";
    request.headers = {{"Content-Type", "application/x-protobuf"},
                       {"Content-Encoding", "snappy"},
                       {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
    request.body = write_request(series);
    const net::HttpResponse response = state_->http->request(request, {});
    ASSERT_EQ(response.status, 204) << response.body;
    state_->written = std::move(all);
  }

  /// Counters that grow, begin anew once, and end. Of integers: Prometheus 2.42 takes no others this way.
  static std::vector<Histogram> histograms() {
    constexpr auto kCounts = Histogram::Counts::integer;
    const auto layout = std::make_shared<const HistogramLayout>(
        HistogramLayout{2, std::ldexp(1, -128), {{-1, 2}, {3, 2}}, {{0, 1}}, {}});
    std::vector<Histogram> all;
    for (int i = 0; i < 200; ++i) {
      const double n = 1 + i % 150;
      all.push_back({kWritten + i * 1000,
                     kCounts,
                     Histogram::Reset::unknown,
                     11 * n,
                     n,
                     std::sin(i) * 1000,
                     {n, 2 * n, n, 3 * n},
                     {3 * n},
                     layout});
    }
    Histogram& end = all.emplace_back();
    end.ts_ms = kWritten + 200'000;
    end.sum = std::bit_cast<double>(kStaleBits);
    end.layout = std::make_shared<const HistogramLayout>();
    return all;
  }

  static ReadQuery everything() {
    return {"",
            {Selector::parse("{__name__=~\".+\"}", "--match")},
            kStart,
            kEnd,
            {{"site", "lab"}, {"rack", "7"}}};
  }
  static std::pair<Collector, ReadResult> read(const ReadQuery& query) {
    Collector collector;
    const ReadResult result = state_->client->remote_read(query, collector, {});
    return {std::move(collector), result};
  }
  /// Without the series of histograms, which promtool does not dump.
  static Stored numbers_of(const Collector& collected) {
    Stored stored = collected.stored;
    for (const auto& [name, histograms] : collected.histograms) {
      stored.erase(name);
    }
    return stored;
  }
  static Stored dumped() {
    const ProcessResult dump =
        SystemProcessRunner().run({state_->promtool, "tsdb", "dump", state_->data()}, {}, 120s, {});
    EXPECT_EQ(dump.exit_code, 0) << dump.err;
    Stored stored;
    std::istringstream lines(dump.out);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t labels = line.rfind('}') + 1, space = line.rfind(' ');
      std::string_view text = std::string_view(line).substr(labels + 1, space - labels - 1);
      text.remove_prefix(text.front() == '+' ? 1 : 0);
      double value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      stored[line.substr(0, labels)][std::stoll(line.substr(space + 1))] =
          std::bit_cast<std::uint64_t>(value);
    }
    return stored;
  }

  struct State {
    [[nodiscard]] std::string data() const { return (folder / "data").string(); }

    test::TempDir folder;
    std::string promtool;
    Stored blocks;
    std::vector<Written> written;
    std::unique_ptr<net::HttpClient> http = net::make_http_client();
    std::unique_ptr<PrometheusProcess> server;
    SystemClock clock;
    test::CapturingLog log;
    std::unique_ptr<Client> client;
  };
  static std::unique_ptr<State> state_;
};
std::unique_ptr<RemoteReadOfPrometheusTest::State> RemoteReadOfPrometheusTest::state_;

TEST_F(RemoteReadOfPrometheusTest, GivesEverySampleThatPromtoolDumps) {
  const auto [collected, result] = read(everything());
  const Stored dump = dumped();
  ASSERT_THAT(dump, Not(IsEmpty()));
  expect_same(with_plain_nans(numbers_of(collected)), with_plain_nans(dump));
  EXPECT_FALSE(result.decoded_by_server);
}

TEST_F(RemoteReadOfPrometheusTest, GivesEveryBitOfWhatWasWritten) {
  const Stored stored = numbers_of(read(everything()).first);
  for (const auto& [name, samples] : state_->blocks) {
    EXPECT_EQ(stored.at(name), samples) << name;
  }
  std::size_t compared = 0;
  for (const Written& written : state_->written) {
    for (const Sample& sample : written.samples) {
      const std::string name = series_name("bits", {{"instance", written.labels[1].second}});
      ASSERT_EQ(stored.at(name).at(sample.ts_ms), std::bit_cast<std::uint64_t>(sample.value)) << sample.ts_ms;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 1400U);
}

TEST_F(RemoteReadOfPrometheusTest, GivesHistogramsAsTheyWereWritten) {
  const Collector collected = read(everything()).first;
  for (const Written& written : state_->written) {
    if (written.histograms.empty()) {
      continue;
    }
    const std::string name = series_name("durations", {{"kind", written.labels[1].second}});
    SCOPED_TRACE(name);
    const auto& read_back = collected.histograms.at(name);
    EXPECT_EQ(read_back.size(), 200U);
    for (std::size_t i = 0; i < 200; ++i) {
      const Histogram& wanted = written.histograms[i];
      const Histogram& histogram = read_back.at(wanted.ts_ms);
      EXPECT_EQ(histogram.counts, wanted.counts);
      EXPECT_EQ(histogram.count, wanted.count);
      EXPECT_EQ(histogram.zero_count, wanted.zero_count);
      EXPECT_EQ(histogram.sum, wanted.sum);
      EXPECT_EQ(histogram.positive, wanted.positive);
      EXPECT_EQ(histogram.negative, wanted.negative);
      EXPECT_EQ(*histogram.layout, *wanted.layout);
      if (i == 0 || i == 150) {  // A chunk begins here.
        EXPECT_NE(histogram.reset, Histogram::Reset::no) << i;
      }
    }
    EXPECT_THAT(collected.stored.at(name), ElementsAre(Pair(kWritten + 200'000, kStaleBits)));
  }
}

TEST_F(RemoteReadOfPrometheusTest, IsTheSameWhereTheServerDecodes) {
  const Collector wanted = read(everything()).first;
  WithoutStreams http(*state_->http);
  const Client client(state_->server->url(), http, state_->clock, state_->log);
  Collector collected;
  static_cast<void>(client.remote_read(everything(), collected, {}));
  // Prometheus 2.42 leaves native histograms out of such an answer.
  expect_same(numbers_of(collected), numbers_of(wanted));
  EXPECT_GT(http.streams, 8) << "the server's limit asks for stretches";
}

TEST_F(RemoteReadOfPrometheusTest, CutsToAWindowAndASelector) {
  ReadQuery query = everything();
  query.metric = "noise";
  query.selectors = {Selector::parse("{instance=~\"a|b\"}", "--match"),
                     Selector::parse("{instance!=\"c\"}", "--match")};
  query.start_ms = kStart + 600'000;
  query.end_ms = kStart + 1'200'000;
  const Stored stored = read(query).first.stored;
  ASSERT_EQ(stored.size(), 2U);
  for (const auto& [name, samples] : stored) {
    std::map<std::int64_t, std::uint64_t> wanted = state_->blocks.at(name);
    wanted.erase(wanted.begin(), wanted.lower_bound(query.start_ms));
    wanted.erase(wanted.upper_bound(query.end_ms), wanted.end());
    EXPECT_EQ(samples, wanted) << name;
  }
}

TEST_F(RemoteReadOfPrometheusTest, IsFoundByItsProbeAndNamesItsLabels) {
  EXPECT_TRUE(state_->client->has_remote_read({}));
  EXPECT_THAT(*state_->client->external_labels({}), ElementsAre(Pair("rack", "7"), Pair("site", "lab")));
}

}  // namespace
}  // namespace kexp::prom
