#include <algorithm>

#include <fmt/format.h>

#include "kexp/core/csv.hpp"
#include "kexp/core/file.hpp"
#include "kexp/core/json.hpp"
#include "kexp/extractor/energy.hpp"

namespace kexp::extractor {

namespace {

constexpr std::size_t kPodsOfTable = 20;
constexpr const char* kRule =
    "joules are the increase of Kepler's counters from their first to their last sample in the window, from "
    "0 "
    "after a reset, without extrapolation";

template <typename Number>
std::string cell(const std::optional<Number>& value) {
  std::string text;
  if (value) {
    append_csv_field(text, *value);
  }
  return text;
}

std::string csv_row(const char* level, const EnergyRow& row) {
  return csv_line(level, row.node, row.pod_namespace, row.pod, row.zone, row.source, to_text(row.kind),
                  cell(row.active_joules), cell(row.idle_joules), cell(row.joules()), cell(row.images),
                  cell(row.joules_per_image()), cell(row.first_ms), cell(row.last_ms));
}

template <typename Number>
Json json_of(const std::optional<Number>& value) {
  return value ? Json(*value) : Json();
}

Json row_json(const EnergyRow& row) {
  return {{"zone", row.zone},
          {"source", row.source},
          {"kind", to_text(row.kind)},
          {"active_joules", json_of(row.active_joules)},
          {"idle_joules", json_of(row.idle_joules)},
          {"joules", json_of(row.joules())},
          {"images", json_of(row.images)},
          {"joules_per_image", json_of(row.joules_per_image())},
          {"first_ms", json_of(row.first_ms)},
          {"last_ms", json_of(row.last_ms)}};
}

std::string rounded(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string table_row(const std::string& name, const EnergyRow& row) {
  return fmt::format(
      "  {:<40} {:>10} {:>10} {:>10} {:>9} {:>9}  {}\n", name, rounded(row.active_joules, 1),
      rounded(row.idle_joules, 1), rounded(row.joules(), 1), row.images ? std::to_string(*row.images) : "-",
      rounded(row.joules_per_image(), 3),
      row.kind == EnergyKind::measured ? row.source : fmt::format("{} ({})", to_text(row.kind), row.source));
}

std::string headline(const Energy& energy) {
  std::string text = fmt::format("energy   {}", to_text(energy.kind));
  if (!energy.reason.empty()) {
    text += ": " + energy.reason;
  }
  if (const auto joules = energy.total.joules()) {
    text += fmt::format("\n         {:.1f} J of all nodes, zone {}", *joules, energy.zone);
  }
  if (const auto per_image = energy.total.joules_per_image()) {
    text += fmt::format("; {:.3f} J an image", *per_image);
  }
  return text + "\n";
}

std::string pods_of_table(const Energy& energy) {
  std::vector<const EnergyRow*> pods;
  for (const EnergyRow& row : energy.rows) {
    if (!row.pod.empty()) {
      pods.push_back(&row);
    }
  }
  std::stable_sort(pods.begin(), pods.end(), [](const EnergyRow* a, const EnergyRow* b) {
    return a->active_joules.value_or(-1) > b->active_joules.value_or(-1);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(pods.size(), kPodsOfTable); ++i) {
    text += table_row(fmt::format("{}/{}", pods[i]->pod_namespace, pods[i]->pod), *pods[i]);
  }
  if (pods.size() > kPodsOfTable) {
    text += fmt::format("  and {} more pods in energy.csv\n", pods.size() - kPodsOfTable);
  }
  return text;
}

}  // namespace

void write_energy(const Energy& energy, const std::filesystem::path& folder) {
  std::string csv =
      "level,node,namespace,pod,zone,source,kind,active_joules,idle_joules,joules,images,joules_per_image,"
      "first_ms,last_ms\n";
  for (const EnergyRow& row : energy.rows) {
    csv += csv_row(row.pod.empty() ? "node" : "pod", row);
  }
  if (!energy.rows.empty()) {
    csv += csv_row("total", energy.total);
  }
  write_file_atomically(folder / "energy.csv", csv);
  write_json(folder / "energy.json", to_json(energy));
}

Json to_json(const Energy& energy) {
  Json nodes = Json::array(), pods = Json::array(), checks = Json::array();
  for (const EnergyRow& row : energy.rows) {
    Json one = {{"node", row.node}};
    if (!row.pod.empty()) {
      one["namespace"] = row.pod_namespace;
      one["pod"] = row.pod;
    }
    one.update(row_json(row));
    (row.pod.empty() ? nodes : pods).push_back(std::move(one));
  }
  for (const EnergyCheck& check : energy.checks) {
    checks.push_back({{"node", check.node},
                      {"pods_active_joules", check.pods_active_joules},
                      {"node_active_joules", check.node_active_joules},
                      {"holds", check.holds()}});
  }
  return {{"kind", to_text(energy.kind)},
          {"reason", energy.reason.empty() ? Json() : Json(energy.reason)},
          {"rule", kRule},
          {"names", energy.family.empty() ? Json() : Json(energy.family)},
          {"total", energy.rows.empty() ? Json() : row_json(energy.total)},
          {"nodes", std::move(nodes)},
          {"pods", std::move(pods)},
          {"pods_within_nodes", std::move(checks)}};
}

std::string to_table(const Energy& energy) {
  std::string text = headline(energy);
  if (energy.rows.empty()) {
    return text;
  }
  text += fmt::format("  {:<40} {:>10} {:>10} {:>10} {:>9} {:>9}  {}\n", "", "active J", "idle J", "joules",
                      "images", "J/image", "meter");
  for (const EnergyRow& row : energy.rows) {
    if (row.pod.empty()) {
      text += table_row(fmt::format("{} ({})", row.node, row.zone), row);
    }
  }
  text += pods_of_table(energy);
  for (const EnergyCheck& check : energy.checks) {
    if (!check.holds()) {
      text += fmt::format("  DOUBTFUL: the pods of {} have {:.1f} active J, the node {:.1f}\n", check.node,
                          check.pods_active_joules, check.node_active_joules);
    }
  }
  return text;
}

}  // namespace kexp::extractor
