#!/usr/bin/env bash
# Says for each node which energy meter Kepler reads there, and whether it moves. Run it before an experiment: a node without a
# moving RAPL counter is not measured, and what is not measured is not 0 J.
#
#   check-meters.sh [SECONDS]     between its two looks  [5]
#
# Needs kubectl with the cluster as its context. Exit: 0 every node is measured; 1 some are not; 2 usage; 3 no answer.
set -euo pipefail

seconds=${1:-5}
case $seconds in '' | *[!0-9]* | 0*) echo "check-meters.sh: SECONDS is a whole number from 1, got '$seconds'" >&2; exit 2 ;; esac
namespace=kepler
looks=$(mktemp -d)
trap 'rm -rf -- "$looks"' EXIT

# look NAME: what every Kepler says now, in $looks/NAME.<node>; nothing where none answers.
look() {
  local node pod
  while read -r node pod; do
    [ -n "$pod" ] || continue
    kubectl get --raw "/api/v1/namespaces/$namespace/pods/$pod:28282/proxy/metrics" >"$looks/$1.$node" 2>/dev/null || rm -f -- "$looks/$1.$node"
  done <<<"$pods"
}

# package_joules FILE: the sum of RAPL's package counters, empty without one.
package_joules() {
  awk '/^kepler_node_cpu_joules_total\{/ && /zone="package"/ { sum += $NF; found = 1 } END { if (found) printf "%.3f", sum }' "$1"
}

zones() { sed -n 's/^kepler_node_cpu_joules_total{.*zone="\([^"]*\)".*/\1/p' "$1" | sort -u | paste -sd, -; }

# source_of FILE: by the path that Kepler gives for the package. Several sockets are one "aggregated" path.
source_of() {
  local path
  path=$(sed -n '/^kepler_node_cpu_joules_total{.*zone="package"/{s/.*path="\([^"]*\)".*/\1/p;q}' "$1")
  case $path in
    */intel-rapl:* | aggregated-*) echo rapl ;;
    */hwmon*) echo hwmon ;;
    '') echo none ;;
    *) echo unknown ;;
  esac
}

# verdict NODE: its line of the table; fails where the node is not measured.
verdict() {
  local first=$looks/first.$1 second=$looks/second.$1 source before after
  if ! grep -q '^kepler_node_cpu_info' "$first" "$second" 2>/dev/null || [ ! -s "$first" ] || [ ! -s "$second" ]; then
    printf '%-20s %-8s %-24s %s\n' "$1" - - 'NOT MEASURED: no Kepler answers there (kubectl -n kepler get pods -o wide)'
    return 1
  fi
  source=$(source_of "$second") before=$(package_joules "$first") after=$(package_joules "$second")
  printf '%-20s %-8s %-24s ' "$1" "$source" "$(zones "$second")"
  if [ "$source" != rapl ]; then
    echo 'NOT MEASURED: this is no RAPL package counter'
    return 1
  fi
  if [ "$before" = "$after" ]; then
    echo "NOT MEASURED: the counter stood still for $seconds s"
    return 1
  fi
  awk -v joules="$after" -v before="$before" -v seconds="$seconds" 'BEGIN {
    if (joules < before) print "measured (the counter wrapped just now)"
    else printf "measured, about %.1f W\n", (joules - before) / seconds }'
}

nodes=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}') || {
  echo "check-meters.sh: the cluster does not answer; is its context the current one of kubectl?" >&2
  exit 3
}
pods=$(kubectl -n "$namespace" get pods -l app.kubernetes.io/name=kepler \
  -o 'jsonpath={range .items[*]}{.spec.nodeName}{" "}{.metadata.name}{"\n"}{end}') || exit 3

look first
sleep "$seconds"
look second

missing=0
printf '%-20s %-8s %-24s %s\n' NODE METER ZONES ''
for node in $nodes; do verdict "$node" || missing=$((missing + 1)); done
if [ "$missing" -gt 0 ]; then
  echo "check-meters.sh: $missing of $(wc -w <<<"$nodes") nodes are not measured: leave them out of energy figures" >&2
  exit 1
fi
