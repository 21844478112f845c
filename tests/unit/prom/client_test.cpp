#include "kexp/prom/client.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/canned_http.hpp"
#include "support/capturing_log.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"

namespace kexp::prom {
namespace {

using namespace std::chrono_literals;
using namespace ::testing;
using test::message_of;

constexpr const char* kEmptyMatrix = R"({"status":"success","data":{"resultType":"matrix","result":[]}})";

std::string error_body(const std::string& type, const std::string& text) {
  return R"({"status":"error","errorType":")" + type + R"(","error":")" + text + R"("})";
}

class ClientTest : public ::testing::Test {
 protected:
  std::vector<SeriesSamples> query(const Grid& grid = {1000, 1000, 4}) {
    std::vector<SeriesSamples> all;
    client_.query_range("up", grid,
                        [&](std::vector<SeriesSamples> part) {
                          for (SeriesSamples& series : part) {
                            all.push_back(std::move(series));
                          }
                        },
                        {});
    return all;
  }
  std::vector<SeriesSamples> answer_to_query(const std::string& body) {
    http_.on("/query_range", body);
    return query();
  }

  test::CannedHttp http_;
  test::FakeClock clock_;
  test::CapturingLog log_;
  Client client_{"http://prom:9090/", http_, clock_, log_};
  const Window window_{WallTime(1000s), WallTime(1060s)};
};

TEST_F(ClientTest, AsksForAFixedGridByAForm) {
  http_.on("/query_range", kEmptyMatrix);
  static_cast<void>(query({1795284005'000, 5000, 3}));
  const net::HttpRequest request = http_.requests().at(0);
  EXPECT_EQ(request.url, "http://prom:9090/api/v1/query_range");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.body, "query=up&start=1795284005.000&end=1795284015.000&step=5.000");
}

TEST_F(ClientTest, ReadsSeriesWithTheirLabelsAndSamples) {
  const auto series = answer_to_query(
      R"({"status":"success","data":{"resultType":"matrix","result":[
          {"metric":{"__name__":"up","job":"a","text":"q\"\\\né"},"values":[[1795284005,"1"],[1795284010.5,"0.1"]]},
          {"metric":{},"values":[[1,"NaN"],[2,"+Inf"],[3,"-Inf"],[4,"1e-7"]]}]}})");
  ASSERT_EQ(series.size(), 2U);
  EXPECT_THAT(series[0].labels, ElementsAre(Pair("job", "a"), Pair("text", "q\"\\\né")));
  ASSERT_EQ(series[0].samples.size(), 2U);
  EXPECT_EQ(series[0].samples[1].ts_ms, 1795284010'500);
  EXPECT_EQ(series[0].samples[1].value, 0.1);
  EXPECT_TRUE(std::isnan(series[1].samples[0].value));
  EXPECT_EQ(series[1].samples[1].value, HUGE_VAL);
  EXPECT_EQ(series[1].samples[2].value, -HUGE_VAL);
  EXPECT_EQ(series[1].samples[3].value, 1e-7);
}

TEST_F(ClientTest, CountsNativeHistogramsInsteadOfTakingThemForNumbers) {
  const auto series = answer_to_query(
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"h"},
          "histograms":[[1,{"count":"2","sum":"3"}],[2,{"count":"2","sum":"3"}]]}]}})");
  ASSERT_EQ(series.size(), 1U);
  EXPECT_THAT(series[0].samples, IsEmpty());
  EXPECT_EQ(series[0].histograms, 2);
}

TEST_F(ClientTest, PassesOnTheWarningsOfAnAnswer) {
  EXPECT_THAT(
      answer_to_query(
          R"({"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["a store is down"]})"),
      IsEmpty());
  EXPECT_TRUE(log_.contains("a store is down"));
}

TEST_F(ClientTest, RefusesAnAnswerThatIsCutOffOrOfAnotherKind) {
  const std::string whole =
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"2"],[2,"3"]]}]}})";
  for (
      const std::string& body :
      {whole.substr(0, whole.size() - 1), whole.substr(0, 90), std::string(),
       std::string("<html>login</html>"), std::string("{}"),
       std::string(R"({"status":"success","data":{"resultType":"vector","result":[]}})"),
       std::string(
           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}})"),
       std::string(
           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}})"),
       std::string(
           R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["1","2"]]}]}})")}) {
    SCOPED_TRACE(body);
    http_.on("/query_range", body);
    EXPECT_THAT(message_of<PrometheusError>([&] { return query(); }),
                AllOf(HasSubstr("--prometheus http://prom:9090"), HasSubstr("/api/v1/query_range")));
  }
}

TEST_F(ClientTest, TakesAnErrorInAGoodStatusForAnError) {
  http_.on("/query_range", error_body("execution", "the store broke"));
  EXPECT_THAT(message_of<PrometheusError>([&] { return query(); }), HasSubstr("the store broke"));
}

TEST_F(ClientTest, TriesAgainWhatFailsForAWhile) {
  for (const long status : {429L, 500L, 502L, 503L}) {
    http_.on("/query_range",
             test::in_turn({{status, {}, "busy"}, {status, {}, "busy"}, {200, {}, kEmptyMatrix}}));
    const SteadyTime before = clock_.now();
    EXPECT_THAT(query(), IsEmpty());
    EXPECT_EQ(clock_.now() - before, 750ms);
  }
}

TEST_F(ClientTest, GivesUpAfterSixAttempts) {
  http_.on("/query_range", "busy", 503);
  try {
    static_cast<void>(query());
    ADD_FAILURE() << "it stays busy";
  } catch (const PrometheusError& e) {
    EXPECT_EQ(e.code(), ExitCode::unavailable);
    EXPECT_EQ(e.status(), 503);
    EXPECT_THAT(e.what(), HasSubstr("HTTP 503: busy"));
  }
  EXPECT_EQ(http_.requests().size(), 6U);
  EXPECT_EQ(clock_.now().time_since_epoch(), 7750ms);
}

TEST_F(ClientTest, PassesOnAnInterruptionInsteadOfTryingAgain) {
  std::stop_source stop;
  http_.on("/api/v1/metadata", [&](const net::HttpRequest&) {
    stop.request_stop();
    return net::HttpResponse{503, {}, ""};
  });
  EXPECT_THROW(static_cast<void>(client_.metadata(stop.get_token())), InterruptedError);
  EXPECT_EQ(http_.requests().size(), 1U);
}

TEST_F(ClientTest, ReportsTheServersWordsWhenItRefuses) {
  for (const long status : {400L, 422L}) {
    http_.on("/query_range", error_body("bad_data", "parse error at char 4"), status);
    EXPECT_THAT(message_of<PrometheusError>([&] { return query(); }),
                AllOf(HasSubstr("parse error at char 4"), HasSubstr(std::to_string(status))));
  }
  EXPECT_EQ(http_.requests().size(), 2U);
}

// Answers a range of more than `most` points with `refusal`, else with one sample a point.
test::CannedHttp::Answer bounded(std::int64_t most, net::HttpResponse refusal) {
  return [most, refusal = std::move(refusal)](const net::HttpRequest& request) {
    const auto number = [&](const std::string& name) {
      return std::stoll(request.body.substr(request.body.find(name) + name.size()));
    };
    const std::int64_t start = number("start="), end = number("end=");
    if (end - start + 1 > most) {
      return refusal;
    }
    std::string values;
    for (std::int64_t t = start; t <= end; ++t) {
      values += (values.empty() ? "[" : ",[") + std::to_string(t) + ",\"1\"]";
    }
    return net::HttpResponse{
        200,
        {},
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[)" + values +
            "]}]}}"};
  };
}

TEST_F(ClientTest, HalvesWhatIsTooMuchAndKeepsOrderAndEveryPoint) {
  for (const net::HttpResponse& refusal :
       {net::HttpResponse{413, {}, "too large"},
        net::HttpResponse{
            422,
            {},
            error_body("execution",
                       "query processing would load too many samples into memory in query execution")},
        net::HttpResponse{
            400, {}, error_body("bad_data", "exceeded maximum resolution of 11,000 points per timeseries")},
        net::HttpResponse{503, {}, error_body("timeout", "query timed out in expression evaluation")}}) {
    http_.on("/query_range", bounded(3, refusal));
    std::vector<std::int64_t> times;
    for (const SeriesSamples& series : query({100'000, 1000, 20})) {
      for (const Sample& sample : series.samples) {
        times.push_back(sample.ts_ms);
      }
    }
    ASSERT_EQ(times.size(), 20U);
    for (std::size_t i = 0; i < times.size(); ++i) {
      EXPECT_EQ(times[i], 100'000 + static_cast<std::int64_t>(i) * 1000);
    }
  }
}

TEST_F(ClientTest, DoesNotHalveForEverWhenTheServerHangs) {
  http_.on("/query_range", [](const net::HttpRequest&) -> net::HttpResponse {
    throw net::HttpError(ExitCode::unavailable, 0, "timed out", net::HttpError::Cause::timeout);
  });
  EXPECT_THAT(message_of<PrometheusError>([&] { return query({0, 1000, 10'000}); }), HasSubstr("in time"));
  EXPECT_EQ(http_.requests().size(), 4U);
}

TEST_F(ClientTest, SaysThatOnePointIsTooMuch) {
  http_.on("/query_range", error_body("execution", "would load too many samples"), 422);
  EXPECT_THAT(message_of<PrometheusError>([&] { return query(); }), HasSubstr("too many samples"));
}

TEST_F(ClientTest, DoesNotTryAgainAtTheFirstContact) {
  try {
    static_cast<void>(client_.server_info({}));
    ADD_FAILURE() << "nobody answers";
  } catch (const PrometheusError& e) {
    EXPECT_EQ(e.code(), ExitCode::unavailable);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("--prometheus http://prom:9090"), HasSubstr("refused")));
  }
  EXPECT_EQ(http_.requests().size(), 1U);
}

TEST_F(ClientTest, SaysThatAServerIsNoPrometheus) {
  http_.on("/status/buildinfo", "404 page not found\n", 404);
  EXPECT_THAT(message_of<PrometheusError>([&] { return client_.server_info({}); }),
              AllOf(HasSubstr("no Prometheus"), HasSubstr("404 page not found")));
  http_.on("/status/buildinfo", "<html>hello</html>");
  EXPECT_THAT(message_of<PrometheusError>([&] { return client_.server_info({}); }), HasSubstr("another way"));
}

TEST_F(ClientTest, TellsVersionAndRetention) {
  http_.on("/status/buildinfo", R"({"status":"success","data":{"version":"2.42.0","goVersion":"go1.19"}})");
  http_.on("/status/runtimeinfo",
           R"({"status":"success","data":{"goroutineCount":24,"storageRetention":"15d"}})");
  EXPECT_EQ(client_.server_info({}).version, "2.42.0");
  EXPECT_EQ(client_.server_info({}).retention, "15d");
}

TEST_F(ClientTest, ListsNamesOfTheWindowSortedAndOnce) {
  http_.on("/label/__name__/values", R"({"status":"success","data":["up","a","up"]})");
  EXPECT_THAT(client_.metric_names(window_, {Selector::parse("up", "--match")}, {}), ElementsAre("a", "up"));
  EXPECT_THAT(http_.requests()[0].url, AllOf(HasSubstr("start=1000.000&end=1060.000"),
                                             HasSubstr("match%5B%5D=%7B__name__%3D%22up%22%7D")));
}

TEST_F(ClientTest, ListsSeriesSortedWithoutTheirName) {
  http_.on(
      "/series",
      R"({"status":"success","data":[{"__name__":"up","job":"b"},{"__name__":"up","job":"a","x":"1"},{"__name__":"up","job":"b"}]})");
  EXPECT_THAT(client_.series("up", window_, {}, {}),
              ElementsAre(ElementsAre(Pair("job", "a"), Pair("x", "1")), ElementsAre(Pair("job", "b"))));
}

TEST_F(ClientTest, ReadsTypesAndHelpOfMetrics) {
  http_.on(
      "/metadata",
      R"({"status":"success","data":{"up":[{"type":"gauge","help":"Is it \"up\"?","unit":""},{"type":"counter","help":"","unit":""}]}})");
  const auto metadata = client_.metadata({});
  EXPECT_EQ(metadata.at("up").type, "gauge");
  EXPECT_EQ(metadata.at("up").help, "Is it \"up\"?");
}

TEST_F(ClientTest, ListsTargetsInTheOrderOfTheirLabels) {
  http_.on("/api/v1/targets?state=active", R"({"status":"success","data":{"activeTargets":[
      {"labels":{"instance":"b:1","job":"node"},"scrapeUrl":"http://b:1/metrics","health":"down","scrapeInterval":"1m30s"},
      {"labels":{"instance":"a:1","job":"node","rack":"7"},"health":"up","scrapeInterval":"500ms"},
      {"labels":{"instance":"c:1","job":"node"},"health":"unknown"},
      {"labels":{"instance":"d:1","job":"node"},"health":"up","scrapeInterval":"soon"}],"droppedTargets":[]}})");
  const Targets targets = client_.targets({});
  EXPECT_EQ(targets.refused, "");
  ASSERT_EQ(targets.active.size(), 4U);
  EXPECT_THAT(targets.active[0].labels,
              ElementsAre(Pair("instance", "a:1"), Pair("job", "node"), Pair("rack", "7")));
  EXPECT_EQ(targets.active[0].scrape_interval, 500ms);
  EXPECT_EQ(targets.active[1].scrape_interval, 90s);
  EXPECT_EQ(targets.active[2].scrape_interval, std::nullopt);
  EXPECT_EQ(targets.active[3].scrape_interval, std::nullopt);
}

TEST_F(ClientTest, AServerMayKeepItsTargetsToItself) {
  http_.on("/api/v1/targets", "404 page not found", 404);
  EXPECT_EQ(client_.targets({}).refused, "HTTP 404: 404 page not found");
  http_.on("/api/v1/targets", "<html>login</html>");
  EXPECT_THAT(client_.targets({}).refused, HasSubstr("another way"));
}

TEST_F(ClientTest, MeasuresScrapeIntervalsOfTheSlowestTargetOfAJob) {
  const auto series = [](const std::string& labels, std::vector<double> times) {
    std::string values;
    for (const double t : times) {
      values += (values.empty() ? "[" : ",[") + std::to_string(t) + ",\"1\"]";
    }
    return R"({"metric":{)" + labels + R"(},"values":[)" + values + "]}";
  };
  http_.on("/api/v1/query ", R"({"status":"success","data":{"resultType":"matrix","result":[)" +
                                 series(R"("job":"kubelet","path":"/metrics")", {0, 10, 20, 30}) + "," +
                                 series(R"("job":"kubelet","path":"/probes")", {1, 31, 61, 151}) +
                                 "," +  // One scrape was missed.
                                 series(R"("job":"node")", {2.1, 7.1, 12.102}) + "," +
                                 series(R"("job":"once")", {3}) + "]}}");
  EXPECT_THAT(client_.scrape_intervals(window_, {}), ElementsAre(Pair("kubelet", 30s), Pair("node", 5s)));
}

TEST_F(ClientTest, LooksForScrapeIntervalsInAtMostTwelveStretches) {
  http_.on("/api/v1/query ", kEmptyMatrix);
  static_cast<void>(client_.scrape_intervals({WallTime(0s), WallTime(48h)}, {}));
  EXPECT_EQ(http_.requests().size(), 12U);
  EXPECT_THAT(http_.requests()[1].body,
              AllOf(HasSubstr("query=up%5B600000ms%5D"), HasSubstr("time=15000.000")));
}

TEST_F(ClientTest, FindsTheOldestAndTheNewestSampleToASecond) {
  const auto oldest = 1795000000.4, newest = 1795280000.7;
  http_.on("/label/__name__/values", [=](const net::HttpRequest& request) {
    const auto number = [&](const std::string& name) {
      return std::stod(request.url.substr(request.url.find(name) + name.size()));
    };
    const bool overlaps = number("start=") <= newest && number("end=") >= oldest;
    return net::HttpResponse{
        200, {}, overlaps ? R"({"status":"success","data":["up"]})" : R"({"status":"success","data":[]})"};
  });
  const auto stored = client_.stored({});
  ASSERT_TRUE(stored);
  EXPECT_NEAR(seconds(stored->start.time_since_epoch()), oldest, 1.0);
  EXPECT_NEAR(seconds(stored->end.time_since_epoch()), newest, 1.0);
}

TEST_F(ClientTest, KnowsAnEmptyServer) {
  http_.on("/label/__name__/values", R"({"status":"success","data":[]})");
  EXPECT_FALSE(client_.stored({}));
}

TEST_F(ClientTest, ComparesClocks) {
  http_.on("/api/v1/query query=time", [&](const net::HttpRequest&) {
    clock_.advance(100ms);  // It was read in the middle of that.
    return net::HttpResponse{
        200, {}, R"({"status":"success","data":{"resultType":"scalar","result":[1,"1795284042.05"]}})"};
  });
  EXPECT_EQ(client_.clock_ahead({}), 42s);
  http_.on("/api/v1/query query=time", kEmptyMatrix);
  EXPECT_EQ(client_.clock_ahead({}), std::nullopt);
  http_.on("/api/v1/query query=time", "no", 400);
  EXPECT_EQ(client_.clock_ahead({}), std::nullopt);
}

TEST_F(ClientTest, CountsSamplesFromOneEndOfTheWindowToTheOther) {
  http_.on(
      "/api/v1/query ",
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[9,"5760"]}]}})");
  EXPECT_EQ(client_.count_samples({"up", {}, {}, {}}, 1000, 61'000, {"2.42.0", ""}, {}), 5760U);
  EXPECT_THAT(http_.requests().back().body, AllOf(HasSubstr("%5B60000ms%5D"), HasSubstr("time=61.000")));
  EXPECT_EQ(client_.count_samples({"up", {}, {}, {}}, 1000, 61'000, {"3.1.0", ""}, {}), 5760U);
  EXPECT_THAT(http_.requests().back().body, HasSubstr("%5B60001ms%5D"));
}

TEST_F(ClientTest, CountsNothingWhereThereIsNothing) {
  http_.on("/api/v1/query ", R"({"status":"success","data":{"resultType":"vector","result":[]}})");
  EXPECT_EQ(client_.count_samples({"up", {}, {}, {}}, 1000, 61'000, {}, {}), 0U);
}

TEST_F(ClientTest, CountsInHalvesWhatIsTooMuchAtOnce) {
  const auto two =
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[9,"2"]}]}})";
  http_.on("/api/v1/query ",
           test::in_turn({{422, {}, error_body("execution", "query processing would load too many samples")},
                          {200, {}, two}}));
  EXPECT_EQ(client_.count_samples({"up", {}, {}, {}}, 1000, 2000, {"2.42.0", ""}, {}), 4U);
  EXPECT_THAT(http_.requests()[1].body, AllOf(HasSubstr("%5B500ms%5D"), HasSubstr("time=1.500")));
  EXPECT_THAT(http_.requests()[2].body, AllOf(HasSubstr("%5B499ms%5D"), HasSubstr("time=2.000")));
}

TEST_F(ClientTest, RefusesAUrlThatIsNone) {
  for (const char* url : {"", "localhost:9090", "http://", "ftp://host", "http://host/?x=1", "http://a b"}) {
    EXPECT_THAT(message_of<UsageError>([&] { Client(url, http_, clock_, log_); }), HasSubstr("--prometheus"));
  }
}

TEST_F(ClientTest, NamesItselfWithoutThePassword) {
  const Client client("https://me:secret@host/prometheus/", http_, clock_, log_);
  EXPECT_EQ(client.source(), "https://***@host/prometheus");
  EXPECT_THAT(message_of<PrometheusError>([&] { return client.server_info({}); }), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace kexp::prom
