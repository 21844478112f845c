#include "kexp/telemetry/metrics.hpp"

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.hpp"

namespace kexp::telemetry {
namespace {

using test::message_of;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, ShowsTheVersionAndNothingThatWasNotMeasured) {
  const Metrics metrics;
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_build_info{version=\""));
  EXPECT_THAT(metrics.render(), Not(HasSubstr("kexp_records")));
}

TEST(MetricsTest, CountsPerLabelValue) {
  Metrics metrics;
  metrics.add("records_sent_total", 2, {"yolo_input"});
  metrics.add("records_sent_total", 3, {"yolo_input"});
  metrics.add("records_sent_total", 1, {"other"});
  EXPECT_THAT(metrics.render(), HasSubstr("# TYPE kexp_records_sent_total counter\n"));
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_records_sent_total{topic=\"yolo_input\"} 5\n"));
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_records_sent_total{topic=\"other\"} 1\n"));
}

TEST(MetricsTest, KeepsTheOrderOfSeveralLabels) {
  Metrics metrics;
  metrics.set("consumer_lag_records", 7, {"yolo_input", "3"});
  EXPECT_THAT(metrics.render(),
              HasSubstr("kexp_consumer_lag_records{partition=\"3\",topic=\"yolo_input\"} 7\n"));
}

TEST(MetricsTest, EscapesLabelValues) {
  Metrics metrics;
  metrics.add("detections_total", 1, {"a \"b\"\\\n"});
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_detections_total{label=\"a \\\"b\\\"\\\\\\n\"} 1\n"));
}

TEST(MetricsTest, ObservesIntoTheBucketsOfTheTable) {
  Metrics metrics;
  metrics.observe("send_lateness_seconds", 0.0003);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("kexp_send_lateness_seconds_bucket{le=\"0.0002\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("kexp_send_lateness_seconds_bucket{le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("kexp_send_lateness_seconds_bucket{le=\"1e-06\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("kexp_send_lateness_seconds_bucket{le=\"10\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("kexp_send_lateness_seconds_count 1\n"));
}

TEST(MetricsTest, ObservesManyAsItObservesEach) {
  Metrics each;
  Metrics many;
  const std::vector<double> values = {-1, 0, 1e-6, 1.5e-6, 0.02, 0.02, 10, 11};
  for (const double value : values) {
    each.observe("send_lateness_seconds", value);
  }

  many.observe_many("send_lateness_seconds", values);

  EXPECT_EQ(many.render(), each.render());
  EXPECT_THROW(many.observe_many("planned_records", values), std::logic_error);
}

TEST(MetricsTest, ForgetsARemovedSeriesOnly) {
  Metrics metrics;
  metrics.set("consumer_lag_records", 7, {"t", "3"});
  metrics.set("consumer_lag_records", 8, {"t", "4"});
  metrics.remove("consumer_lag_records", {"t", "3"});
  metrics.remove("consumer_lag_records", {"t", "99"});  // Never there: nothing happens.
  EXPECT_THAT(metrics.render(), Not(HasSubstr("partition=\"3\"")));
  EXPECT_THAT(metrics.render(), HasSubstr("partition=\"4\""));

  metrics.set("consumer_lag_records", 1, {"t", "3"});
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_consumer_lag_records{partition=\"3\",topic=\"t\"} 1\n"));
}

TEST(MetricsTest, RefusesWhatTheTableDoesNotHave) {
  Metrics metrics;
  EXPECT_THAT(message_of<std::logic_error>([&] { metrics.add("no_such_total", 1); }),
              HasSubstr("kexp_no_such_total"));
  EXPECT_THAT(message_of<std::logic_error>([&] { metrics.set("queue_full_total", 1); }),
              HasSubstr("another type"));
  EXPECT_THAT(message_of<std::logic_error>([&] { metrics.add("records_sent_total", 1); }),
              HasSubstr("1 labels, got 0"));
  EXPECT_THAT(message_of<std::logic_error>([&] { metrics.add("queue_full_total", -1); }),
              HasSubstr("cannot fall"));
}

TEST(MetricsTest, ShowsEveryMetricOfTheTableUnderItsName) {
  Metrics metrics;
  std::set<std::string> wanted;
  for (const MetricSpec& spec : metric_table()) {
    const std::string name(spec.name.substr(5));
    const auto labels = spec.labels.empty() ? 0 : std::count(spec.labels.begin(), spec.labels.end(), ',') + 1;
    const std::vector<std::string> values(static_cast<std::size_t>(labels), "x");
    switch (spec.type) {
      case MetricType::counter:
        metrics.add(name, 1, values);
        break;
      case MetricType::gauge:
        metrics.set(name, 1, values);
        break;
      case MetricType::histogram:
        metrics.observe(name, 1, values);
        break;
    }
    wanted.insert("# HELP " + std::string(spec.name) + " " + std::string(spec.help));
  }
  std::set<std::string> shown;
  std::istringstream text(metrics.render());
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("# HELP ", 0) == 0) {
      EXPECT_TRUE(shown.insert(line).second) << "twice: " << line;
    }
  }
  EXPECT_EQ(shown, wanted);
}

TEST(MetricsTest, LosesNothingBetweenThreads) {
  Metrics metrics;
  std::atomic<bool> done{false};
  {
    const std::jthread scraper([&] {
      while (!done) {
        static_cast<void>(metrics.render());
        metrics.remove("consumer_lag_records", {"t", "0"});
      }
    });
    std::vector<std::jthread> workers;
    for (int t = 0; t < 4; ++t) {
      workers.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          metrics.add("records_sent_total", 1, {"topic"});
          metrics.add("detections_total", 1, {std::to_string(t * 1000 + i)});
          metrics.set("consumer_lag_records", i, {"t", "0"});
        }
      });
    }
    workers.clear();
    done = true;
  }
  EXPECT_THAT(metrics.render(), HasSubstr("kexp_records_sent_total{topic=\"topic\"} 2000\n"));
}

}  // namespace
}  // namespace kexp::telemetry
