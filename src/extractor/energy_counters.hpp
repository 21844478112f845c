#pragma once

/// Kepler's counters of joules in a dataset, whichever names its version has.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataset_reader.hpp"

namespace kexp::extractor {

/// How much a counter grew, and between which samples.
struct Increase {
  double value = 0;
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
};

/// From the first to the last of `samples`, which are in the order of time. After a reset the counter began
/// at 0. nullopt: fewer than two.
[[nodiscard]] std::optional<Increase> increase_of(std::span<const prom::Sample> samples);

/// Samples of several series that tell of one counter, in the order of time and without NaN; where two have
/// the same time, the larger value stays. A pod that ends goes on as another series of the same counter
/// (state="terminated"), and an exporter that starts again may get other labels: an increase of each by
/// itself would lose what lies between them.
[[nodiscard]] std::vector<prom::Sample> merged(std::vector<prom::Sample> samples);

/// One counter, whoever told of it.
struct CounterKey {
  std::string node;
  std::string pod_namespace;  ///< Empty, as the pod: of the node itself.
  std::string pod;
  std::string zone;
  bool idle = false;
  std::string part;  ///< Of several that belong together: a socket, a container.
  auto operator<=>(const CounterKey&) const = default;
};

struct Counter {
  std::vector<prom::Sample> samples;  ///< As `merged` gives them.
  std::string source;                 ///< What Kepler read, as far as it tells; of nodes only.
};

struct KeplerCounters {
  std::string family;  ///< The version whose names they have; empty: there are none.
  /// Each node's as that server knows them that has the most samples of it: two servers that scrape one
  /// Kepler would else count twice.
  std::map<CounterKey, Counter> counters;
};

[[nodiscard]] KeplerCounters read_kepler(const DatasetReader& dataset);

}  // namespace kexp::extractor
