#!/usr/bin/env bash
# Times `kexp deploy render` of the reference cluster as a whole process: into a new folder, and again where nothing has changed.
#
#   deploy-render.sh [BINARY] [RUNS]      [build/release/bin/kexp] [51]
#
# Prints minimum, median and maximum in milliseconds.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
binary=${1:-$root/build/release/bin/kexp}
runs=${2:-51}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
"$binary" deploy init -o "$work/cluster.yaml" >/dev/null

# timed NAME COMMAND...: one line of microseconds, kept in $work/NAME
timed() {
  local name=$1 start=${EPOCHREALTIME/./}
  shift
  "$@" >/dev/null 2>&1
  echo $((${EPOCHREALTIME/./} - start)) >>"$work/$name"
}
for ((i = 0; i < runs; ++i)); do
  timed new "$binary" deploy render "$work/cluster.yaml" -o "$work/$i"
  timed unchanged "$binary" deploy render "$work/cluster.yaml" -o "$work/$i"
done
for name in new unchanged; do
  sort -n "$work/$name" | awk -v name="$name" '{us[NR] = $1} END {
    printf "%-9s min %.1f ms, median %.1f ms, max %.1f ms of %d runs\n", name, us[1] / 1e3, us[int((NR + 1) / 2)] / 1e3, us[NR] / 1e3, NR}'
done
