#include "kexp/prom/remote_read.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <snappy.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/prom/client.hpp"

#include "chunk.hpp"
#include "support/canned_http.hpp"
#include "support/capturing_log.hpp"
#include "support/chunk_writer.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "wire.hpp"

namespace kexp::prom {
namespace {

using namespace std::chrono_literals;
using namespace ::testing;
using test::message_of;

constexpr std::int64_t kStart = 1'795'284'000'000;
constexpr std::int64_t kEnd = kStart + 3'600'000;
constexpr std::uint64_t kNumbers = 1, kHistograms = 2, kFloatHistograms = 3, kUnknown = 4;
const double kStale = std::bit_cast<double>(kStaleBits);

net::HttpResponse refused(long status, std::string body = "no") { return {status, {}, std::move(body)}; }

/// What a request asks for.
struct Asked {
  std::int64_t start_ms = 0, end_ms = 0;
  std::vector<std::string> matchers;  ///< type name value
  std::vector<std::uint64_t> modes;

  [[nodiscard]] bool chunks() const { return modes == std::vector<std::uint64_t>{1, 0}; }
};

Asked asked_by(const net::HttpRequest& request) {
  std::string message;
  EXPECT_TRUE(snappy::Uncompress(request.body.data(), request.body.size(), &message));
  Asked asked;
  for (WireReader in(bytes_of(message)); in.next();) {
    if (in.field() == 2) {
      asked.modes.push_back(in.number());
      continue;
    }
    for (WireReader query(in.bytes()); query.next();) {
      if (query.field() == 1) {
        asked.start_ms = query.int64();
      } else if (query.field() == 2) {
        asked.end_ms = query.int64();
      } else {
        std::string text;
        for (WireReader matcher(query.bytes()); matcher.next();) {
          text += matcher.field() == 1 ? std::to_string(matcher.number()) : " " + std::string(matcher.text());
        }
        asked.matchers.push_back(text);
      }
    }
  }
  return asked;
}

/// Collects series as somebody who wants them whole does.
class Collector : public SeriesSink {
 public:
  struct Series {
    std::vector<Sample> samples;
    std::vector<std::int64_t> ended_ms;
    std::vector<Histogram> histograms;
    int parts = 0;
  };

  void restart() override {
    series.clear();
    last_.clear();
    ++restarts;
  }
  void receive(const SeriesPart& part) override {
    std::string name = part.metric;
    for (const auto& [label, value] : part.labels) {
      name += " " + label + "=" + value;
    }
    EXPECT_EQ(part.continues, name == last_);
    last_ = name;
    Series& to = series[name];
    ++to.parts;
    ASSERT_EQ(part.ts_ms.size(), part.values.size());
    for (std::size_t i = 0; i < part.ts_ms.size(); ++i) {
      to.samples.push_back({part.ts_ms[i], part.values[i]});
    }
    to.ended_ms.insert(to.ended_ms.end(), part.ended_ms.begin(), part.ended_ms.end());
    to.histograms.insert(to.histograms.end(), part.histograms.begin(), part.histograms.end());
  }

  std::map<std::string, Series> series;
  int restarts = 0;

 private:
  std::string last_;
};

std::vector<std::int64_t> times_of(const Collector::Series& series) {
  std::vector<std::int64_t> times;
  for (const Sample& sample : series.samples) {
    times.push_back(sample.ts_ms - kStart);
  }
  return times;
}

std::vector<Sample> every_5_s(int from, int count) {
  std::vector<Sample> samples;
  for (int i = from; i < from + count; ++i) {
    samples.push_back({kStart + i * 5000, static_cast<double>(i)});
  }
  return samples;
}

class RemoteReadTest : public ::testing::Test {
 protected:
  ReadResult read() { return client_.remote_read(query_, sink_, {}); }
  std::string error_of_reading() {
    return message_of<PrometheusError>([&] { return read(); });
  }

  /// Answers a request for chunks and one for samples.
  void serve(const std::string& chunks, const std::string& samples) {
    http_.on("/api/v1/read", [=](const net::HttpRequest& request) {
      return asked_by(request).chunks() ? streamed(chunks) : packed(samples);
    });
  }
  void serve(const std::string& chunks) {
    http_.on("/api/v1/read", [=](const net::HttpRequest&) { return streamed(chunks); });
  }
  void serve_in_turn(std::vector<net::HttpResponse> answers) {
    http_.on("/api/v1/read", test::in_turn(std::move(answers)));
  }
  static std::string up(const std::string& instance,
                        const std::vector<std::pair<std::uint64_t, std::string>>& chunks) {
    return framed(chunked_response({{"__name__", "up"}, {"instance", instance}}, chunks));
  }

  test::CannedHttp http_;
  test::FakeClock clock_;
  test::CapturingLog log_;
  Client client_{"http://prom:9090/", http_, clock_, log_};
  ReadQuery query_{"up", {}, kStart, kEnd, {}};
  Collector sink_;
};

TEST_F(RemoteReadTest, AsksForChunksOfTheWindowAndTheSelectors) {
  query_.selectors = {Selector::parse("{job=~\"a|b\"}", "--match"),
                      Selector::parse("{job!=\"c\"}", "--match")};
  serve("");
  static_cast<void>(read());
  ASSERT_EQ(http_.requests().size(), 2U);
  const net::HttpRequest request = http_.requests()[0];
  EXPECT_EQ(request.url, "http://prom:9090/api/v1/read");
  EXPECT_EQ(request.method, "POST");
  EXPECT_THAT(request.headers,
              ElementsAre(Pair("Content-Type", "application/x-protobuf"), Pair("Content-Encoding", "snappy"),
                          Pair("X-Prometheus-Remote-Read-Version", "0.1.0")));
  const Asked asked = asked_by(request);
  EXPECT_EQ(asked.start_ms, kStart);
  EXPECT_EQ(asked.end_ms, kEnd);
  EXPECT_TRUE(asked.chunks());
  EXPECT_THAT(asked.matchers, ElementsAre("0 __name__ up", "2 job a|b"));
  EXPECT_THAT(asked_by(http_.requests()[1]).matchers, ElementsAre("0 __name__ up", "1 job c"));
}

TEST_F(RemoteReadTest, HandsOverSeriesWithTheirSamples) {
  const std::string body =
      up("a", {{kNumbers, xor_chunk(every_5_s(0, 120))}, {kNumbers, xor_chunk(every_5_s(120, 3))}}) +
      up("a", {{kNumbers, xor_chunk(every_5_s(123, 2))}}) +
      up("b", {{kNumbers, xor_chunk({{kStart, -0.0}})}});
  serve(body);
  http_.set_piece_size(7);

  const ReadResult result = read();

  EXPECT_EQ(result.samples, 126U);
  EXPECT_EQ(result.bytes, body.size());
  EXPECT_FALSE(result.decoded_by_server);
  ASSERT_THAT(sink_.series, SizeIs(2));
  const Collector::Series& a = sink_.series["up instance=a"];
  ASSERT_EQ(a.samples.size(), 125U);
  EXPECT_EQ(a.samples[124].ts_ms, kStart + 124 * 5000);
  EXPECT_EQ(a.samples[124].value, 124);
  EXPECT_EQ(a.parts, 1) << "frames of one series become one part";
  EXPECT_TRUE(std::signbit(sink_.series["up instance=b"].samples.at(0).value));
}

TEST_F(RemoteReadTest, HandsOverALongSeriesInParts) {
  std::string body;
  for (int i = 0; i < 240; ++i) {
    body += up("a", {{kNumbers, xor_chunk(every_5_s(i * 1250, 1250))}});
  }
  query_.end_ms = kStart + std::int64_t{300'000} * 5000;
  serve(body);
  EXPECT_EQ(read().samples, 300'000U);
  const Collector::Series& a = sink_.series["up instance=a"];
  EXPECT_EQ(a.parts, 3);
  EXPECT_EQ(a.samples.back().value, 299'999);
}

TEST_F(RemoteReadTest, CutsToTheWindowWithBothItsEnds) {
  query_.start_ms = kStart + 5000;
  query_.end_ms = kStart + 15'000;
  serve(up("a", {{kNumbers, xor_chunk(every_5_s(0, 10))}}));
  EXPECT_EQ(read().samples, 3U);
  EXPECT_THAT(times_of(sink_.series["up instance=a"]), ElementsAre(5000, 10'000, 15'000));
}

TEST_F(RemoteReadTest, TakesOneSampleOfATime) {
  serve(up("a", {{kNumbers, xor_chunk({{kStart, 1}, {kStart, 2}, {kStart + 1, 3}})}}) +
        up("a", {{kNumbers, xor_chunk({{kStart + 1, 4}, {kStart + 2, 5}})}}));
  EXPECT_EQ(read().samples, 3U);
  const auto& samples = sink_.series["up instance=a"].samples;
  EXPECT_THAT(times_of(sink_.series["up instance=a"]), ElementsAre(0, 1, 2));
  EXPECT_EQ(samples[1].value, 3);
}

TEST_F(RemoteReadTest, SetsMarksOfAnEndApartAndKeepsOtherNaNs) {
  const double nan = std::bit_cast<double>(std::uint64_t{0x7ff8000000000001});
  serve(up("a", {{kNumbers, xor_chunk({{kStart, nan},
                                       {kStart + 1, kStale},
                                       {kStart + 2, std::numeric_limits<double>::infinity()}})}}) +
        up("b", {{kNumbers, xor_chunk({{kStart + 7, kStale}})}}));
  const ReadResult result = read();
  EXPECT_EQ(result.samples, 2U);
  EXPECT_EQ(result.ends, 2U);
  const Collector::Series& a = sink_.series["up instance=a"];
  EXPECT_THAT(a.ended_ms, ElementsAre(kStart + 1));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.samples.at(0).value), 0x7ff8000000000001U);
  EXPECT_TRUE(std::isinf(a.samples.at(1).value));
  EXPECT_THAT(sink_.series["up instance=b"].ended_ms, ElementsAre(kStart + 7));
}

std::vector<Histogram> two_histograms(Histogram::Counts counts) {
  const auto layout =
      std::make_shared<const HistogramLayout>(HistogramLayout{3, 0.5, {{0, 2}}, {{1, 1}}, {}});
  Histogram first{kStart, counts, Histogram::Reset::unknown, 10, 1, 2.5, {4, 3}, {2}, layout};
  Histogram second{kStart + 1, counts, Histogram::Reset::no, 14, 1, 3.5, {5, 6}, {2}, layout};
  return {first, second};
}

void expect_two_histograms(const std::vector<Histogram>& histograms, Histogram::Counts counts) {
  ASSERT_EQ(histograms.size(), 2U);
  EXPECT_EQ(histograms[1].ts_ms, kStart + 1);
  EXPECT_EQ(histograms[1].counts, counts);
  EXPECT_EQ(histograms[1].reset, Histogram::Reset::no);
  EXPECT_EQ(histograms[1].count, 14);
  EXPECT_EQ(histograms[1].zero_count, 1);
  EXPECT_EQ(histograms[1].sum, 3.5);
  EXPECT_THAT(histograms[1].positive, ElementsAre(5, 6));
  EXPECT_THAT(histograms[1].negative, ElementsAre(2));
  EXPECT_EQ(histograms[1].layout->zero_threshold, 0.5);
  EXPECT_THAT(histograms[1].layout->negative, ElementsAre(BucketSpan{1, 1}));
  EXPECT_EQ(histograms[0].layout, histograms[1].layout) << "the layout is shared";
}

TEST_F(RemoteReadTest, HandsOverHistogramsOfBothKindsOfChunks) {
  const auto integer = two_histograms(Histogram::Counts::integer);
  const auto floating = two_histograms(Histogram::Counts::floating);
  serve(up("a", {{kHistograms, histogram_chunk(integer)}}) +
        up("b", {{kFloatHistograms, float_histogram_chunk(floating)}}));
  EXPECT_EQ(read().histograms, 4U);
  expect_two_histograms(sink_.series["up instance=a"].histograms, Histogram::Counts::integer);
  expect_two_histograms(sink_.series["up instance=b"].histograms, Histogram::Counts::floating);
}

TEST_F(RemoteReadTest, LetsTheServerDecodeChunksOfAnUnknownEncoding) {
  const auto integer = two_histograms(Histogram::Counts::integer);
  const auto floating = two_histograms(Histogram::Counts::floating);
  Histogram end = integer[0];
  end.ts_ms = kStart + 2;
  end.sum = kStale;
  end.positive.clear();
  end.negative.clear();
  serve(up("a", {{kNumbers, xor_chunk(every_5_s(0, 3))}}) + up("b", {{kUnknown, "whatever"}}),
        samples_response({time_series({{"__name__", "up"}, {"instance", "a"}}, every_5_s(0, 3)),
                          time_series({{"__name__", "up"}, {"instance", "b"}},
                                      {{kStart, 1}, {kStart + 1, kStale}}, {integer[0], integer[1], end}),
                          time_series({{"__name__", "up"}, {"instance", "c"}}, {}, floating)}));

  const ReadResult result = read();

  EXPECT_TRUE(result.decoded_by_server);
  EXPECT_EQ(sink_.restarts, 1);
  EXPECT_THAT(asked_by(http_.requests().at(1)).modes, ElementsAre(0));
  EXPECT_EQ(result.samples, 4U);
  EXPECT_EQ(result.histograms, 4U);
  EXPECT_THAT(times_of(sink_.series["up instance=a"]), ElementsAre(0, 5000, 10'000));
  EXPECT_THAT(sink_.series["up instance=b"].ended_ms, ElementsAre(kStart + 1, kStart + 2));
  expect_two_histograms(sink_.series["up instance=b"].histograms, Histogram::Counts::integer);
  expect_two_histograms(sink_.series["up instance=c"].histograms, Histogram::Counts::floating);
}

TEST_F(RemoteReadTest, LetsTheServerMergeChunksThatOverlap) {
  serve(up("a", {{kNumbers, xor_chunk(every_5_s(0, 4))}, {kNumbers, xor_chunk(every_5_s(2, 4))}}),
        samples_response({time_series({{"__name__", "up"}, {"instance", "a"}}, every_5_s(0, 6))}));
  EXPECT_TRUE(read().decoded_by_server);
  EXPECT_EQ(sink_.series["up instance=a"].samples.size(), 6U);
}

TEST_F(RemoteReadTest, LetsTheServerDecodeOnlyTheSelectorThatNeedsIt) {
  query_.selectors = {Selector::parse("{job=\"new\"}", "--match"),
                      Selector::parse("{job=\"old\"}", "--match")};
  http_.on("/api/v1/read", [](const net::HttpRequest& request) {
    const Asked asked = asked_by(request);
    const bool old = asked.matchers.at(1) == "0 job old";
    if (asked.chunks()) {
      return streamed(old ? up("o", {{kNumbers, xor_chunk(every_5_s(0, 1))}}) : up("n", {{kUnknown, "?"}}));
    }
    return packed(samples_response({time_series({{"__name__", "up"}, {"instance", "n"}}, every_5_s(0, 2))}));
  });
  EXPECT_EQ(read().samples, 3U);
  std::vector<bool> modes;
  for (const net::HttpRequest& request : http_.requests()) {
    modes.push_back(asked_by(request).chunks());
  }
  EXPECT_THAT(modes, ElementsAre(true, false, true));
}

TEST_F(RemoteReadTest, TakesSamplesFromAServerThatHasNoStreams) {
  http_.on("/api/v1/read", [](const net::HttpRequest&) {
    return packed(samples_response({time_series({{"__name__", "up"}}, every_5_s(0, 2))}));
  });
  EXPECT_EQ(read().samples, 2U);
  EXPECT_EQ(sink_.restarts, 0);
}

TEST_F(RemoteReadTest, TakesASeriesOfSeveralSelectorsOnce) {
  query_.selectors = {Selector::parse("{a=\"1\"}", "--match"), Selector::parse("{b=\"1\"}", "--match")};
  serve(up("a", {{kNumbers, xor_chunk(every_5_s(0, 5))}}));
  EXPECT_EQ(read().samples, 5U);
  EXPECT_THAT(sink_.series, SizeIs(1));
}

TEST_F(RemoteReadTest, TakesTheServersOwnLabelsOut) {
  query_.external_labels = {{"cluster", "lab"}, {"instance", "server"}};
  serve(framed(chunked_response({{"__name__", "up"}, {"cluster", "lab"}, {"instance", "a"}},
                                {{kNumbers, xor_chunk(every_5_s(0, 1))}})));
  static_cast<void>(read());
  EXPECT_THAT(sink_.series, ElementsAre(Pair("up instance=a", ::testing::_)));
}

TEST_F(RemoteReadTest, BeginsAnewWhenTheConnectionBreaks) {
  const std::string a = up("a", {{kNumbers, xor_chunk(every_5_s(0, 5))}});
  const std::string b = up("b", {{kNumbers, xor_chunk(every_5_s(0, 5))}});
  /// Where the connection holds at the second attempt.
  class Mended : public Collector {
   public:
    explicit Mended(std::function<void()> mend) : mend_(std::move(mend)) {}
    void restart() override {
      EXPECT_THAT(series, SizeIs(1)) << "what came before the cut";
      Collector::restart();
      mend_();
    }

   private:
    std::function<void()> mend_;
  };
  http_.on_cut("/api/v1/read", streamed(a + b));
  Mended sink([&] { serve(a + b); });
  const SteadyTime before = clock_.now();
  EXPECT_EQ(client_.remote_read(query_, sink, {}).samples, 10U);
  EXPECT_EQ(clock_.now() - before, 250ms);
  EXPECT_THAT(sink.series, SizeIs(2));
}

TEST_F(RemoteReadTest, GivesUpOnADamagedStreamAfterSixAttempts) {
  std::string body = up("a", {{kNumbers, xor_chunk(every_5_s(0, 5))}});
  body.back() = static_cast<char>(body.back() ^ 1);
  serve(body);
  EXPECT_THAT(error_of_reading(),
              AllOf(HasSubstr("http://prom:9090 fails at /api/v1/read"), HasSubstr("checksum")));
  EXPECT_EQ(http_.requests().size(), 6U);
}

TEST_F(RemoteReadTest, BeginsAnewAfterEveryCutOfAStream) {
  const std::string a = up("a", {{kNumbers, xor_chunk(every_5_s(0, 5))}});
  const std::string body =
      a + up("b", {{kHistograms, histogram_chunk(two_histograms(Histogram::Counts::integer))}});
  for (std::size_t size = 1; size < body.size(); ++size) {
    if (size == a.size()) {
      continue;  // Between messages only HTTP can know of a cut.
    }
    serve_in_turn({streamed(body.substr(0, size)), streamed(body)});
    sink_ = {};
    const ReadResult result = read();
    ASSERT_EQ(result.samples, 5U) << size;
    ASSERT_EQ(result.histograms, 2U) << size;
    ASSERT_EQ(sink_.series["up instance=a"].samples.size(), 5U) << size;
  }
}

TEST_F(RemoteReadTest, WaitsAsLongAsTheServerAsks) {
  net::HttpResponse busy = refused(429, "busy");
  busy.headers = {{"retry-after", "7"}};
  serve_in_turn({busy, refused(503), streamed("")});
  const SteadyTime before = clock_.now();
  EXPECT_EQ(read().samples, 0U);
  EXPECT_EQ(clock_.now() - before, 7s + 500ms);
}

TEST_F(RemoteReadTest, HalvesTheWindowWhereItIsTooMuch) {
  std::vector<Asked> asked;
  http_.on("/api/v1/read", [&](const net::HttpRequest& request) {
    asked.push_back(asked_by(request));
    if (asked.back().end_ms - asked.back().start_ms > 2'000'000) {
      return refused(400, "exceeded sample limit (10)\n");
    }
    return streamed(up("a", {{kNumbers, xor_chunk(every_5_s(0, 720))}}) +
                    up("b", {{kNumbers, xor_chunk(every_5_s(0, 720))}}));
  });
  EXPECT_EQ(read().samples, 1440U);
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[1].start_ms, kStart);
  EXPECT_EQ(asked[1].end_ms + 1, asked[2].start_ms);
  EXPECT_EQ(asked[2].end_ms, kEnd);
  const auto& a = sink_.series["up instance=a"].samples;
  ASSERT_EQ(a.size(), 720U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].ts_ms, kStart + static_cast<std::int64_t>(i) * 5000);
  }
}

TEST_F(RemoteReadTest, EndsWhereTheServerRefuses) {
  serve_in_turn({refused(400, "bad matcher")});
  EXPECT_THAT(error_of_reading(), HasSubstr("refused /api/v1/read: HTTP 400: bad matcher"));
  EXPECT_EQ(http_.requests().size(), 1U);
}

TEST_F(RemoteReadTest, EndsWhereSomethingElseAnswers) {
  http_.on("/api/v1/read", [](const net::HttpRequest&) {
    return net::HttpResponse{200, {{"content-type", "text/html"}}, "<html>Please log in</html>"};
  });
  EXPECT_THAT(error_of_reading(), HasSubstr("type \"text/html\": <html>Please log in"));
  EXPECT_EQ(http_.requests().size(), 1U) << "it would answer so again";
  http_.on("/api/v1/read", "");
  EXPECT_THAT(error_of_reading(), HasSubstr("of the type \"\""));
}

TEST_F(RemoteReadTest, EndsWhereTheServersOwnSamplesAreBroken) {
  serve(up("a", {{kUnknown, "?"}}), "not snappy");
  EXPECT_THAT(error_of_reading(), HasSubstr("snappy"));
  std::string garbage;
  snappy::Compress("\x0a\x7f", 2, &garbage);
  serve(up("a", {{kUnknown, "?"}}), garbage);
  EXPECT_THAT(error_of_reading(), HasSubstr("ends too early"));
  serve(up("a", {{kUnknown, "?"}}), samples_response({time_series({}, {{kStart + 1, 1}, {kStart, 2}})}));
  EXPECT_THAT(error_of_reading(), HasSubstr("order of time"));
}

TEST_F(RemoteReadTest, ThrowsOnWhatTheSinkThrows) {
  class Full : public SeriesSink {
    void restart() override { ADD_FAILURE() << "nobody asked for it again"; }
    void receive(const SeriesPart&) override { throw FailedError("disk full"); }
  };
  serve(up("a", {{kNumbers, xor_chunk(every_5_s(0, 5))}}));
  Full full;
  EXPECT_EQ(message_of<FailedError>([&] { return client_.remote_read(query_, full, {}); }), "disk full");
}

TEST_F(RemoteReadTest, EndsOnAStop) {
  serve_in_turn({refused(503)});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(client_.remote_read(query_, sink_, stop.get_token())), InterruptedError);
}

TEST_F(RemoteReadTest, NamesASelectorThatItCannotRead) {
  query_.selectors = {Selector::parse("{job=a}", "--match")};
  EXPECT_THAT(message_of<UsageError>([&] { return read(); }), HasSubstr("{job=a} has no quoted value"));
}

TEST_F(RemoteReadTest, IsThereWhereAProbeIsAnswered) {
  http_.on("/api/v1/read", [](const net::HttpRequest& request) {
    EXPECT_THAT(asked_by(request).modes, ElementsAre(0));
    return packed(samples_response({}));
  });
  EXPECT_TRUE(client_.has_remote_read({}));
}

TEST_F(RemoteReadTest, IsNotThereWhereTheServerDoesNotKnowIt) {
  for (const long status : {400L, 404L, 405L, 415L, 501L}) {
    serve_in_turn({refused(status)});
    EXPECT_FALSE(client_.has_remote_read({})) << status;
  }
  http_.on("/api/v1/read", [](const net::HttpRequest&) {
    return net::HttpResponse{200, {{"content-type", "text/html"}}, "<html>"};
  });
  EXPECT_FALSE(client_.has_remote_read({}));
}

TEST_F(RemoteReadTest, IsAnErrorWhereNobodyIsLetInOrNothingWorks) {
  for (const long status : {401L, 403L, 503L}) {
    serve_in_turn({refused(status)});
    EXPECT_THROW(static_cast<void>(client_.has_remote_read({})), PrometheusError) << status;
  }
}

// It was asked six times, for a quarter of an hour.
TEST_F(RemoteReadTest, AServerThatHangsAtTheProbeIsAskedOnce) {
  http_.on("/api/v1/read", [](const net::HttpRequest&) -> net::HttpResponse {
    throw net::HttpError(ExitCode::unavailable, 0, "timed out", net::HttpError::Cause::timeout);
  });
  EXPECT_THAT(message_of<PrometheusError>([&] { return client_.has_remote_read({}); }), HasSubstr("in time"));
  EXPECT_EQ(http_.requests().size(), 1U);
}

TEST_F(RemoteReadTest, KnowsTheServersOwnLabels) {
  const auto configured = [&](const std::string& yaml) {
    http_.on("/status/config", R"({"status":"success","data":{"yaml":")" + yaml + "\"}}");
    return client_.external_labels({});
  };
  EXPECT_THAT(
      *configured(R"(global:\n  scrape_interval: 5s\n  external_labels:\n    cluster: lab\n    no: \"7\"\n)"),
      ElementsAre(Pair("cluster", "lab"), Pair("no", "7")));
  EXPECT_THAT(*configured(R"(global:\n  scrape_interval: 5s\n)"), IsEmpty());
  EXPECT_THAT(*configured(""), IsEmpty());
  EXPECT_THAT(message_of<PrometheusError>([&] { return configured(R"(a: [)"); }), HasSubstr("no YAML"));
  http_.on("/status/config", "no", 404);
  EXPECT_EQ(client_.external_labels({}), std::nullopt);
}

}  // namespace
}  // namespace kexp::prom
