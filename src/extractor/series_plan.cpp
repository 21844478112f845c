#include "series_plan.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "kexp/core/json.hpp"

#include "parallel.hpp"

namespace kexp::extractor {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kUsualInterval = std::chrono::minutes(1);  // Prometheus' default.

std::vector<std::string> names_on(const Server& server, const prom::Window& window,
                                  const std::vector<prom::Selector>& selectors, const std::stop_token& stop) {
  try {
    return server.client.metric_names(window, selectors, stop);
  } catch (const prom::PrometheusError& e) {
    if (e.status() == 400 && !selectors.empty()) {
      throw UsageError(fmt::format("--match is no series selector for Prometheus: {}", e.what()));
    }
    throw;
  }
}

PlannedSeries planned(std::size_t index, const Server& server, const prom::Labels& labels) {
  const auto job = labels.find("job");
  PlannedSeries series{index, labels_json(labels), job == labels.end() ? "" : job->second, {}};
  if (server.external_labels) {
    prom::Labels bare = labels;
    std::erase_if(bare, [&](const auto& label) {
      const auto external = server.external_labels->find(label.first);
      return external != server.external_labels->end() && external->second == label.second;
    });
    if (bare.size() < labels.size()) {
      series.bare_labels = labels_json(bare);
    }
  }
  return series;
}

}  // namespace

const char* source_name(Source source) { return source == Source::query ? "query" : "remote-read"; }

std::int64_t first_ms(const prom::Window& window) {
  return std::chrono::ceil<milliseconds>(window.start.time_since_epoch()).count();
}

milliseconds lookback_of(const Server& server, const std::string& job) {
  const auto& intervals = server.scrape_intervals;
  milliseconds interval{0};
  if (const auto found = intervals.find(job); found != intervals.end()) {
    interval = found->second;
  } else {  // A recording rule, or a job whose `up` is not there: rather too long than full of holes.
    for (const auto& [name, value] : intervals) {
      interval = std::max(interval, value);
    }
  }
  return (interval > milliseconds(0) ? interval : kUsualInterval) * 3 / 2;
}

std::string labels_json(const prom::Labels& labels) {
  Json json = Json::object();
  for (const auto& [name, value] : labels) {
    json[name] = value;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<PlannedMetric> plan_series(const std::vector<Server>& servers, const prom::Window& window,
                                       const std::vector<prom::Selector>& selectors, int connections,
                                       const std::stop_token& stop) {
  std::set<std::string> names;
  for (const Server& server : servers) {
    names.merge([&] {
      const std::vector<std::string> found = names_on(server, window, selectors, stop);
      return std::set<std::string>(found.begin(), found.end());
    }());
  }
  std::vector<PlannedMetric> metrics;
  for (const std::string& name : names) {
    metrics.push_back({name, {}, 0});
  }
  parallel_for(metrics.size(), connections, stop, [&](std::size_t i, const std::stop_token& stop_all) {
    PlannedMetric& metric = metrics[i];
    for (std::size_t server = 0; server < servers.size(); ++server) {
      for (const prom::Labels& labels :
           servers[server].client.series(metric.name, window, selectors, stop_all)) {
        metric.series.push_back(planned(server, servers[server], labels));
      }
    }
  });
  std::int64_t next_id = 0;
  for (PlannedMetric& metric : metrics) {
    metric.first_id = next_id;
    next_id += static_cast<std::int64_t>(metric.series.size());
  }
  return metrics;
}

}  // namespace kexp::extractor
