#!/usr/bin/env bash
# What memory `kexp feed` takes beyond its dataset (or the window, when it is streamed), at high rates and while the broker stands still:
# peak RSS of the whole run, minus the images. The figures stand in docs/benchmarks.md.
#
#   feed-memory.sh [KEXP]    [build/release/bin/kexp]; a broker of its own, 5 GB of disk below TMPDIR, 6 minutes
#
# Each run: 12 s of load, the broker stopped (SIGSTOP) for 20 s, what is left of the plan and the debt.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

(($# <= 1)) || die 2 "usage: feed-memory.sh [KEXP]"
kexp=$(realpath -- "${1:-$root/build/release/bin/kexp}")
[ -x "$kexp" ] || die 2 "there is no $kexp: cmake --workflow --preset release"
unset KAFKA_SERVERS  # it is the local one that is stopped
before_s=12 stopped_s=20
scratch=$(mktemp -d)
stopper=''
stop() {
  if [ -n "$stopper" ]; then kill "$stopper" 2>/dev/null || true; fi
  stopper=''
  if [ -n "${KAFKA_PID:-}" ]; then kill -CONT "$KAFKA_PID" 2>/dev/null || true; fi
  "$root/scripts/local-kafka.sh" stop --dir "$scratch/kafka" 2>/dev/null || true
  rm -rf -- "$scratch/kafka" "$scratch/run"
}
trap 'stop; rm -rf -- "$scratch"' EXIT

# Runs a command to its end and prints its peak RSS in bytes; what it says goes to stderr.
peak_rss() {
  python3 -c 'import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=2)
_, status, used = os.wait4(child.pid, 0)
code = os.waitstatus_to_exitcode(status)
if code not in (0, 5): sys.exit(f"exit {code}")
print(used.ru_maxrss * 1024)' "$@"
}

# What the broker does meanwhile.
stop_for_a_while() { sleep "$before_s"; kill -STOP "$KAFKA_PID"; sleep "$stopped_s"; kill -CONT "$KAFKA_PID"; }

measure() {  # LABEL DATASET FLAGS...
  local label=$1 dataset=$2 peak
  shift 2
  eval "$("$root/scripts/local-kafka.sh" start --dir "$scratch/kafka" --port 0 2>/dev/null)"
  PYTHONPATH=$root/tests/support PYTHONDONTWRITEBYTECODE=1 python3 -c 'import sys, kexp_test
kexp_test.create_topic(sys.argv[1], "yolo_input", 4, {"max.message.bytes": "16777216"})' "$KAFKA_SERVERS"
  stop_for_a_while &
  stopper=$!
  peak=$(peak_rss "$kexp" feed --servers "$KAFKA_SERVERS" --dataset "$dataset" --run "$scratch/run" --profile constant --duration 40 \
    --force "$@" 2>"$scratch/said") || { cat "$scratch/said" >&2; die 1 "kexp feed failed"; }
  python3 -c 'import json, sys
label, peak, run = sys.argv[1], int(sys.argv[2]) / 1e6, sys.argv[3]
events = [json.loads(line) for line in open(run + "/feed.json")]
settings, end = events[0]["settings"], next(e for e in events if e["event"] == "finished")
outage = sum(e["end_unix_ns"] - e["start_unix_ns"] for e in events if e["event"] == "outage") / 1e9
dataset, window = settings["dataset_mb"], settings["window_mb"]
print(f"| {label} | {dataset:.0f} | {window:.0f} | {peak:.0f} | {peak - window:.0f} | {end['"'"'planned'"'"']} | {end['"'"'acknowledged'"'"']} | {outage:.0f} |")' \
    "$label" "$peak" "$scratch/run"
  stop
}

"$root/scripts/bench/make-sized-dataset.py" "$scratch/small.h5" --images 20000 --mean-kb 1 --cv 0 --cap-kb 1 >/dev/null
"$root/scripts/bench/make-sized-dataset.py" "$scratch/large.h5" --images 2000 --mean-kb 300 >/dev/null

echo "| load | dataset, MB | images in memory, MB | peak RSS, MB | beyond the images, MB | planned | acknowledged | without an answer, s |"
echo "|---|---|---|---|---|---|---|---|"
measure "1 KB, 20,000/s" "$scratch/small.h5" --max-ips 20000
measure "1 KB, 20,000/s, 4 threads" "$scratch/small.h5" --max-ips 20000 --threads 4
measure "300 KB, 100 MB/s" "$scratch/large.h5" --max-mbps 100
measure "300 KB, 100 MB/s, streamed in 60 MB" "$scratch/large.h5" --max-mbps 100 --dataset-memory 60
measure "300 KB, 100 MB/s, streamed in 200 MB, shuffled" "$scratch/large.h5" --max-mbps 100 --dataset-memory 200 --shuffle
