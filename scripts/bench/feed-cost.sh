#!/usr/bin/env bash
# What sending costs: `kexp feed` beside a bare librdkafka loop and beside the old Python loop, images of 100 KB, on a real Kafka of its
# own.
#
#   feed-cost.sh rate|flat [--build DIR] [--repetitions 3|6] [--seconds 20] [--mb 500] [--partitions 3]     [build/release]
#
# rate: 15 MB/s each for --seconds, all three at the same time; flat: --mb as fast as it goes, one after the other, with librdkafka's
# default settings too. Needs a build with -DKEXP_BENCHMARKS=ON, and 11 GB of disk for the broker.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

usage="usage: feed-cost.sh rate|flat [--build DIR] [--repetitions N] [--seconds N] [--mb N] [--partitions N]"
mbps=15 image_bytes=100000 images=200
build=$root/build/release seconds=20 mb=500 partitions=3
case ${1:-} in
  rate) mode=rate repetitions=3 ;;
  flat) mode=flat repetitions=6 ;;
  *) die 2 "$usage" ;;
esac
shift
while (($#)); do
  [ $# -ge 2 ] || die 2 "$usage"
  case $1 in
    --build) build=$2 ;;
    --repetitions) repetitions=$2 ;;
    --seconds) seconds=$2 ;;
    --mb) mb=$2 ;;
    --partitions) partitions=$2 ;;
    *) die 2 "$usage" ;;
  esac
  shift 2
done
kexp=$build/bin/kexp bare=$build/bin/bare_producer
[ -x "$bare" ] || die 3 "there is no $bare: cmake --preset release -DKEXP_BENCHMARKS=ON && ninja -C build/release kexp bare_producer"

# The Python loop's modules, once.
python=$KEXP_CACHE/bench/python-feeder/bin/python
prepare_python() {
  "$python" -c 'import confluent_kafka, h5py' 2>/dev/null && return
  say "fetching confluent-kafka and h5py (130 MB, once)"
  python3 -m venv "$KEXP_CACHE/bench/python-feeder"
  "$python" -m pip install --quiet --disable-pip-version-check confluent-kafka==2.16.1 h5py==3.16.0 >&2 ||
    die 3 "pip could not fetch confluent-kafka and h5py"
}

unset KAFKA_SERVERS  # it is the local one that is measured
work=$(mktemp -d)
trap '"$root/scripts/local-kafka.sh" stop --dir "$work/kafka" 2>/dev/null || true; rm -rf -- "$work"' EXIT
prepare_dir "$work" 12000
prepare_python
"$root/scripts/bench/make-sized-dataset.py" "$work/images.h5" --images "$images" --mean-kb "$((image_bytes / 1000))" --cv 0 >/dev/null

create() {  # TOPIC
  "$kexp" topics create --servers "$KAFKA_SERVERS" --input-topic "$1" --output-topic answers --partitions "$partitions" >/dev/null
}

# With the settings of kexp's producer that matter for speed, and with librdkafka's own.
run_bare() {  # COUNT MB_PER_S
  "$root/scripts/bench/feed_cost.py" other "bare librdkafka" "$work/results" \
    "$bare" "$KAFKA_SERVERS" bare "$partitions" "$image_bytes" "$1" "$2" max.in.flight=2 socket.nagle.disable=true
}
run_bare_defaults() {
  "$root/scripts/bench/feed_cost.py" other "bare librdkafka, its defaults" "$work/results" \
    "$bare" "$KAFKA_SERVERS" bare-defaults "$partitions" "$image_bytes" "$1" "$2"
}

run_kexp() {  # FLAGS OF THE LOAD...
  rm -rf -- "$work/run"
  "$root/scripts/bench/feed_cost.py" kexp "$work/results" "$work/run" \
    "$kexp" feed --servers "$KAFKA_SERVERS" --topic kexp --dataset "$work/images.h5" --run "$work/run" "$@"
}

run_python() {  # COUNT MB_PER_S
  "$root/scripts/bench/feed_cost.py" other "Python, flush after each" "$work/results" \
    "$python" "$root/tests/bench/python_feeder.py" "$KAFKA_SERVERS" python "$work/images.h5" "$1" "$2"
}

eval "$("$root/scripts/local-kafka.sh" start --dir "$work/kafka" --port 0 2>/dev/null)"
for topic in bare bare-defaults kexp python; do create "$topic"; done
"$bare" "$KAFKA_SERVERS" bare "$partitions" "$image_bytes" 3000 0 >/dev/null  # the broker's compilers warm up
for ((i = 1; i <= repetitions; ++i)); do
  say "repetition $i of $repetitions"
  if [ "$mode" = rate ]; then
    count=$((mbps * 1000000 * seconds / image_bytes))
    run_bare "$count" "$mbps" & bare_job=$!
    run_python "$count" "$mbps" & python_job=$!
    run_kexp --profile constant --max-mbps "$mbps" --duration "$seconds"
    wait "$bare_job"
    wait "$python_job"
  else
    count=$((mb * 1000000 / image_bytes))
    load=(--profile burst --count "$count" --force)
    if ((i % 2)); then run_bare "$count" 0; run_kexp "${load[@]}"; else run_kexp "${load[@]}"; run_bare "$count" 0; fi
    run_bare_defaults "$count" 0
    run_python "$((count / 5))" 0
  fi
done
"$root/scripts/bench/feed_cost.py" table "$work/results"
