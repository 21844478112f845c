#!/usr/bin/env bash
# From the start of `kexp consume` to its first inference done, with OpenCV, OpenVINO, and OpenVINO with a warm cache.
#
#   engine-start.sh MODEL [BINARY] [RUNS]      [build/release/bin/kexp] [11]
#
# Prints minimum, median and maximum in milliseconds. No broker is needed: the process is ended when its model is ready.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

(($# >= 1)) || die 2 "usage: engine-start.sh MODEL [BINARY] [RUNS]"
model=$1
binary=${2:-$root/build/release/bin/kexp}
runs=${3:-11}
cache=$(mktemp -d)
trap 'rm -rf -- "$cache"' EXIT

# ready_us FLAGS...: microseconds from the start to the line that says the model is ready.
ready_us() {
  local start pid line
  start=${EPOCHREALTIME/./}
  coproc kexp { exec "$binary" consume --servers 127.0.0.1:9 --model "$model" --threads 1 --log-level debug "$@" 2>&1; }
  # shellcheck disable=SC2154  # coproc sets it
  pid=$kexp_PID
  while read -r line <&"${kexp[0]}"; do
    if [[ $line == *ready_ms=* ]]; then break; fi
  done
  echo $((${EPOCHREALTIME/./} - start))
  kill "$pid"
  wait "$pid" 2>/dev/null || true
}

measure() {  # NAME FLAGS...
  local name=$1
  shift
  for ((i = 0; i < runs; ++i)); do ready_us "$@"; done | sort -n |
    awk -v name="$name" '{us[NR] = $1} END {printf "%-22s min %.0f ms, median %.0f ms, max %.0f ms of %d runs\n", name, us[1] / 1e3, us[int((NR + 1) / 2)] / 1e3, us[NR] / 1e3, NR}'
}

measure "opencv" --engine opencv
measure "openvino" --engine openvino
ready_us --engine openvino --engine-cache "$cache" >/dev/null  # fills it
measure "openvino, warm cache" --engine openvino --engine-cache "$cache"
