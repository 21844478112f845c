// Whole extractions against a Prometheus that is a table of samples.

#include "kexp/extractor/extractor.hpp"

#include <algorithm>
#include <bit>
#include <csignal>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexp/core/error.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/core/sha256.hpp"
#include "kexp/core/time_text.hpp"
#include "kexp/record/run_directory.hpp"
#include "kexp/table/table.hpp"

#include "chunk.hpp"
#include "support/canned_http.hpp"
#include "support/capturing_log.hpp"
#include "support/chunk_writer.hpp"
#include "support/errors.hpp"
#include "support/fake_clock.hpp"
#include "support/recording_progress.hpp"
#include "support/scoped_env.hpp"
#include "support/temp_dir.hpp"

namespace kexp::extractor {
namespace {

using namespace std::chrono_literals;
using test::message_of;
using test::ScopedEnv;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kStart = 1795280000;  // Unix seconds, a multiple of 5.

/// One series as it is in the server: labels as JSON, and a value for every second in which it lived.
struct Stored {
  std::string metric;
  std::string labels;
  std::int64_t first_s;
  std::int64_t last_s;
};

/// As much of Prometheus as an extraction asks for. A query is known by its metric's name only.
class FakePrometheus {
 public:
  FakePrometheus(test::CannedHttp& http, const std::string& url) : http_(http), url_(url) {
    http.on(url + "/api/v1/status/buildinfo", R"({"status":"success","data":{"version":"2.42.0"}})");
    http.on(url + "/api/v1/status/runtimeinfo", R"({"status":"success","data":{"storageRetention":"15d"}})");
    http.on(
        url + "/api/v1/metadata",
        R"({"status":"success","data":{"up":[{"type":"gauge","help":"","unit":""}],"lat":[{"type":"histogram","help":"How long.","unit":"s"}]}})");
    http.on(url + "/api/v1/query ", R"({"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"job":"a"},"values":[[0,"1"],[5,"1"],[10,"1"]]},{"metric":{"job":"slow"},"values":[[0,"1"],[30,"1"]]}]}})");
    http.on(url + "/api/v1/status/config", R"({"status":"success","data":{"yaml":"global: {}"}})");
    http.on(
        url + "/api/v1/targets",
        R"({"status":"success","data":{"activeTargets":[{"labels":{"instance":"i:1","job":"a"},"scrapeInterval":"5s","health":"up"}]}})");
    http.on(url + "/api/v1/label/__name__/values",
            [this](const net::HttpRequest& r) { return names(r.url); });
    http.on(url + "/api/v1/series", [this](const net::HttpRequest& r) { return series(r.body); });
    http.on(url + "/api/v1/read", "404 page not found", 404);
    http.on(url + "/api/v1/query_range", [this](const net::HttpRequest& r) { return range(r.body); });
  }

  /// Two samples and an end of up{job="a"}, whatever is asked for, with an external label.
  void serve_remote_read() {
    http_.on(url_ + "/api/v1/status/config",
             R"({"status":"success","data":{"yaml":"global: {external_labels: {site: lab}}"}})");
    http_.on(url_ + "/api/v1/read", [](const net::HttpRequest& request) -> net::HttpResponse {
      if (request.body.find("kexp_probe") != std::string::npos) {
        return prom::packed(prom::samples_response({}));
      }
      const std::string chunk =
          prom::xor_chunk({{kStart * 1000 + 137, 0.25},
                           {kStart * 1000 + 5138, 0.5},
                           {kStart * 1000 + 10139, std::bit_cast<double>(prom::kStaleBits)}});
      return prom::streamed(prom::framed(
          prom::chunked_response({{"__name__", "up"}, {"job", "a"}, {"site", "lab"}}, {{1, chunk}})));
    });
  }

  net::HttpResponse range(const std::string& form) const {
    Json result = Json::array();
    for (const Stored& one : stored) {
      // Groups by job: `job=~"slow"`, where the metric has several.
      const std::string job = Json::parse(one.labels).value("job", "");
      const bool in_group = form.find("job%3D~") == std::string::npos ||
                            form.find("job%3D~%22" + job + "%22") != std::string::npos;
      Json values = Json::array();
      for (std::int64_t t = number(form, "start="); t <= number(form, "end="); t += number(form, "step=")) {
        if (t >= one.first_s && t <= one.last_s) {
          values.push_back({t, fmt::format("{}", static_cast<double>(t - kStart) / 10)});
        }
      }
      if (asks_for(form, one) && in_group && !values.empty()) {
        result.push_back({{"metric", Json::parse(one.labels)}, {"values", values}});
      }
    }
    return ok(Json{{"resultType", "matrix"}, {"result", result}}.dump());
  }
  std::vector<Stored> stored;

 private:
  static std::int64_t number(const std::string& text, const std::string& name) {
    return std::stoll(text.substr(text.find(name) + name.size()));
  }
  static net::HttpResponse ok(const std::string& data) {
    return {200, {}, R"({"status":"success","data":)" + data + "}"};
  }
  static bool asks_for(const std::string& form, const Stored& one) {
    return form.find("__name__%3D%22" + one.metric + "%22") != std::string::npos;
  }

  net::HttpResponse names(const std::string& url) const {
    std::set<std::string> found;
    for (const Stored& one : stored) {
      if (one.last_s >= number(url, "start=") && one.first_s <= number(url, "end=")) {
        found.insert(one.metric);
      }
    }
    return ok(Json(found).dump());
  }
  net::HttpResponse series(const std::string& form) const {
    Json all = Json::array();
    for (const Stored& one : stored) {
      if (asks_for(form, one)) {
        Json labels = Json::parse(one.labels);
        labels["__name__"] = one.metric;
        all.push_back(labels);
      }
    }
    return ok(all.dump());
  }

  test::CannedHttp& http_;
  const std::string url_;
};

class ExtractorTest : public ::testing::Test {
 protected:
  ExtractorTest() {
    options_.servers = {"http://one:9090"};
    options_.start = WallTime(std::chrono::seconds(kStart));
    options_.end = WallTime(std::chrono::seconds(kStart + 20));
    options_.out = dir_ / "out";
  }
  ExtractorResult run(std::stop_token stop = {}) {
    return run_extractor(options_, {http_, clock_, log_, progress_}, std::move(stop));
  }
  /// While what it returns is true, the query for zz is answered by a stop.
  std::shared_ptr<bool> stop_at_zz(std::stop_source& stop) {
    auto enabled = std::make_shared<bool>(true);
    http_.on("/query_range query=%28%7B__name__%3D%22zz",
             [this, enabled, &stop](const net::HttpRequest& request) -> net::HttpResponse {
               if (!*enabled) {
                 return one_.range(request.body);
               }
               stop.request_stop();
               throw InterruptedError("stopped");
             });
    return enabled;
  }
  /// Every file of a dataset.
  static std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_directory()) {
        all[entry.path().lexically_relative(folder)] = read_file(entry.path());
      }
    }
    return all;
  }
  std::map<std::string, std::string> files() const { return files_of(options_.out); }
  std::string file(const std::string& name) const { return read_file(options_.out / name); }
  Json metadata() const { return read_json(options_.out / "metadata.json"); }

  const test::TempDir dir_;
  test::CannedHttp http_;
  test::FakeClock clock_;
  test::CapturingLog log_;
  test::RecordingProgress progress_;
  FakePrometheus one_{http_, "http://one:9090"};
  ExtractorOptions options_;
};

TEST_F(ExtractorTest, WritesSeriesAndTheirSamplesInOrder) {
  one_.stored = {{"up", R"({"job":"a","instance":"i2","zone":"x,y"})", kStart, kStart + 7},
                 {"up", R"({"job":"a","instance":"i1"})", kStart + 1, kStart + 100},
                 {"lat_bucket", R"({"job":"a","le":"+Inf","pod":"p"})", kStart, kStart + 100}};

  const ExtractorResult result = run();

  EXPECT_EQ(file("series.csv"),
            "series_id,source,metric,type,job,instance,namespace,pod,container,node,samples,first_ms,last_ms,"
            "histograms,labels\n"
            "0,http://one:9090,lat_bucket,histogram,a,,,p,,,5,1795280000000,1795280020000,0,"
            "\"{\"\"job\"\":\"\"a\"\",\"\"le\"\":\"\"+Inf\"\",\"\"pod\"\":\"\"p\"\"}\"\n"
            "1,http://one:9090,up,gauge,a,i1,,,,,4,1795280005000,1795280020000,0,"
            "\"{\"\"instance\"\":\"\"i1\"\",\"\"job\"\":\"\"a\"\"}\"\n"
            "2,http://one:9090,up,gauge,a,i2,,,,,2,1795280000000,1795280005000,0,"
            "\"{\"\"instance\"\":\"\"i2\"\",\"\"job\"\":\"\"a\"\",\"\"zone\"\":\"\"x,y\"\"}\"\n");
  EXPECT_EQ(file("samples/up.csv"),
            "series_id,ts_ms,value\n"
            "1,1795280005000,0.5\n1,1795280010000,1\n1,1795280015000,1.5\n1,1795280020000,2\n"
            "2,1795280000000,0\n2,1795280005000,0.5\n");
  EXPECT_EQ(result.metrics, 2U);
  EXPECT_EQ(result.series, 3U);
  EXPECT_EQ(result.samples, 11U);
  EXPECT_EQ(result.directory, options_.out);
  EXPECT_EQ(progress_.count("finished"), 1U);
}

TEST_F(ExtractorTest, DescribesTheDatasetWithChecksums) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  options_.matches = {"up"};
  const ExtractorResult result = run();

  const Json json = metadata();
  EXPECT_EQ(json["window"]["start"], "2026-11-21T16:53:20.000Z");
  EXPECT_EQ(json["window"]["step_ms"], 5000);
  EXPECT_EQ(json["window"]["points"], 5);
  EXPECT_EQ(json["servers"][0]["version"], "2.42.0");
  EXPECT_EQ(json["servers"][0]["scrape_interval_s"]["a"], 5.0);
  EXPECT_EQ(json["servers"][0]["external_labels"], Json::object());
  EXPECT_EQ(json["servers"][0]["targets"], Json::parse(R"([{"job":"a","instance":"i:1",
      "labels":{"instance":"i:1","job":"a"},"scrape_interval_s":5.0}])"));
  EXPECT_EQ(json["metrics"]["up"]["type"], "gauge");
  EXPECT_EQ(json["metrics"]["up"]["samples"], 5);
  EXPECT_THAT(json["selectors"], ElementsAre("up"));
  EXPECT_EQ(json["servers"][0]["read_by"], "query");
  EXPECT_EQ(json["files"].size(), 3U);
  std::uint64_t bytes = std::filesystem::file_size(options_.out / "metadata.json");
  for (const auto& [name, entry] : json["files"].items()) {
    EXPECT_EQ(entry["sha256"], sha256_of_file(options_.out / name));
    bytes += entry["bytes"].get<std::uint64_t>();
  }
  EXPECT_EQ(result.bytes, bytes);
}

TEST_F(ExtractorTest, GoesOnWhereAServerTellsNothingOfItself) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  http_.on("/api/v1/targets", "404 page not found", 404);
  http_.on("/api/v1/status/config", "404 page not found", 404);
  EXPECT_EQ(run().samples, 5U);
  EXPECT_TRUE(log_.contains("http://one:9090 does not tell its targets: HTTP 404"));
  const Json server = metadata()["servers"][0];
  EXPECT_TRUE(server["targets"].is_null());
  EXPECT_EQ(server["targets_refused"], "HTTP 404: 404 page not found");
  EXPECT_TRUE(server["external_labels"].is_null());
}

TEST_F(ExtractorTest, KeepsSeriesOfTwoServersApart) {
  FakePrometheus two(http_, "http://two:9091");
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  two.stored = {{"up", R"({"job":"a"})", kStart, kStart}, {"only", R"({"job":"a"})", kStart, kStart}};
  options_.servers.emplace_back("http://two:9091");

  EXPECT_EQ(run().series, 3U);

  EXPECT_THAT(file("series.csv"),
              AllOf(HasSubstr("1,http://one:9090,up,"), HasSubstr("2,http://two:9091,up,")));
  EXPECT_THAT(file("samples/up.csv"), HasSubstr("1,1795280020000,2\n2,1795280000000,0\n"));
}

TEST_F(ExtractorTest, AServerGivenTwiceIsRefusedHoweverItIsWritten) {
  options_.servers.emplace_back("http://one:9090/");
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("http://one:9090 is given twice"));
}

TEST_F(ExtractorTest, LeavesOutMetricsAndSeriesWithoutASample) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"up", R"({"job":"b"})", kStart + 21, kStart + 100},
                 {"empty", R"({"job":"a"})", kStart + 1, kStart + 2}};
  const ExtractorResult result = run();
  EXPECT_EQ(result.metrics, 1U);
  EXPECT_EQ(result.series, 1U);
  EXPECT_FALSE(std::filesystem::exists(options_.out / "samples/empty.csv"));
}

TEST_F(ExtractorTest, LooksBackByTheScrapeIntervalOfTheJob) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"up", R"({"job":"slow"})", kStart, kStart + 100}};
  EXPECT_EQ(run().samples, 10U);
  EXPECT_EQ(
      http_.count("/query_range query=last_over_time%28%7B__name__%3D%22up%22%2Cjob%3D~%22a%22%7D%5B7500ms"),
      1U);
  EXPECT_EQ(
      http_.count(
          "/query_range query=last_over_time%28%7B__name__%3D%22up%22%2Cjob%3D~%22slow%22%7D%5B45000ms"),
      1U);
}

TEST_F(ExtractorTest, TakesEveryStoredSampleWhereTheServerHasRemoteRead) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  one_.serve_remote_read();
  EXPECT_EQ(run().samples, 2U);
  EXPECT_EQ(file("samples/up.csv"), "series_id,ts_ms,value\n0,1795280000137,0.25\n0,1795280005138,0.5\n");
  EXPECT_EQ(file("ends.csv"), "series_id,ts_ms\n0,1795280010139\n");
  const Json server = metadata()["servers"][0];
  EXPECT_EQ(server["read_by"], "remote-read");
  EXPECT_EQ(server["external_labels"]["site"], "lab");
  EXPECT_FALSE(metadata()["window"].contains("step_ms"));
  EXPECT_EQ(http_.count("/query_range"), 0U);
}

TEST_F(ExtractorTest, AsksForPointsWhereAStepIsGiven) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  one_.serve_remote_read();
  options_.sampling_s = 10;
  EXPECT_EQ(run().samples, 3U);
  EXPECT_EQ(http_.count("/api/v1/read"), 0U);
}

TEST_F(ExtractorTest, LetsTheServerCountWhatWasWritten) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  one_.serve_remote_read();
  options_.verify = true;
  http_.on("/api/v1/query query=sum",
           R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}})");
  EXPECT_TRUE(run().differences->empty());

  options_.replace = true;
  http_.on("/api/v1/query query=sum",
           R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"3"]}]}})");
  const ExtractorResult result = run();
  ASSERT_EQ(result.differences->size(), 1U);
  EXPECT_EQ(result.differences->front().metric, "up");
  EXPECT_EQ(result.differences->front().on_server, 3U);
  EXPECT_EQ(result.differences->front().written, 2U);
  EXPECT_EQ(metadata()["verified"]["differences"][0]["source"], "http://one:9090");
}

TEST_F(ExtractorTest, TellsAgainWhatItFoundWhenOnlyTheRestIsDone) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  one_.serve_remote_read();
  options_.verify = true;
  http_.on("/api/v1/query query=sum",
           R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"3"]}]}})");
  const ExtractorResult whole = run();
  options_.out = dir_ / "again";
  options_.wide = WideOptions{{}, dir_ / "tables/wide.csv", 10s};
  dir_.write("tables", "in the way");
  EXPECT_THROW(static_cast<void>(run()), FailedError);
  std::filesystem::remove(dir_ / "tables");
  const ExtractorResult rest = run();
  EXPECT_EQ(to_json(*rest.differences), to_json(*whole.differences));
  EXPECT_EQ(to_json(*rest.energy), to_json(*whole.energy));
  EXPECT_EQ(std::tie(rest.metrics, rest.series, rest.samples, rest.histograms, rest.ends, rest.bytes),
            std::tie(whole.metrics, whole.series, whole.samples, whole.histograms, whole.ends, whole.bytes));
  EXPECT_EQ(rest.window.start, whole.window.start);
  EXPECT_EQ(rest.window.end, whole.window.end);
}

TEST_F(ExtractorTest, RefusesAWideTableWhoseStepHasNoPointBeforeItAsks) {
  options_.wide = WideOptions{{}, dir_ / "wide.csv", 1h};
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("--step 3600s has no point"));
  EXPECT_EQ(http_.requests().size(), 0U);
}

TEST_F(ExtractorTest, CannotVerifyPoints) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  options_.verify = true;
  EXPECT_THAT(message_of<FailedError>([&] { return run(); }), HasSubstr("--verify"));
}

TEST_F(ExtractorTest, MeasuresTheEnergyOfTheWindowAndMakesTheWideTable) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  options_.wide = WideOptions{{}, dir_ / "wide.csv", 10s};
  const ExtractorResult result = run();
  EXPECT_EQ(result.energy->kind, EnergyKind::not_measured);
  EXPECT_EQ(read_json(options_.out / "energy.json"), to_json(*result.energy));
  EXPECT_EQ(read_file(dir_ / "wide.csv"),
            "time,up\n2026-11-21T16:53:20.000Z,0\n2026-11-21T16:53:30.000Z,1\n2026-11-21T16:53:40.000Z,2\n");
}

// A kill between the dataset and what is made of it left them apart, and the same command was refused.
TEST_F(ExtractorTest, WhatIsMadeOfTheDatasetComesIntoPlaceWithIt) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  options_.wide = WideOptions{{}, options_.out / "wide.csv", 10s};
  static_cast<void>(run());
  const std::map<std::string, std::string> undisturbed = files();
  EXPECT_TRUE(undisturbed.contains("energy.csv"));
  EXPECT_TRUE(undisturbed.contains("wide.csv"));

  options_.out = dir_ / "again";
  options_.wide->file = options_.out / "wide.csv";
  http_.on("/api/v1/query_range", [&](const net::HttpRequest& r) {
    dir_.write("again/thesis.tex", "precious");  // The place is taken, and the last step fails.
    return one_.range(r.body);
  });
  EXPECT_THROW(static_cast<void>(run()), FailedError);
  std::filesystem::remove_all(options_.out);
  EXPECT_TRUE(std::filesystem::exists(dir_ / ".again.partial/energy.json"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / ".again.partial/wide.csv"));
  static_cast<void>(run());
  EXPECT_EQ(files(), undisturbed);
}

TEST_F(ExtractorTest, WritesTheFilesOfTheOldExtractor) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  one_.serve_remote_read();
  options_.format = "legacy";
  options_.segment_s = 10;
  EXPECT_EQ(run().samples, 5U);
  const Json first = read_json(options_.out / "up/1795280000-1795280010.json");
  EXPECT_EQ(first["data"]["result"][0]["values"], Json::parse(R"([[1795280000,"0"],[1795280005,"0.5"]])"));
  const Json second = read_json(options_.out / "up/1795280010-1795280020.json");
  EXPECT_EQ(second["data"]["result"][0]["values"].size(), 3U);
  EXPECT_EQ(files().size(), 3U) << "two files, and what describes them";
  options_.replace = true;
  EXPECT_EQ(run().samples, 5U);
}

TEST_F(ExtractorTest, SaysThatAServerHasNoRemoteRead) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  static_cast<void>(run());
  EXPECT_TRUE(log_.contains("http://one:9090 has no remote read"));
  options_.source = "remote-read";
  options_.out = dir_ / "again";
  EXPECT_THAT(message_of<FailedError>([&] { return run(); }), HasSubstr("--source query"));
}

TEST_F(ExtractorTest, AsksInPiecesWithoutSharedPoints) {
  one_.stored = {{"up", R"({"job":"a"})", kStart - 100'000, kStart}};
  options_.sampling_s = 1;
  options_.start = WallTime(std::chrono::seconds(kStart - 25'000));
  EXPECT_EQ(run().samples, 25'001U);
  EXPECT_EQ(http_.count("/query_range query=last_over_time"), 3U);
}

TEST_F(ExtractorTest, WritesTheSameFilesOverAnyNumberOfConnections) {
  for (int m = 0; m < 30; ++m) {
    for (int s = 0; s < 3; ++s) {
      one_.stored.push_back(
          {fmt::format("m{}", m), fmt::format(R"({{"job":"a","i":"{}"}})", s), kStart + s, kStart + 100});
    }
  }
  options_.connections = 1;
  static_cast<void>(run());
  const Json before = metadata()["files"];
  options_.out = dir_ / "again";
  options_.connections = 8;
  static_cast<void>(run());
  EXPECT_EQ(metadata()["files"], before);
  EXPECT_EQ(before.size(), 32U);
}

TEST_F(ExtractorTest, SaysWhatTheServerHasWhenTheWindowIsEmpty) {
  one_.stored = {{"up", R"({"job":"a"})", kStart - 2000, kStart - 1000}};
  EXPECT_THAT(
      message_of<FailedError>([&] { return run(); }),
      AllOf(HasSubstr("no sample from 2026-11-21T16:53:20.000Z"),
            HasSubstr("http://one:9090 has samples from 2026-11-21T16:20"), HasSubstr("retention 15d")));
  EXPECT_FALSE(std::filesystem::exists(options_.out));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(ExtractorTest, SuspectsTheZoneWhenTheWindowMissesEverythingByIt) {
  one_.stored = {{"up", R"({"job":"a"})", kStart - 2000, kStart - 1000}};
  clock_.step_wall(6h);
  const auto message_at = [&](const char* zone, std::chrono::hours late) {
    const test::ScopedZone scoped_zone(zone);
    options_.start = WallTime(std::chrono::seconds(kStart - 2000)) + late;
    options_.end = WallTime(std::chrono::seconds(kStart - 1000)) + late;
    return message_of<FailedError>([&] { return run(); });
  };
  EXPECT_THAT(message_at("EET-2", -2h), HasSubstr("as UTC the same clock times would reach them"));
  EXPECT_THAT(message_at("EET-2", 2h), HasSubstr("as local time the same clock times would reach them"));
  EXPECT_THAT(message_at("EET-2", 3h), Not(HasSubstr("same clock times")));
}

TEST_F(ExtractorTest, WarnsOfAClockThatIsOffByMoreThanAScrapeInterval) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  const auto clock_is = [&](int ahead_s) {
    http_.on("http://one:9090/api/v1/query query=time",
             fmt::format(R"({{"status":"success","data":{{"resultType":"scalar","result":[1,"{}"]}}}})",
                         unix_ms(clock_.wall_now()) / 1000 + ahead_s));
    options_.replace = true;
    static_cast<void>(run());
  };
  clock_is(5);
  EXPECT_FALSE(log_.contains("clock_ahead_s"));
  clock_is(-6);
  EXPECT_TRUE(log_.contains("clock_ahead_s=-6.0"));
}

TEST_F(ExtractorTest, FailsByUnavailableWithoutAPrometheus) {
  options_.servers = {"http://nobody:9090"};
  try {
    static_cast<void>(run());
    ADD_FAILURE() << "nobody answers";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::unavailable);
    EXPECT_THAT(e.what(), HasSubstr("--prometheus http://nobody:9090"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(ExtractorTest, LeavesNothingWhenNothingWasFinished) {
  one_.stored = {{"zz", R"({"job":"a"})", kStart, kStart + 100}};
  http_.on("/query_range query=%28%7B__name__%3D%22zz",
           R"({"status":"error","errorType":"execution","error":"broken block"})", 422);
  EXPECT_THAT(message_of<Error>([&] { return run(); }), HasSubstr("broken block"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));

  std::stop_source stop;
  stop_at_zz(stop);
  EXPECT_THAT(message_of<InterruptedError>([&] { return run(stop.get_token()); }),
              HasSubstr("nothing was written"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(ExtractorTest, GoesOnWhereItWasInterruptedAndEndsWithTheSameBytes) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"zz", R"({"job":"a"})", kStart, kStart + 100}};
  static_cast<void>(run());
  const std::map<std::string, std::string> undisturbed = files();
  options_.out = dir_ / "again";
  options_.connections = 1;
  std::stop_source stop;
  const std::shared_ptr<bool> enabled = stop_at_zz(stop);
  EXPECT_THAT(
      message_of<InterruptedError>([&] { return run(stop.get_token()); }),
      AllOf(HasSubstr("1 of 2 metrics are kept"), HasSubstr("--start 2026-11-21T16:53:20.000Z --end ")));
  EXPECT_FALSE(std::filesystem::exists(options_.out));

  *enabled = false;
  EXPECT_EQ(run().samples, 10U);

  EXPECT_EQ(http_.count("query_range query=%28%7B__name__%3D%22up%22"), 2U) << "up was read again";
  EXPECT_EQ(files(), undisturbed);
}

TEST_F(ExtractorTest, StartsAnewWhenTheWindowIsAnother) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"zz", R"({"job":"a"})", kStart, kStart + 100}};
  options_.connections = 1;
  std::stop_source stop;
  const std::shared_ptr<bool> enabled = stop_at_zz(stop);
  EXPECT_THROW(static_cast<void>(run(stop.get_token())), InterruptedError);
  *enabled = false;
  options_.start = *options_.start + 5s;
  EXPECT_EQ(run().samples, 8U);
  EXPECT_TRUE(log_.contains("read anew"));
}

// The files of the old extractor were of the length asked for at first, and then of another.
TEST_F(ExtractorTest, StartsAnewWhenTheFilesAreToBeOfAnotherLength) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"zz", R"({"job":"a"})", kStart, kStart + 100}};
  options_.connections = 1;
  options_.format = "legacy";
  options_.segment_s = 20;
  std::stop_source stop;
  const std::shared_ptr<bool> enabled = stop_at_zz(stop);
  EXPECT_THROW(static_cast<void>(run(stop.get_token())), InterruptedError);
  *enabled = false;
  options_.segment_s = 10;
  EXPECT_EQ(run().samples, 10U);
  EXPECT_TRUE(log_.contains("read anew"));
  EXPECT_TRUE(std::filesystem::exists(options_.out / "up/1795280000-1795280010.json"));
  EXPECT_FALSE(std::filesystem::exists(options_.out / "up/1795280000-1795280020.json"));
}

TEST_F(ExtractorTest, ReportsASeriesThatAppearsInBetween) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  http_.on("/api/v1/series", R"({"status":"success","data":[{"__name__":"up","job":"b"}]})");
  EXPECT_THAT(message_of<FailedError>([&] { return run(); }), HasSubstr("new series up{\"job\":\"a\"}"));
}

TEST_F(ExtractorTest, WarnsOfNativeHistogramsThatItLeavesOut) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"h", R"({"job":"a"})", kStart, kStart + 100}};
  http_.on("/query_range query=%28%7B__name__%3D%22h%22",
           R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"job":"a"},"histograms":[[1,{"count":"1","sum":"1"}]]}]}})");
  EXPECT_EQ(run().metrics, 1U);
  EXPECT_TRUE(log_.contains("native histograms"));
}

TEST_F(ExtractorTest, WritesAMetricNameThatIsNoFileName) {
  one_.stored = {{"../a%2Fb c", R"({"job":"a"})", kStart, kStart}};
  http_.on(
      "/query_range",
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[1795280000,"1"]]}]}})");
  http_.on("/api/v1/series", R"({"status":"success","data":[{"job":"a"}]})");
  static_cast<void>(run());
  EXPECT_TRUE(std::filesystem::exists(options_.out / "samples/%2E%2E%2Fa%252Fb%20c.csv"));
}

TEST_F(ExtractorTest, RefusesAnOldDatasetUnlessToldToReplaceIt) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  static_cast<void>(run());
  const std::size_t asked = http_.requests().size();
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("--force"));
  EXPECT_EQ(http_.requests().size(), asked) << "a server was asked in vain";
  options_.replace = true;
  EXPECT_EQ(run().samples, 5U);
}

TEST_F(ExtractorTest, JoinsARunAndWritesItsMetrics) {
  one_.stored = {{"up", R"({"job":"a"})", kStart - 1000, kStart + 1000}};
  const std::filesystem::path run_dir = dir_ / "run";
  const WallTime t0 = *options_.start;
  {
    auto feed = record::RunDirectory::join(run_dir, "feed", Json::object(), t0);
    feed.append("sending", {{"t0", format_utc(t0)}, {"t0_unix_ns", unix_ns(t0)}}, t0);
    feed.append("finished", {{"planned", 0}}, t0 + 60s);
  }
  options_.start.reset();
  options_.end.reset();
  options_.out.clear();
  options_.run = run_dir;

  EXPECT_EQ(run().directory, run_dir / "metrics");

  const Json derived = read_json(run_dir / "run.json");
  EXPECT_EQ(derived["phases"]["extract_start"], "2026-11-21T16:53:10.000Z");
  EXPECT_EQ(derived["phases"]["extract_end"], "2026-11-21T16:54:30.000Z");
  EXPECT_EQ(derived["roles"]["extract"]["result"]["histograms"], 0);
  EXPECT_EQ(read_json(run_dir / "metrics/metadata.json")["totals"]["samples"], 17);
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("--force"));
  options_.replace = true;
  EXPECT_EQ(run().samples, 17U);
}

TEST_F(ExtractorTest, DoesNotJoinARunThatItCouldNotExtract) {
  const std::filesystem::path run_dir = dir_ / "run";
  static_cast<void>(record::RunDirectory::join(run_dir, "feed", Json::object(), *options_.start));
  options_.run = run_dir;
  options_.out.clear();
  EXPECT_THROW(static_cast<void>(run()), FailedError);  // An empty window.
  EXPECT_FALSE(std::filesystem::exists(run_dir / "extract.json"));
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  EXPECT_EQ(run().samples, 5U);
}

// With --force, extract.json went before the new dataset was in its place, and the run had neither.
TEST_F(ExtractorTest, KeepsTheRunsExtractionUntilTheNewDatasetIsInItsPlace) {
  const std::filesystem::path run_dir = dir_ / "run";
  static_cast<void>(record::RunDirectory::join(run_dir, "feed", Json::object(), *options_.start));
  options_.run = run_dir;
  options_.out.clear();
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  static_cast<void>(run());
  const std::string before = read_file(run_dir / "extract.json");

  options_.replace = true;
  http_.on("/api/v1/query_range", [&](const net::HttpRequest&) {
    std::filesystem::remove(run_dir / "metrics/metadata.json");  // What is left there is no dataset.
    return net::HttpResponse{
        200,
        {},
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[1795280000,"1"]]}]}})"};
  });
  EXPECT_THAT(message_of<FailedError>([&] { return run(); }), HasSubstr("metrics"));
  EXPECT_EQ(read_file(run_dir / "extract.json"), before);
}

// The dataset was in its place, and the log said that it was kept beside it, for the same command to go on.
TEST_F(ExtractorTest, ADatasetInItsPlaceStaysWhenItsRunCannotBeJoined) {
  const std::filesystem::path run_dir = dir_ / "run";
  static_cast<void>(record::RunDirectory::join(run_dir, "feed", Json::object(), *options_.start));
  options_.run = run_dir;
  options_.out.clear();
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
  http_.on("/api/v1/query_range", [&](const net::HttpRequest& r) {
    write_file_atomically(run_dir / "extract.json", "");  // Another extraction of the run has begun.
    return one_.range(r.body);
  });
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("extract already"));
  EXPECT_EQ(read_json(run_dir / "metrics/metadata.json")["totals"]["samples"], 5);
  EXPECT_FALSE(log_.contains("kept"));
}

/// Kills the process when it looks at the clock, once `is_time` says so.
class KillingClock final : public Clock {
 public:
  KillingClock(Clock& clock, std::function<bool()> is_time) : clock_(clock), is_time_(std::move(is_time)) {}
  [[nodiscard]] SteadyTime now() const override { return clock_.now(); }
  [[nodiscard]] WallTime wall_now() const override {
    if (is_time_()) {
      raise(SIGKILL);
    }
    return clock_.wall_now();
  }
  [[nodiscard]] bool sleep_until(SteadyTime deadline, std::stop_token stop) override {
    return clock_.sleep_until(deadline, std::move(stop));
  }

 private:
  Clock& clock_;
  const std::function<bool()> is_time_;
};

/// An extraction of a run that is killed when its dataset is in its place, in both formats.
class KilledExtractionTest : public ExtractorTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    options_.format = GetParam();
    if (options_.format == "parquet" && !table::parquet_module()) {
      GTEST_SKIP() << "this build has no kexp_arrow.so";
    }
    one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100}};
    begin(dir_ / "killed");
  }
  void begin(const std::filesystem::path& run_dir) {
    static_cast<void>(record::RunDirectory::join(run_dir, "feed", Json::object(), *options_.start));
    options_.run = run_dir;
    options_.out.clear();
    options_.wide = WideOptions{{}, run_dir / ("wide." + options_.format), 10s};
  }
  void run_killed_when(const std::function<bool()>& is_time) {
    EXPECT_EXIT(
        {
          KillingClock clock(clock_, is_time);
          static_cast<void>(run_extractor(options_, {http_, clock, log_, progress_}, {}));
        },
        ::testing::KilledBySignal(SIGKILL), "");
  }
  [[nodiscard]] bool is_in_place() const { return std::filesystem::exists(metrics() / "metadata.json"); }
  [[nodiscard]] std::filesystem::path metrics() const { return options_.run / "metrics"; }

  /// The same command does what is left, and nothing else.
  void expect_finished_by_the_same_command() {
    const std::size_t asked = http_.requests().size();
    const ExtractorResult result = run();
    EXPECT_EQ(http_.requests().size(), asked) << "the dataset was there";
    EXPECT_EQ(result.samples, 5U);
    EXPECT_EQ(result.directory, metrics());
    EXPECT_EQ(result.energy->kind, EnergyKind::not_measured);
    expect_as_undisturbed();
    EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("--force"));
  }
  void expect_as_undisturbed() {
    make_undisturbed();
    EXPECT_EQ(files_of(metrics()), files_of(undisturbed_ / "metrics"));
    EXPECT_EQ(read_file(options_.wide->file), read_file(undisturbed_ / ("wide." + options_.format)));
    const auto entries = [](const std::filesystem::path& folder) {
      return std::distance(std::filesystem::directory_iterator(folder), {});
    };
    EXPECT_EQ(entries(options_.run), entries(undisturbed_)) << "something is left beside the dataset";
    Json end = record::last_event(options_.run, "extract", "finished");
    Json undisturbed_end = record::last_event(undisturbed_, "extract", "finished");
    EXPECT_EQ(end["directory"], metrics().string());
    end.erase("directory");
    undisturbed_end.erase("directory");
    EXPECT_EQ(end, undisturbed_end);
    EXPECT_EQ(read_json(options_.run / "run.json")["phases"]["extract_start"], "2026-11-21T16:53:20.000Z");
  }

  /// After the kills: they fork, which is best done before Arrow has threads.
  void make_undisturbed() {
    const ExtractorOptions killed = options_;
    begin(undisturbed_);
    static_cast<void>(run());
    options_ = killed;
  }

  const std::filesystem::path undisturbed_ = dir_ / "undisturbed";
};

TEST_P(KilledExtractionTest, IsFinishedByTheSameCommandWhenItHadNotJoinedItsRun) {
  run_killed_when([&] { return is_in_place(); });
  EXPECT_TRUE(is_in_place());
  EXPECT_TRUE(std::filesystem::exists(options_.wide->file));
  EXPECT_FALSE(std::filesystem::exists(options_.run / "extract.json"));
  expect_finished_by_the_same_command();
}

TEST_P(KilledExtractionTest, IsFinishedByTheSameCommandWhenItHadJoinedItsRun) {
  run_killed_when([&] { return std::filesystem::exists(options_.run / "extract.json"); });
  EXPECT_TRUE(record::last_event(options_.run, "extract", "finished").is_null());
  expect_finished_by_the_same_command();
}

TEST_P(KilledExtractionTest, IsFinishedByTheSameCommandAsOftenAsItIsKilled) {
  for (int kill = 0; kill < 3; ++kill) {
    run_killed_when([&] { return is_in_place(); });
  }
  expect_finished_by_the_same_command();
}

TEST_P(KilledExtractionTest, IsFinishedByTheSameCommandWhereItReplacedAnother) {
  static_cast<void>(run());
  options_.replace = true;
  options_.wide->existing = WideOptions::Existing::replace;
  one_.stored.front().metric = "down";
  run_killed_when([&] { return std::filesystem::exists(metrics() / ".unfinished"); });
  EXPECT_TRUE(std::filesystem::exists(metrics() / ("samples/down." + options_.format)));
  const std::size_t asked = http_.requests().size();
  EXPECT_EQ(run().samples, 5U);
  EXPECT_EQ(http_.requests().size(), asked);
  EXPECT_FALSE(std::filesystem::exists(options_.run / ".metrics.old"));
  EXPECT_FALSE(std::filesystem::exists(metrics() / ".unfinished"));
}

TEST_P(KilledExtractionTest, OneWithOtherSettingsAsksForForce) {
  run_killed_when([&] { return is_in_place(); });
  options_.matches = {"up"};
  options_.wide.reset();
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("--force"));
  options_.replace = true;
  EXPECT_EQ(run().samples, 5U);
  EXPECT_FALSE(std::filesystem::exists(metrics() / ".unfinished"));
}

// Killed between the two files' appearing, as far as anybody can see afterwards.
TEST_P(KilledExtractionTest, MakesTheWideTableThatIsMissingBesideTheDataset) {
  const std::filesystem::path folder = options_.run / "tables";
  const std::filesystem::path wide = options_.wide->file;
  options_.wide->file = folder / wide.filename();
  write_file_atomically(folder, "in the way");
  EXPECT_THROW(static_cast<void>(run()), FailedError);
  EXPECT_TRUE(log_.contains("the same command does what is left"));
  EXPECT_TRUE(is_in_place());
  EXPECT_FALSE(std::filesystem::exists(options_.run / "extract.json"));
  std::filesystem::remove(folder);
  EXPECT_EQ(run().samples, 5U);
  std::filesystem::rename(options_.wide->file, wide);
  std::filesystem::remove(folder);
  options_.wide->file = wide;
  expect_as_undisturbed();
}

TEST_P(KilledExtractionTest, DoesNotReplaceAnothersWideTable) {
  run_killed_when([&] { return is_in_place(); });
  write_file_atomically(options_.wide->file, "precious");
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("is there already"));
  EXPECT_EQ(read_file(options_.wide->file), "precious");
}

TEST_P(KilledExtractionTest, IsFinishedAlsoWhereTheWindowOfItsRunWouldReachFartherNow) {
  options_.start.reset();
  options_.end.reset();
  const WallTime end = clock_.wall_now() - 5s;
  {
    auto feed = record::RunDirectory::join_again(options_.run, "feed", Json::object(), end - 60s);
    feed.append("sending", {{"t0", format_utc(end - 60s)}}, end - 60s);
    feed.append("finished", Json::object(), end);
  }
  one_.stored.front().last_s += 100'000;
  run_killed_when([&] { return is_in_place(); });
  clock_.advance(3s);
  const std::size_t asked = http_.requests().size();
  EXPECT_EQ(run().window.end, end + 5s);
  EXPECT_EQ(http_.requests().size(), asked);
  EXPECT_EQ(record::last_event(options_.run, "extract", "finished")["end"], format_utc(end + 5s));
}

INSTANTIATE_TEST_SUITE_P(Formats, KilledExtractionTest, ::testing::Values("csv", "parquet"),
                         [](const auto& format) { return std::string(format.param); });

TEST_F(ExtractorTest, ARunWhoseNameNoFileCanHaveIsAFailure) {
  options_.run = dir_ / std::string(300, 'x');
  EXPECT_THAT(message_of<FailedError>([&] { return run(); }), HasSubstr("xxx"));
}

TEST_F(ExtractorTest, ValidatesEveryFlagByName) {
  const auto refused = [&](auto change, const std::string& flag) {
    ExtractorOptions options = options_;
    change(options);
    EXPECT_THAT(message_of<UsageError>([&] { validate(options); }), HasSubstr(flag));
  };
  validate(options_);
  refused([](auto& o) { o.sampling_s = 0; }, "--sampling");
  refused([](auto& o) { o.sampling_s = -5; }, "--sampling");
  refused([](auto& o) { o.sampling_s = 0.0015; }, "--sampling");
  refused([](auto& o) { o.sampling_s = 1e9; }, "--sampling");
  refused([](auto& o) { o.sampling_s = std::numeric_limits<double>::quiet_NaN(); }, "--sampling");
  refused([](auto& o) { o.source = "disk"; }, "--source");
  refused([](auto& o) { o.verify = true, o.source = "query"; }, "--verify");
  refused([](auto& o) { o.source = "remote-read", o.sampling_s = 5; }, "--sampling");
  refused([](auto& o) { o.connections = 0; }, "--connections");
  refused([](auto& o) { o.connections = 17; }, "--connections");
  refused([](auto& o) { o.format = "hdf5"; }, "--format must be csv, parquet or legacy");
  refused([](auto& o) { o.format = "legacy", o.source = "remote-read"; }, "--format legacy");
  refused([](auto& o) { o.format = "legacy", o.wide = WideOptions{}; }, "--wide needs --format");
  refused([](auto& o) { o.wide = WideOptions{{}, "wide.csv", 0s}; }, "--step");
  refused([](auto& o) { o.segment_s = 0; }, "--segment-size");
  refused([](auto& o) { o.matches = {"rate(up[5m])"}; }, "--match");
  refused([](auto& o) { o.servers.clear(); }, "--prometheus");
  refused([](auto& o) { o.servers.push_back(o.servers.front()); }, "--prometheus");
  refused([](auto& o) { o.start.reset(); }, "--start");
  refused([](auto& o) { o.end.reset(); }, "--end");
  refused([](auto& o) { std::swap(o.start, o.end); }, "--start");
}

TEST_F(ExtractorTest, ParquetIsRefusedWhereThisBuildHasNone) {
  const ScopedEnv no_modules("KEXP_LIB_DIR", dir_.path().string());
  options_.format = "parquet";
  EXPECT_THAT(message_of<UsageError>([&] { validate(options_); }),
              AllOf(HasSubstr("--format parquet"), HasSubstr("scripts/bootstrap.sh")));
}

TEST_F(ExtractorTest, RefusesAWindowWithoutAPoint) {
  options_.start = WallTime(std::chrono::seconds(kStart + 1));
  options_.end = WallTime(std::chrono::seconds(kStart + 4));
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }), HasSubstr("--sampling"));
}

TEST_F(ExtractorTest, NamesASelectorThatHasNoSampleBesideOneThatHas) {
  one_.stored = {{"up", R"({"job":"a"})", kStart, kStart + 100},
                 {"up", R"({"job":"b"})", kStart + 21, kStart + 100},
                 {"between_points", R"({"job":"b"})", kStart + 1, kStart + 2}};
  // Asked for one of them alone.
  const auto names = [&](const std::string& job, const std::string& found) {
    http_.on("end=1795280020.000&match%5B%5D=%7Bjob%3D%22" + job + "%22%7D ",
             R"({"status":"success","data":)" + found + "}");
  };
  names("a", R"(["up"])");
  names("typo", "[]");
  names("b", R"(["between_points","up"])");
  http_.on("end=1795280020.000&match%5B%5D=%7B__name__%3D%22up%22%2Cjob%3D%22b%22",
           R"({"status":"success","data":[{"__name__":"up","job":"b"}]})");
  options_.matches = {R"({job="a"})", R"({job="typo"})", R"({job="b"})"};
  EXPECT_EQ(run().samples, 5U);
  EXPECT_THAT(metadata()["selectors_without_samples"], ElementsAre(R"({job="typo"})", R"({job="b"})"));
  EXPECT_TRUE(log_.contains(R"(match={job="typo"} has no sample)"));
}

TEST_F(ExtractorTest, BlamesTheSelectorThatTheServerDoesNotUnderstand) {
  options_.matches = {R"({job=~"["})"};
  http_.on("/label/__name__/values",
           R"({"status":"error","errorType":"bad_data","error":"missing closing ]"})", 400);
  EXPECT_THAT(message_of<UsageError>([&] { return run(); }),
              AllOf(HasSubstr("--match"), HasSubstr("missing closing ]")));
}

}  // namespace
}  // namespace kexp::extractor
