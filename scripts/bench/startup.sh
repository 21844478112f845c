#!/usr/bin/env bash
# Times `kexp --help` as a whole process.
#
#   startup.sh [BINARY] [RUNS]      [build/release/bin/kexp] [101]
#
# Prints minimum, median and maximum in milliseconds.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
binary=${1:-$root/build/release/bin/kexp}
runs=${2:-101}
for ((i = 0; i < runs; ++i)); do
  start=${EPOCHREALTIME/./}
  "$binary" --help >/dev/null
  echo $((${EPOCHREALTIME/./} - start))
done | sort -n | awk '{us[NR] = $1} END {printf "min %.1f ms, median %.1f ms, max %.1f ms of %d runs\n", us[1] / 1e3, us[int((NR + 1) / 2)] / 1e3, us[NR] / 1e3, NR}'
