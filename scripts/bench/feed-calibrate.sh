#!/usr/bin/env bash
# What `kexp feed calibrate` says of this machine and a real Kafka on it, for several sizes of images, and whether what it says of
# the first size tells the rates of the others, as the refusals of `kexp feed` take it.
#
#   feed-calibrate.sh [--binary FILE] [--seconds 20] [KB...]     [build/release/bin/kexp] [300 100 30]
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

seconds=20 binary=$root/build/release/bin/kexp sizes=()
while (($#)); do
  case $1 in
    --binary) binary=${2:?"--binary needs a file"}; shift ;;
    --seconds) seconds=${2:?"--seconds needs a number"}; shift ;;
    [0-9]*) sizes+=("$1") ;;
    *) die 2 "usage: feed-calibrate.sh [--binary FILE] [--seconds N] [KB...]" ;;
  esac
  shift
done
((${#sizes[@]})) || sizes=(300 100 30)

unset KAFKA_SERVERS  # it is the local one that is measured
work=$(mktemp -d)
trap '"$root/scripts/local-kafka.sh" stop --dir "$work/kafka" 2>/dev/null || true; rm -rf -- "$work"' EXIT
eval "$("$root/scripts/local-kafka.sh" start --dir "$work/kafka" --port 0 2>/dev/null)"

for kb in "${sizes[@]}"; do
  "$root/scripts/bench/make-sized-dataset.py" "$work/$kb.h5" --mean-kb "$kb" --cv 0 --images 50 >/dev/null
  XDG_CACHE_HOME=$work/cache "$binary" --progress none feed calibrate --servers "$KAFKA_SERVERS" --dataset "$work/$kb.h5" \
    --duration "$seconds" --json >"$work/$kb.json"
done

python3 - "${sizes[@]/%/.json}" "$work" <<'END'
import json
import sys
from pathlib import Path

*names, work = sys.argv[1:]
found = [json.loads(Path(work, name).read_text()) for name in names]
for rate in 50, 1000:
    late = [calibration[f"lateness_{rate}"] for calibration in found]
    print(f"Timers at {rate}/s: p50", ", ".join(f"{ms['p50_ms'] * 1000:.0f}" for ms in late), "µs; p99",
          ", ".join(f"{ms['p99_ms'] * 1000:.0f}" for ms in late), "µs")
print("\n| images of | MB/s | images/s | by the first row | of 1 kB: images/s | core-s/GB |\n|---|---|---|---|---|---|")
first = found[0]
least = 1 / first["small_images_per_s"]
per_byte = max(0, 1 / first["images_per_s"] - least) / (first["mean_image_bytes"] - 1000)
for calibration in found:
    size = calibration["mean_image_bytes"]
    print(f"| {size / 1000:.0f} kB | {calibration['megabytes_per_s']:.0f} | {calibration['images_per_s']:.0f} "
          f"| {1 / (least + per_byte * (size - 1000)):.0f} | {calibration['small_images_per_s']:.0f} | {calibration['cpu_s_per_gb']:.2f} |")
END
