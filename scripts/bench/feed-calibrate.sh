#!/usr/bin/env bash
# What `kexp feed calibrate` says of this machine and a real Kafka on it, and whether that tells the rates of datasets of several sizes
# of images, as the refusals of `kexp feed` take it: each is calibrated with the dataset besides.
#
#   feed-calibrate.sh [--binary FILE] [--seconds 20] [KB...]     [build/release/bin/kexp] [300 150 60 30]
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

seconds=20 binary=$root/build/release/bin/kexp sizes=()
while (($#)); do
  case $1 in
    --binary) needs "a file" "$@"; binary=$2; shift ;;
    --seconds) needs "a number" "$@"; seconds=$2; shift ;;
    [0-9]*) sizes+=("$1") ;;
    *) die 2 "usage: feed-calibrate.sh [--binary FILE] [--seconds N] [KB...]" ;;
  esac
  shift
done
((${#sizes[@]})) || sizes=(300 150 60 30)

unset KAFKA_SERVERS  # it is the local one that is measured
work=$(mktemp -d)
trap '"$root/scripts/local-kafka.sh" stop --dir "$work/kafka" 2>/dev/null || true; rm -rf -- "$work"' EXIT
eval "$("$root/scripts/local-kafka.sh" start --dir "$work/kafka" --port 0 2>/dev/null)"

XDG_CACHE_HOME=$work/cache "$binary" --progress none feed calibrate --servers "$KAFKA_SERVERS" --duration "$seconds" --json \
  >"$work/random.json"
for kb in "${sizes[@]}"; do
  "$root/scripts/bench/make-sized-dataset.py" "$work/$kb.h5" --mean-kb "$kb" --cv 0 --images 50 >/dev/null
  XDG_CACHE_HOME=$work/cache "$binary" --progress none feed calibrate --servers "$KAFKA_SERVERS" --dataset "$work/$kb.h5" \
    --duration "$seconds" --json >"$work/$kb.json"
done

python3 - "$work" "${sizes[@]}" <<'END'
import bisect
import json
import sys
from pathlib import Path

work, *sizes = sys.argv[1:]
random = json.loads(Path(work, "random.json").read_text())
for rate in 50, 1000:
    late = random[f"lateness_{rate}"]
    print(f"Timers at {rate}/s: p50 {late['p50_ms'] * 1000:.0f} us, p99 {late['p99_ms'] * 1000:.0f} us")


def expected(rates, size):
    """As kexp interpolates them."""
    at = min(max(bisect.bisect_left([rate["image_bytes"] for rate in rates], size), 1), len(rates) - 1)
    low, high = rates[at - 1], rates[at]
    part = (size - low["image_bytes"]) / (high["image_bytes"] - low["image_bytes"])
    return 1 / (1 / low["images_per_s"] + part * (1 / high["images_per_s"] - 1 / low["images_per_s"]))


print("\n| images of | MB/s | images/s | core-s/GB |\n|---|---|---|---|")
for rate in random["rates"]:
    print(f"| {rate['image_bytes'] / 1000:.0f} kB | {rate['megabytes_per_s']:.0f} | {rate['images_per_s']:.0f} | {rate['cpu_s_per_gb']:.2f} |")
print("\n| a dataset of | images/s | by the sizes above |\n|---|---|---|")
for kb in sizes:
    rates = json.loads(Path(work, f"{kb}.json").read_text())["rates"]
    own = min(rates, key=lambda rate: abs(rate["image_bytes"] - 1000 * float(kb)))
    print(f"| {kb} kB | {own['images_per_s']:.0f} | {expected(random['rates'], own['image_bytes']):.0f} |")
END
