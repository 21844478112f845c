#!/usr/bin/env bash
# How true the bytes of each segment are: a day of 36 s segments at 15 MB/s into a real Kafka on this machine, beside what pacing by
# the average size would send of the same images.
#
#   feed-segments.sh [--binary FILE] [--minutes 20] [--mbps 15] [--seed 1]     [build/release/bin/kexp]
#
# The images are lognormal, mean 300 kB, CV 0.4, at most 1 MB. The broker's disk needs half of minutes × mbps.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

images=2000 segment=36 minutes=20 mbps=15 seed=1 binary=$root/build/release/bin/kexp
while (($#)); do
  case $1 in
    --binary) needs "a file" "$@"; binary=$2 ;;
    --minutes) needs "a number" "$@"; minutes=$2 ;;
    --mbps) needs "a number" "$@"; mbps=$2 ;;
    --seed) needs "a number" "$@"; seed=$2 ;;
    *) die 2 "usage: feed-segments.sh [--binary FILE] [--minutes N] [--mbps N] [--seed N]" ;;
  esac
  shift 2
done
[[ $minutes$mbps$seed =~ ^[0-9]+$ ]] || die 2 "--minutes, --mbps and --seed are whole numbers"
segments=$((minutes * 60 / segment))
((segments >= 2)) || die 2 "--minutes must be at least 2"

unset KAFKA_SERVERS  # it is the local one that is measured
work=$(mktemp -d)
trap '"$root/scripts/local-kafka.sh" stop --dir "$work/kafka" 2>/dev/null || true; rm -rf -- "$work"' EXIT
prepare_dir "$work/kafka" $((minutes * 60 * mbps * 6 / 10 + 2000))  # the curve's mean is 0.54; the dataset and the runs besides
"$root/scripts/bench/make-sized-dataset.py" "$work/images.h5" --images "$images" --seed "$seed" --sizes "$work/sizes" >&2
eval "$("$root/scripts/local-kafka.sh" start --dir "$work/kafka" --port 0 2>/dev/null)"
"$binary" topics create --servers "$KAFKA_SERVERS" --input-topic in --output-topic out --partitions 3 >/dev/null
say "feeding for $((segments * segment)) s"
"$binary" feed --servers "$KAFKA_SERVERS" --topic in --dataset "$work/images.h5" --run "$work/run" --max-mbps "$mbps" --breakpoints "$segments" \
  --n-cycles 1 --duration "$((segments * segment))" --seed "$seed" >"$work/output" 2>"$work/log" || (($? == 5)) ||
  { cat "$work/log" >&2; die 1 "the feed failed"; }
"$root/scripts/bench/feed_tables.py" segments "$work/run" "$work/sizes"
echo
cat "$work/output"
