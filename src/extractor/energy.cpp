#include "kexp/extractor/energy.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "dataset_reader.hpp"
#include "energy_counters.hpp"
#include "energy_images.hpp"

namespace kexp::extractor {

namespace {

constexpr const char* kUsualZone = "package";

void widen(EnergyRow& row, std::int64_t first_ms, std::int64_t last_ms) {
  row.first_ms = std::min(row.first_ms.value_or(first_ms), first_ms);
  row.last_ms = std::max(row.last_ms.value_or(last_ms), last_ms);
}

/// Adds what one counter grew to a row.
void add(EnergyRow& row, const CounterKey& key, const std::optional<Increase>& increase) {
  if (!increase) {
    return;
  }
  std::optional<double>& joules = key.idle ? row.idle_joules : row.active_joules;
  widen(row, increase->first_ms, increase->last_ms);
  joules = joules.value_or(0) + increase->value;
}

using RowKey = std::tuple<std::string, std::string, std::string, std::string>;  // Node, namespace, pod, zone.

std::map<RowKey, EnergyRow> add_up(const std::map<CounterKey, Counter>& counters) {
  std::map<RowKey, EnergyRow> rows;
  for (const auto& [key, counter] : counters) {
    EnergyRow& row = rows[{key.node, key.pod_namespace, key.pod, key.zone}];
    row.node = key.node;
    row.pod_namespace = key.pod_namespace;
    row.pod = key.pod;
    row.zone = key.zone;
    row.source = row.source.empty() ? counter.source : row.source;
    add(row, key, increase_of(counter.samples));
  }
  return rows;
}

std::string choose_zone(const std::map<RowKey, EnergyRow>& rows) {
  std::set<std::string> zones;
  for (const auto& [key, row] : rows) {
    zones.insert(row.zone);
  }
  return zones.empty() || zones.contains(kUsualZone) ? kUsualZone : *zones.begin();
}

/// A node without a meter has a counter that stands still, or none.
void judge(EnergyRow& node) {
  if (node.source.empty()) {
    node.source = "unknown";
  }
  if (node.active_joules.value_or(0) + node.idle_joules.value_or(0) <= 0) {
    node.kind = EnergyKind::not_measured;
    node.active_joules = node.idle_joules = std::nullopt;
  } else {
    node.kind = node.source.starts_with("rapl") ? EnergyKind::measured : EnergyKind::modelled;
  }
}

/// What Kepler from 0.10 on does not do: a pod's part of the idle joules, by its part of the active ones.
void share_idle(EnergyRow& pod, const EnergyRow& node) {
  if (!pod.idle_joules && pod.active_joules && node.idle_joules && node.active_joules.value_or(0) > 0) {
    pod.idle_joules = *node.idle_joules * *pod.active_joules / *node.active_joules;
  }
}

/// Puts one window's energy together.
class Account {
 public:
  Account(const KeplerCounters& kepler, ImageCounts images)
      : images_(std::move(images)), all_(add_up(kepler.counters)) {
    energy_.family = kepler.family;
    energy_.zone = choose_zone(all_);
  }

  Energy make() {
    for (auto& [key, row] : all_) {
      nodes_.insert(row.node);
    }
    for (const std::string& node : nodes_) {
      add_node(node);
    }
    add_total();
    explain();
    return std::move(energy_);
  }

 private:
  void add_node(const std::string& name) {
    std::vector<EnergyRow> rows;
    EnergyRow node;  // Of the zone that is counted.
    bool has_counter = false;
    node.node = name;
    node.zone = energy_.zone;
    for (auto& [key, row] : all_) {
      if (row.node == name && row.pod.empty() && row.zone != energy_.zone && counts_apart(row.zone)) {
        rows.push_back(row);
      } else if (row.node == name && row.pod.empty() && row.zone == energy_.zone) {
        node = row;
        has_counter = true;
      }
    }
    rows.insert(rows.begin(), node);
    for (EnergyRow& row : rows) {
      judge(row);
      row.images = images_of(images_.by_node, name);
    }
    energy_.rows.insert(energy_.rows.end(), rows.begin(), rows.end());
    add_pods(rows.front(), has_counter);
  }

  /// Not part of the package, as core and uncore are: the board, and the memory.
  static bool counts_apart(const std::string& zone) { return zone == "psys" || zone == "dram"; }

  /// Pods have the meter of their node; where only they were extracted, nobody knows which.
  void add_pods(const EnergyRow& node, bool has_counter) {
    const EnergyKind kind = has_counter ? node.kind : EnergyKind::modelled;
    double pods_joules = 0;
    bool has_pods = false;
    for (auto& [key, pod] : all_) {
      if (pod.node != node.node || pod.pod.empty() || pod.zone != energy_.zone) {
        continue;
      }
      has_pods = true;
      pod.source = node.source;
      pod.kind = pod.active_joules ? kind : EnergyKind::not_measured;
      pod.images = images_of(images_.by_pod, pod.pod);
      if (pod.kind == EnergyKind::not_measured) {
        pod.active_joules = pod.idle_joules = std::nullopt;
      }
      share_idle(pod, node);
      pods_joules += pod.active_joules.value_or(0);
      energy_.rows.push_back(pod);
    }
    if (has_pods && node.active_joules) {
      energy_.checks.push_back({node.node, pods_joules, *node.active_joules});
    }
  }

  static std::optional<std::int64_t> images_of(const std::map<std::string, std::int64_t>& counts,
                                               const std::string& name) {
    const auto found = counts.find(name);
    return found == counts.end() ? std::nullopt : std::optional(found->second);
  }

  void add_total() {
    EnergyRow& total = energy_.total;
    total.zone = energy_.zone;
    total.images = images_.total;
    total.active_joules = total.idle_joules = 0;
    std::set<std::string> sources;
    EnergyKind weakest = EnergyKind::measured;
    for (const EnergyRow& row : energy_.rows) {
      if (!row.pod.empty() || row.zone != energy_.zone) {
        continue;
      }
      weakest = std::max(weakest, row.kind);
      sources.insert(row.source);
      add_known(total.active_joules, row.active_joules);
      add_known(total.idle_joules, row.idle_joules);
      if (row.first_ms && row.last_ms) {
        widen(total, *row.first_ms, *row.last_ms);
      }
    }
    total.source = fmt::format("{}", fmt::join(sources, "+"));
    total.kind = nodes_.empty() ? EnergyKind::not_measured : weakest;
    if (total.kind == EnergyKind::not_measured) {  // A sum that lacks a node would pass for all of them.
      total.active_joules = total.idle_joules = std::nullopt;
    }
    energy_.kind = total.kind;
  }

  static void add_known(std::optional<double>& sum, const std::optional<double>& value) {
    sum = sum && value ? std::optional(*sum + *value) : std::nullopt;
  }

  void explain() {
    if (energy_.family.empty()) {
      energy_.reason =
          "the dataset has no counter of Kepler's (kepler_node_cpu_active_joules_total, or "
          "kepler_node_package_joules_total before 0.10)";
      return;
    }
    std::vector<std::string> still, modelled;
    for (const EnergyRow& row : energy_.rows) {
      if (row.pod.empty() && row.zone == energy_.zone && row.kind != EnergyKind::measured) {
        const bool moved = row.kind == EnergyKind::modelled;
        (moved ? modelled : still).push_back(moved ? fmt::format("{} ({})", row.node, row.source) : row.node);
      }
    }
    if (!still.empty()) {
      energy_.reason = fmt::format("no counter of joules moved on {}", fmt::join(still, ", "));
    }
    if (!modelled.empty()) {
      energy_.reason += fmt::format("{}Kepler read no RAPL on {}: what it says is modelled",
                                    energy_.reason.empty() ? "" : "; ", fmt::join(modelled, ", "));
    }
  }

  const ImageCounts images_;
  std::map<RowKey, EnergyRow> all_;
  std::set<std::string> nodes_;
  Energy energy_;
};

}  // namespace

const char* to_text(EnergyKind kind) {
  switch (kind) {
    case EnergyKind::measured:
      return "measured";
    case EnergyKind::modelled:
      return "modelled";
    case EnergyKind::not_measured:
      break;
  }
  return "not measured";
}

std::optional<double> EnergyRow::joules() const {
  return active_joules && idle_joules ? std::optional(*active_joules + *idle_joules) : std::nullopt;
}

std::optional<double> EnergyRow::joules_per_image() const {
  const std::optional<double> all = joules();
  return all && images.value_or(0) > 0 ? std::optional(*all / static_cast<double>(*images)) : std::nullopt;
}

Energy measure_energy(const std::filesystem::path& folder, const std::filesystem::path& run) {
  const DatasetReader dataset(folder);
  ImageCounts images;
  if (!run.empty()) {
    images = count_images(run, dataset.start_ms(), dataset.end_ms());
  }
  return Account(read_kepler(dataset), std::move(images)).make();
}

}  // namespace kexp::extractor
