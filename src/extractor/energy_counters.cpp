#include "energy_counters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

namespace kexp::extractor {

namespace {

using Counters = std::map<CounterKey, Counter>;
using ByServer = std::map<std::string, Counters>;

std::string label(const prom::Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

/// Kepler's own label, else what the scrape says.
std::string node_of(const prom::Labels& labels) {
  for (const char* name : {"node_name", "node", "instance"}) {
    if (std::string node = label(labels, name); !node.empty()) {
      return node;
    }
  }
  return {};
}

/// What is behind a path of Kepler's from 0.10 on.
std::string source_of_path(const std::string& path) {
  if (path.find("/intel-rapl:") != std::string::npos || path.starts_with("aggregated-")) {
    return "rapl";
  }
  if (path.find("/hwmon") != std::string::npos) {
    return "hwmon";
  }
  if (path.find("/energy_") !=
      std::string::npos) {  // Its meter for tests has such paths, which do not exist.
    return "fake";
  }
  return path;
}

/// Reads one metric; `describe` makes key and source of a series' labels.
void collect(const DatasetReader& dataset, const std::string& metric, ByServer& servers,
             const std::function<std::pair<CounterKey, std::string>(const prom::Labels&)>& describe) {
  if (!dataset.has(metric)) {
    return;
  }
  dataset.read(metric, [&](const SeriesData& data) {
    auto [key, source] = describe(labels_of(data.series));
    Counter& counter = servers[data.series.source][key];
    counter.samples.insert(counter.samples.end(), data.samples.begin(), data.samples.end());
    counter.source = std::move(source);
  });
}

ByServer read_present_names(const DatasetReader& dataset) {
  ByServer servers;
  for (const auto& [metric, idle] : {std::pair{"kepler_node_cpu_active_joules_total", false},
                                     std::pair{"kepler_node_cpu_idle_joules_total", true}}) {
    collect(dataset, metric, servers, [is_idle = idle](const prom::Labels& labels) {
      const std::string path = label(labels, "path");
      return std::pair{CounterKey{node_of(labels), "", "", label(labels, "zone"), is_idle, path},
                       source_of_path(path)};
    });
  }
  collect(dataset, "kepler_pod_cpu_joules_total", servers, [](const prom::Labels& labels) {
    return std::pair{CounterKey{node_of(labels), label(labels, "pod_namespace"), label(labels, "pod_name"),
                                label(labels, "zone"), false, label(labels, "pod_id")},
                     std::string()};
  });
  return servers;
}

/// What kepler_node_info says of each node's meter; before 0.7 a counter of joules says it itself.
std::map<std::string, std::string> sources_of_nodes(const DatasetReader& dataset) {
  std::map<std::string, std::string> sources;
  if (dataset.has("kepler_node_info")) {
    for (const DatasetSeries& series : dataset.series_of("kepler_node_info")) {
      const prom::Labels labels = labels_of(series);
      sources[node_of(labels)] = label(labels, "components_power_source");
    }
  }
  return sources;
}

ByServer read_older_names(const DatasetReader& dataset) {
  const std::map<std::string, std::string> sources = sources_of_nodes(dataset);
  ByServer servers;
  for (const std::string zone : {"package", "dram"}) {
    collect(dataset, fmt::format("kepler_node_{}_joules_total", zone), servers,
            [&](const prom::Labels& labels) {
              const std::string node = node_of(labels);
              std::string source = label(labels, "source");
              if (const auto found = sources.find(node); source.empty() && found != sources.end()) {
                source = found->second;
              }
              return std::pair{
                  CounterKey{node, "", "", zone, label(labels, "mode") == "idle", label(labels, "package")},
                  source};
            });
  }
  collect(dataset, "kepler_container_package_joules_total", servers, [](const prom::Labels& labels) {
    return std::pair{CounterKey{node_of(labels), label(labels, "container_namespace"),
                                label(labels, "pod_name"), "package", label(labels, "mode") == "idle",
                                label(labels, "container_id") + "/" + label(labels, "container_name")},
                     std::string()};
  });
  return servers;
}

/// Of every node the counters of the server that has the most samples of it.
Counters choose_servers(ByServer servers) {
  std::map<std::string, std::pair<std::size_t, std::string>> best;  // By node: samples, server.
  for (const auto& [server, counters] : servers) {
    std::map<std::string, std::size_t> samples;
    for (const auto& [key, counter] : counters) {
      samples[key.node] += counter.samples.size();
    }
    for (const auto& [node, count] : samples) {
      if (count > best[node].first) {
        best[node] = {count, server};
      }
    }
  }
  Counters chosen;
  for (auto& [server, counters] : servers) {
    for (auto& [key, counter] : counters) {
      if (best[key.node].second == server) {
        counter.samples = merged(std::move(counter.samples));
        chosen.emplace(key, std::move(counter));
      }
    }
  }
  return chosen;
}

}  // namespace

std::optional<Increase> increase_of(std::span<const prom::Sample> samples) {
  if (samples.size() < 2) {
    return std::nullopt;
  }
  Increase increase{0, samples.front().ts_ms, samples.back().ts_ms};
  for (std::size_t i = 1; i < samples.size(); ++i) {
    increase.value += growth(samples[i - 1].value, samples[i].value);
  }
  return increase;
}

std::vector<prom::Sample> merged(std::vector<prom::Sample> samples) {
  std::erase_if(samples, [](const prom::Sample& sample) { return std::isnan(sample.value); });
  std::sort(samples.begin(), samples.end(), [](const prom::Sample& a, const prom::Sample& b) {
    return std::tie(a.ts_ms, b.value) < std::tie(b.ts_ms, a.value);  // The largest of a moment first.
  });
  const auto same_time = [](const prom::Sample& a, const prom::Sample& b) { return a.ts_ms == b.ts_ms; };
  samples.erase(std::unique(samples.begin(), samples.end(), same_time), samples.end());
  return samples;
}

KeplerCounters read_kepler(const DatasetReader& dataset) {
  if (ByServer servers = read_present_names(dataset); !servers.empty()) {
    return {"Kepler from 0.10", choose_servers(std::move(servers))};
  }
  if (ByServer servers = read_older_names(dataset); !servers.empty()) {
    return {"Kepler before 0.10", choose_servers(std::move(servers))};
  }
  return {};
}

}  // namespace kexp::extractor
