#!/usr/bin/env bash
# How late `kexp feed` sends into a real Kafka on this machine, beside a loop that sleeps between sends, at the same time.
#
#   feed-lateness.sh [--binary FILE] [--seconds 30] [RATE:KB...]     [build/release/bin/kexp] [50:300 1000:15]
#
# One table in microseconds for each rate in images/s of a mean size in kB (lognormal, CV 0.4), after 5 s of warm-up.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

warm_up=5 seconds=30 binary=$root/build/release/bin/kexp cases=()
while (($#)); do
  case $1 in
    --binary) needs "a file" "$@"; binary=$2; shift ;;
    --seconds) needs "a number" "$@"; seconds=$2; shift ;;
    [0-9]*:[0-9]*) cases+=("$1") ;;
    *) die 2 "usage: feed-lateness.sh [--binary FILE] [--seconds N] [RATE:KB...]" ;;
  esac
  shift
done
((${#cases[@]})) || cases=(50:300 1000:15)

unset KAFKA_SERVERS  # it is the local one that is measured
work=$(mktemp -d)
trap '"$root/scripts/local-kafka.sh" stop --dir "$work/kafka" 2>/dev/null || true; rm -rf -- "$work"' EXIT
c++ -O2 -std=c++20 -o "$work/relative_sleep" "$root/scripts/bench/relative_sleep.cpp"
eval "$("$root/scripts/local-kafka.sh" start --dir "$work/kafka" --port 0 2>/dev/null)"

for case in "${cases[@]}"; do
  rate=${case%:*} kb=${case#*:}
  "$root/scripts/bench/make-sized-dataset.py" "$work/$kb.h5" --mean-kb "$kb" --cap-kb "$((kb * 10 / 3))" >/dev/null
  "$binary" topics create --servers "$KAFKA_SERVERS" --input-topic "in-$rate" --output-topic "out-$rate" --partitions 3 >/dev/null
  (sleep "$warm_up"; exec "$work/relative_sleep" "$rate" "$seconds") >"$work/relative" &
  relative=$!
  "$binary" feed --servers "$KAFKA_SERVERS" --topic "in-$rate" --dataset "$work/$kb.h5" --run "$work/$rate" --max-ips "$rate" --profile constant \
    --duration "$((warm_up + seconds))" >"$work/output" 2>"$work/log" || (($? == 5)) || { cat "$work/log" >&2; die 1 "the feed failed"; }
  wait "$relative"
  echo "| $rate images/s of $kb kB, lateness in µs | images | p50 | p99 | p99.9 | max |"
  echo "|---|---|---|---|---|---|"
  "$root/scripts/bench/feed_tables.py" lateness "$work/$rate" "$warm_up" "$work/relative"
  echo
done
