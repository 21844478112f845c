#include "metric_reader.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

namespace kexp::extractor {

namespace {

using std::chrono::milliseconds;

// Prometheus' limit is 11,000 points a series; the other bound is that of memory: about 30 bytes of JSON a
// sample, here and in the server.
constexpr std::int64_t kMaxPoints = 10'000;
constexpr std::int64_t kMaxSamples = 500'000;

/// Series of one server that are read by one expression: those with the same lookback.
struct Group {
  std::set<std::string> jobs;
  std::unordered_map<std::string, std::size_t> series;  ///< Position in the metric, by labels.
};

std::map<milliseconds, Group> groups_of(const PlannedMetric& metric, std::size_t server_index,
                                        const Server& server) {
  std::map<milliseconds, Group> groups;
  for (std::size_t i = 0; i < metric.series.size(); ++i) {
    const PlannedSeries& series = metric.series[i];
    if (series.server == server_index) {
      Group& group = groups[lookback_of(server, series.job)];
      group.jobs.insert(series.job);
      group.series.emplace(series.labels, i);
    }
  }
  return groups;
}

std::size_t position_of(const Group& group, const prom::Labels& labels, const std::string& metric) {
  const std::string key = labels_json(labels);
  const auto found = group.series.find(key);
  if (found == group.series.end()) {
    throw FailedError(
        fmt::format("a new series {}{} appeared during the extraction: end the window earlier", metric, key));
  }
  return found->second;
}

}  // namespace

std::int64_t read_metric(const PlannedMetric& metric, const std::vector<Server>& servers,
                         const std::vector<prom::Selector>& selectors, const prom::Grid& grid,
                         SampleStore& store, const std::stop_token& stop) {
  std::int64_t histograms = 0;
  for (std::size_t server = 0; server < servers.size(); ++server) {
    const std::map<milliseconds, Group> groups = groups_of(metric, server, servers[server]);
    for (const auto& [lookback, group] : groups) {
      prom::MetricQuery query{metric.name, selectors, {}, lookback};
      if (groups.size() > 1) {
        query.jobs.assign(group.jobs.begin(), group.jobs.end());
      }
      const auto keep = [&, &members = group](const std::vector<prom::SeriesSamples>& answer) {
        for (const prom::SeriesSamples& series : answer) {
          store.append(position_of(members, series.labels, metric.name), series.samples);
          histograms += series.histograms;
        }
      };
      const std::string expression = prom::sampled_expression(query);
      const auto most = std::clamp<std::int64_t>(kMaxSamples / static_cast<std::int64_t>(group.series.size()),
                                                 1, kMaxPoints);
      for (const prom::Grid& piece : prom::split(grid, most)) {
        servers[server].client.query_range(expression, piece, keep, stop);
      }
    }
  }
  return histograms;
}

}  // namespace kexp::extractor
