// One metric from its servers into its files.

#include "metric_reader.hpp"

#include <bit>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"

#include "chunk.hpp"
#include "support/canned_http.hpp"
#include "support/capturing_log.hpp"
#include "support/chunk_writer.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using ::testing::HasSubstr;

constexpr std::int64_t kStart = 1'795'280'000'000;
const double kStale = std::bit_cast<double>(prom::kStaleBits);

/// A message of one series with these samples, `ts` in seconds after the start.
std::string series(const std::string& instance, const std::vector<prom::Sample>& samples,
                   prom::LabelList more = {}) {
  std::vector<prom::Sample> shifted;
  for (const prom::Sample& sample : samples) {
    shifted.push_back({kStart + sample.ts_ms * 1000, sample.value});
  }
  prom::LabelList labels = {{"__name__", "up"}, {"instance", instance}};
  labels.insert(labels.end(), more.begin(), more.end());
  return prom::framed(prom::chunked_response(labels, {{1, prom::xor_chunk(shifted)}}));
}

/// A range query's answer of one series: its labels as JSON, and a value at each of these seconds.
std::string points(const std::string& instance, const std::vector<int>& seconds) {
  std::string values;
  for (const int second : seconds) {
    values += fmt::format("{}[{},\"{}\"]", values.empty() ? "" : ",", kStart / 1000 + second, second);
  }
  return fmt::format(
      R"({{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"instance":"{}"}},"values":[{}]}}]}}}})",
      instance, values);
}

std::vector<int> every_5_s(int from, int to) {
  std::vector<int> seconds;
  for (int second = from; second <= to; second += 5) {
    seconds.push_back(second);
  }
  return seconds;
}

class MetricReaderTest : public ::testing::Test {
 protected:
  MetricReaderTest() {
    metric_.name = "up";
    metric_.first_id = 7;
  }
  void add_server(const std::string& url, Source source = Source::remote_read, prom::Labels external = {}) {
    servers_.push_back({prom::Client(url, http_, clock_, log_), source, std::move(external), {}, {}, {}, {}});
  }
  /// A series of the last server.
  void plan(const std::string& labels, const std::string& bare_labels = "") {
    metric_.series.push_back({servers_.size() - 1, labels, "", bare_labels});
  }
  void answer(const std::string& url, std::string body) {
    http_.on(url + "/api/v1/read",
             [body = std::move(body)](const net::HttpRequest&) { return prom::streamed(body); });
  }
  WrittenMetric read() {
    TableWriter writer(dir_.path(), "csv", metric_);
    return read_metric({servers_, {}, window_, grid_, 10'000, dir_.path()}, metric_, writer, {});
  }
  [[nodiscard]] std::string samples() const { return read_file(dir_ / "samples/up.csv"); }

  const test::TempDir dir_;
  test::CannedHttp http_;
  test::FakeClock clock_;
  test::CapturingLog log_;
  std::vector<Server> servers_;
  PlannedMetric metric_;
  const prom::Window window_{WallTime(std::chrono::milliseconds(kStart)),
                             WallTime(std::chrono::milliseconds(kStart) + 1h)};
  const prom::Grid grid_ = prom::grid_inside(window_, 5s);
};

TEST_F(MetricReaderTest, WritesStoredSamplesAndKeepsEndsApart) {
  add_server("http://one");
  plan(R"({"instance":"a"})");
  plan(R"({"instance":"b"})");
  plan(R"({"instance":"c"})");
  answer("http://one", series("a", {{0, 1}, {5, 0.1}, {10, kStale}}) + series("b", {{1, kStale}}) +
                           series("c", {{2, -1}, {3, 2}}));

  const WrittenMetric written = read();

  EXPECT_EQ(samples(),
            "series_id,ts_ms,value\n7,1795280000000,1\n7,1795280005000,0.1\n"
            "9,1795280002000,-1\n9,1795280003000,2\n");
  EXPECT_EQ(written.samples, 4U);
  ASSERT_EQ(written.ends.size(), 1U) << "that of b is of no series in the files";
  EXPECT_EQ(written.ends[0].ts_ms, kStart + 10'000);
  EXPECT_EQ(written.series[2].last_ms, kStart + 3000);
  EXPECT_TRUE(written.series[1].empty());
  ASSERT_EQ(written.files.size(), 1U);
  EXPECT_EQ(written.files[0].name, "samples/up.csv");
}

TEST_F(MetricReaderTest, SetsSeriesInOrderThatComeInAnother) {
  add_server("http://one");
  plan(R"({"instance":"a"})");
  plan(R"({"instance":"b"})");
  answer("http://one", series("b", {{0, 1}}) + series("a", {{0, 2}, {9, kStale}}) + series("b", {{5, 3}}));

  const WrittenMetric written = read();

  EXPECT_EQ(samples(), "series_id,ts_ms,value\n7,1795280000000,2\n8,1795280000000,1\n8,1795280005000,3\n");
  EXPECT_EQ(written.ends.size(), 1U);
  EXPECT_EQ(http_.count("/api/v1/read"), 2U) << "once to see it, once to set it in order";
}

TEST_F(MetricReaderTest, DropsWhatCameBeforeAnAnswerWasCutOff) {
  add_server("http://one");
  plan(R"({"instance":"a"})");
  plan(R"({"instance":"b"})");
  const std::string whole = series("a", {{0, 1}}) + series("b", {{0, 2}});
  int asked = 0;
  http_.on("http://one/api/v1/read", [&](const net::HttpRequest&) {
    return prom::streamed(++asked == 1 ? whole.substr(0, whole.size() - 3) : whole);
  });
  EXPECT_EQ(read().samples, 2U);
  EXPECT_EQ(samples(), "series_id,ts_ms,value\n7,1795280000000,1\n8,1795280000000,2\n");
}

TEST_F(MetricReaderTest, KeepsTheFirstServersRowsWhenTheSecondHasToStartAgain) {
  add_server("http://one");
  plan(R"({"instance":"a"})");
  answer("http://one", series("a", {{0, 1}}));
  add_server("http://two");
  plan(R"({"instance":"a"})");
  const std::string whole = series("a", {{0, 2}, {1, 3}});
  int asked = 0;
  http_.on("http://two/api/v1/read",
           [&](const net::HttpRequest&) { return prom::streamed(++asked == 1 ? whole + "\x05" : whole); });
  EXPECT_EQ(read().samples, 3U);
  EXPECT_EQ(samples(), "series_id,ts_ms,value\n7,1795280000000,1\n8,1795280000000,2\n8,1795280001000,3\n");
}

TEST_F(MetricReaderTest, KnowsASeriesWhoseOwnLabelIsAnExternalOneToo) {
  add_server("http://one", Source::remote_read, {{"site", "lab"}});
  plan(R"({"instance":"a","site":"lab"})", R"({"instance":"a"})");
  answer("http://one", series("a", {{0, 1}}, {{"site", "lab"}}));
  EXPECT_EQ(read().samples, 1U);

  plan(R"({"instance":"a"})");
  EXPECT_THAT(message_of<FailedError>([&] { return read(); }), HasSubstr("--source query"));
}

TEST_F(MetricReaderTest, WritesNativeHistogramsIntoATableOfTheirOwn) {
  add_server("http://one");
  plan(R"({"instance":"a"})");
  const auto layout = std::make_shared<const prom::HistogramLayout>(
      prom::HistogramLayout{2, 0.5, {{-1, 2}, {3, 1}}, {{0, 1}}, {}});
  const prom::Histogram histogram{
      kStart, prom::Histogram::Counts::integer, prom::Histogram::Reset::unknown, 11, 1, 2.5, {1, 2, 3}, {4},
      layout};
  answer("http://one", prom::framed(prom::chunked_response({{"__name__", "up"}, {"instance", "a"}},
                                                           {{2, prom::histogram_chunk({histogram})}})));

  const WrittenMetric written = read();

  EXPECT_EQ(read_file(dir_ / "histograms/up.csv"),
            "series_id,ts_ms,count,sum,schema,zero_threshold,zero_count,reset,buckets\n"
            "7,1795280000000,11,2.5,2,0.5,1,unknown,"
            "\"{\"\"positive\"\":[[-1,1.0],[0,2.0],[4,3.0]],\"\"negative\"\":[[0,4.0]]}\"\n");
  EXPECT_EQ(written.histograms, 1U);
  EXPECT_EQ(written.series[0].first_ms, kStart);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "samples/up.csv"));
}

// last_over_time knows no marks of ends: it shows a sample until it is too old.
TEST_F(MetricReaderTest, HasNoPointAfterTheMarkOfAnEnd) {
  add_server("http://one", Source::query);
  plan(R"({"instance":"a"})");
  http_.on("/query_range query=last_over_time", points("a", every_5_s(0, 2000)));
  http_.on("/query_range query=%28", points("a", every_5_s(1910, 1950)));

  EXPECT_EQ(read().series[0].last_ms, kStart + 1'950'000);

  EXPECT_EQ(http_.requests().size(), 2U);
  EXPECT_THAT(http_.requests()[1].body,
              HasSubstr(fmt::format("start={}.000&end={}.000", kStart / 1000 + 1910, kStart / 1000 + 2000)))
      << "where the series stops: 1.5 minutes";
}

// Up to 2.42 last_over_time of a native histogram is 0.
TEST_F(MetricReaderTest, TakesNoNumberForANativeHistogram) {
  add_server("http://one", Source::query);
  plan(R"({"instance":"a"})");
  http_.on("/query_range query=last_over_time", points("a", every_5_s(0, 3600)));
  http_.on("/query_range query=%28",
           R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"instance":"a"},"histograms":[[1795280000,{"count":"1","sum":"1"}]]}]}})");
  const WrittenMetric written = read();
  EXPECT_EQ(written.samples, 0U);
  EXPECT_EQ(written.left_out, 1);
  EXPECT_THAT(http_.requests().back().body, HasSubstr(fmt::format("start={}.000", kStart / 1000)));
}

TEST_F(MetricReaderTest, ReportsASeriesThatAppearsInBetween) {
  add_server("http://one");
  plan(R"({"instance":"a"})");
  answer("http://one", series("b", {{0, 1}}));
  EXPECT_THAT(message_of<FailedError>([&] { return read(); }), HasSubstr(R"(new series up{"instance":"b"})"));
}

}  // namespace
}  // namespace kexp::extractor
