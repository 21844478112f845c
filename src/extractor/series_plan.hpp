#pragma once

/// What is to be read: metrics and their series, in the order of the files, numbered before the first sample
/// is read. So the dataset does not depend on which connection was faster.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "kexp/prom/client.hpp"

namespace kexp::extractor {

/// How samples are taken out of a server.
enum class Source { remote_read, query };

/// As --source and metadata.json name it.
[[nodiscard]] const char* source_name(Source source);

/// One Prometheus, and what is known of it.
struct Server {
  prom::Client client;
  Source source = Source::query;
  std::optional<prom::Labels> external_labels;  ///< nullopt where the server does not tell.
  prom::ServerInfo info;
  std::map<std::string, std::chrono::milliseconds> scrape_intervals;  ///< By job, as measured.
  std::map<std::string, prom::MetricMetadata> metadata;               ///< By metric.
  prom::Targets targets;
};

/// How old a sample that a point shows may be: one and a half scrape intervals of its job. A scrape may come
/// late, and targets with timestamps of their own (cAdvisor) do not keep to the interval.
[[nodiscard]] std::chrono::milliseconds lookback_of(const Server& server, const std::string& job);

struct PlannedSeries {
  std::size_t server = 0;
  std::string labels;  ///< As JSON, in the order of the names: identifies the series within its metric.
  std::string job;
  /// The same without those that are equal to the server's external labels, as remote read hands it over;
  /// empty where that is all of them.
  std::string bare_labels;

  [[nodiscard]] const std::string& read_labels() const { return bare_labels.empty() ? labels : bare_labels; }
};

struct PlannedMetric {
  std::string name;
  std::vector<PlannedSeries> series;  ///< By server, then labels.
  std::int64_t first_id = 0;          ///< Of series[0]; the others follow.
};

/// The first millisecond of a window.
[[nodiscard]] std::int64_t first_ms(const prom::Window& window);

/// Labels as JSON text.
[[nodiscard]] std::string labels_json(const prom::Labels& labels);

/// Asks every server for its metrics and series of the window. Errors: as prom::Client; UsageError naming
/// --match when a server does not understand a selector.
[[nodiscard]] std::vector<PlannedMetric> plan_series(const std::vector<Server>& servers,
                                                     const prom::Window& window,
                                                     const std::vector<prom::Selector>& selectors,
                                                     int connections, const std::stop_token& stop);

}  // namespace kexp::extractor
