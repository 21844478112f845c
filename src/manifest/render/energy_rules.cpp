#include "render/energy_rules.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kexp::manifest {
namespace {

/// A rate needs four scrapes to be worth anything.
std::string range_of(const ClusterFile& cluster, Seconds least) {
  return to_text(std::max(least, 4 * cluster.monitoring.scrape_interval));
}

Yaml recording(const char* name, std::string comment, std::string expression) {
  Yaml rule = Yaml::map();
  rule.set("record", name, std::move(comment));
  rule.set("expr", std::move(expression));
  return rule;
}

Yaml pod_active_joules() {
  return recording(
      "kexp:pod_active_joules",
      "When a pod ends, Kepler goes on with state=\"terminated\" as another series: increase() over the two "
      "loses what was burnt between their samples. Pods get active joules only, never the node's idle ones.",
      R"(max without (state) (kepler_pod_cpu_joules_total{zone="package"}))");
}

Yaml node_joules() {
  return recording(
      "kexp:node_joules",
      "kepler_node_cpu_joules_total is RAPL's own counter, which starts again after some 262 kJ (hours), and "
      "increase() loses a scrape's joules then. Active and idle joules are summed by Kepler and only grow. "
      "Zones contain each other (psys, package, core, uncore): choose one, never add them up.",
      "sum by (node_name, zone) (kepler_node_cpu_active_joules_total)\n"
      "+ sum by (node_name, zone) (kepler_node_cpu_idle_joules_total)");
}

Yaml node_watts(const ClusterFile& cluster) {
  return recording("kexp:node_watts", {},
                   fmt::format(R"(sum by (node_name) (rate(kexp:node_joules{{zone="package"}}[{}])))",
                               range_of(cluster, Seconds{30})));
}

Yaml node_measured(const ClusterFile& cluster) {
  return recording(
      "kexp:node_measured",
      "1: a RAPL counter of the node moved in the last minute. 0: it stood still, Kepler reads something "
      "else, or no Kepler answers there. The node's joules are then not measured, which is not 0 J.",
      fmt::format(
          "(max by (node_name) (increase(\n"
          "  kepler_node_cpu_joules_total{{zone=\"package\", path=~\".*/intel-rapl:.*|aggregated-.*\"}}[{}]"
          "\n)) > bool 0)\n"
          "or max by (node_name) (label_replace(0 * kube_node_info, \"node_name\", \"$1\", \"node\", "
          "\"(.+)\"))",
          range_of(cluster, Seconds{60})));
}

Yaml not_measured_alert() {
  return Yaml::map(
      {{"alert", "KexpNodeNotMeasured"},
       {"expr", "kexp:node_measured == 0"},
       {"for", "1m"},
       {"labels", Yaml::map({{"severity", "warning"}})},
       {"annotations", Yaml::map({{"summary", "The energy of {{ $labels.node_name }} is not measured."},
                                  {"description",
                                   "Kepler reads no moving RAPL counter there; 60-kepler/check-meters.sh "
                                   "says what it reads."}})}});
}

}  // namespace

Yaml energy_rule_groups(const ClusterFile& cluster) {
  return Yaml::list({Yaml::map({{"name", "kexp-energy"},
                                {"interval", to_text(cluster.monitoring.scrape_interval)},
                                {"rules", Yaml::list({pod_active_joules(), node_joules(), node_watts(cluster),
                                                      node_measured(cluster), not_measured_alert()})}})});
}

}  // namespace kexp::manifest
