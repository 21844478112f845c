#pragma once

/// What is to be read: metrics and their series, in the order of the files, numbered before the first sample
/// is read. So the dataset does not depend on which connection was faster.

#include <chrono>
#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/prom/client.hpp"

namespace kexp::extractor {

/// One Prometheus, and what is known of it.
struct Server {
  prom::Client client;
  prom::ServerInfo info;
  std::map<std::string, std::chrono::milliseconds> scrape_intervals;  ///< By job.
  std::map<std::string, prom::MetricMetadata> metadata;               ///< By metric.
};

/// How old a sample that a point shows may be: one and a half scrape intervals of its job. A scrape may come
/// late, and targets with timestamps of their own (cAdvisor) do not keep to the interval.
[[nodiscard]] std::chrono::milliseconds lookback_of(const Server& server, const std::string& job);

struct PlannedSeries {
  std::size_t server = 0;
  std::string labels;  ///< As JSON, in the order of the names: identifies the series within its metric.
  std::string job;
};

struct PlannedMetric {
  std::string name;
  std::vector<PlannedSeries> series;  ///< By server, then labels.
  std::int64_t first_id = 0;          ///< Of series[0]; the others follow.
};

/// Labels as JSON text.
[[nodiscard]] std::string labels_json(const prom::Labels& labels);

/// Asks every server for its metrics and series of the window. Errors: as prom::Client; UsageError naming
/// --match when a server does not understand a selector.
[[nodiscard]] std::vector<PlannedMetric> plan_series(const std::vector<Server>& servers,
                                                     const prom::Window& window,
                                                     const std::vector<prom::Selector>& selectors,
                                                     int connections, const std::stop_token& stop);

}  // namespace kexp::extractor
