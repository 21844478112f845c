#pragma once

/// Joules of a window, by node, pod and image, from the counters of Kepler in a finished dataset
/// (docs/results.md, "energy"). Needs no Prometheus.
///
/// A counter's joules are its increase from its first to its last sample in the window; after a reset it
/// counts from 0 again. Nothing is extrapolated to the ends of the window. Zones contain each other: one is
/// taken, never a sum. A node's joules are its active and its idle ones; a pod has active ones, and a share
/// of the node's idle ones as large as its share of the active ones.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kexp/core/json_fwd.hpp"

namespace kexp::extractor {

/// Measured: Kepler read RAPL. Modelled: it read something else, or nothing that it tells of. A counter that
/// stood still, or is not there, was not measured: that is not 0 J.
enum class EnergyKind { measured, modelled, not_measured };
[[nodiscard]] const char* to_text(EnergyKind kind);

/// Of a node (no pod) or of a pod on it.
struct EnergyRow {
  std::string node;
  std::string pod_namespace;
  std::string pod;
  std::string zone;    ///< Of RAPL: package, psys, dram.
  std::string source;  ///< What Kepler read, as it tells: rapl, rapl-sysfs, hwmon, trained_power_model, …
  EnergyKind kind = EnergyKind::not_measured;
  std::optional<double> active_joules;
  std::optional<double> idle_joules;
  std::optional<std::int64_t> images;  ///< Answered in the window by this pod, or by pods of this node.
  std::optional<std::int64_t> first_ms, last_ms;  ///< Of the samples.

  /// Active and idle together, where both are known.
  [[nodiscard]] std::optional<double> joules() const;
  [[nodiscard]] std::optional<double> joules_per_image() const;
};

/// All pods of a node against the node: they cannot have more.
struct EnergyCheck {
  std::string node;
  double pods_active_joules = 0;
  double node_active_joules = 0;
  /// Not more than 2 % above, which the moments of the samples may explain.
  [[nodiscard]] bool holds() const { return pods_active_joules <= 1.02 * node_active_joules; }
};

struct Energy {
  EnergyKind kind = EnergyKind::not_measured;  ///< The weakest of the nodes.
  std::string reason;                          ///< Why it is not `measured`; empty otherwise.
  std::string family;                          ///< Whose names the counters have; empty without any.
  std::string zone;                            ///< Of the pods and of `total`.
  std::vector<EnergyRow> rows;                 ///< Nodes by name and zone, each followed by its pods.
  EnergyRow total;                             ///< All nodes.
  std::vector<EnergyCheck> checks;
};

/// Computes it for the dataset in `folder`; images are counted in the results of `run`, unless that is empty.
///
/// Errors: UsageError when `folder` is no dataset; FailedError naming a file that cannot be read.
[[nodiscard]] Energy measure_energy(const std::filesystem::path& folder, const std::filesystem::path& run);

/// Writes energy.csv and energy.json into `folder`, replacing them. Errors: FailedError naming the file.
void write_energy(const Energy& energy, const std::filesystem::path& folder);

[[nodiscard]] Json to_json(const Energy& energy);
/// For a terminal; at most 20 pods, those with the most joules.
[[nodiscard]] std::string to_table(const Energy& energy);

}  // namespace kexp::extractor
