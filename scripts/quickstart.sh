#!/usr/bin/env bash
# The whole main job on one machine, with real parts: images → Kafka → YOLO → results → metrics. Installs what is missing, builds,
# starts a local Kafka and Prometheus, plays one compressed day, and ends with a table, the files and an annotated image.
#
#   quickstart.sh [--images DIR | --video FILE] [--duration S] [--seed N] [--consumers N] [--run DIR] [--keep] [--no-install]
#
#   --images DIR    one's own pictures  [frames of a street scene out of Debian's opencv-doc]
#   --video FILE    frames of one's own video
#   --duration S    seconds that the day is compressed into  [60]
#   --seed N        order of the images  [1]
#   --consumers N   YOLO consumers on this machine  [2]
#   --run DIR       run directory  [a new one below runs/]
#   --keep          leave Kafka and Prometheus running at the end
#   --no-install    packages are there already
#
# KAFKA_SERVERS and PROMETHEUS_URL point it at one's own, KEXP_BINARY at a binary that is built already. Ctrl-C, or a TERM, at any moment stops everything it started.
# Exit: 0 the run was sound; 5 it was not; 1 to 3 something did not work; 130 interrupted.
# shellcheck disable=SC2317  # functions are called by traps and by wait_for
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/fetch.sh
. "$here/lib/fetch.sh"
root=$(cd -- "$here/.." && pwd)

usage() { sed -n '2,/^# shellcheck/{/^# shellcheck/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

images='' video='' duration=60 seed=1 consumers=2 run='' keep='' install=1
while (($#)); do
  case $1 in
    --images) needs "a folder" "$@"; images=$(realpath -m -- "$2"); shift ;;
    --video) needs "a file" "$@"; video=$(realpath -m -- "$2"); shift ;;
    --duration) needs "seconds" "$@"; duration=$2; shift ;;
    --seed) needs "a number" "$@"; seed=$2; shift ;;
    --consumers) needs "a number" "$@"; consumers=$2; shift ;;
    --run) needs "a folder" "$@"; run=$(realpath -m -- "$2"); shift ;;
    --keep) keep=1 ;;
    --no-install) install='' ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown option '$1' (--help)" ;;
  esac
  shift
done
[[ $duration =~ ^[1-9][0-9]*$ ]] || die 2 "--duration must be whole seconds above 0, got '$duration'"
[[ $consumers =~ ^[1-9][0-9]?$ ]] || die 2 "--consumers must be 1 to 99, got '$consumers'"
[[ $seed =~ ^[0-9]+$ ]] || die 2 "--seed must be a whole number, got '$seed'"
[ -z "$images" ] || [ -z "$video" ] || die 2 "--images and --video both give the pictures: give one"

# ---- what would be found only after minutes of installing and building

is_empty() { [ -z "$(find "$1" -mindepth 1 -print -quit)" ]; }
[ -z "$images" ] || [ -d "$images" ] || die 2 "--images: there is no folder $images"
[ -z "$images" ] || [ -n "$(find -L "$images" -maxdepth 1 -type f -print -quit)" ] || die 2 "--images: there are no files in $images"
[ -z "$video" ] || { [ -f "$video" ] && [ -r "$video" ]; } || die 2 "--video: there is no file $video that can be read"
[ -z "$run" ] || [ ! -e "$run" ] || { [ -d "$run" ] && is_empty "$run"; } || die 2 "--run: $run is there already; give a new folder"
[ -z "${KEXP_BINARY:-}" ] || { [ -f "$KEXP_BINARY" ] && [ -x "$KEXP_BINARY" ]; } || die 2 "KEXP_BINARY: there is no program $KEXP_BINARY"
[ -z "${KEXP_BINARY:-}" ] || KEXP_BINARY=$(realpath -- "$KEXP_BINARY")

# One server that answers is enough: it tells of the others.
kafka_answers() {
  local server servers
  IFS=', ' read -ra servers <<<"$KAFKA_SERVERS"
  for server in "${servers[@]}"; do
    if tcp_answers KAFKA_SERVERS "${server#*://}" 9092; then return; fi
  done
  die 3 "KAFKA_SERVERS: nothing answers on $KAFKA_SERVERS (unset, a local Kafka is started)"
}
prometheus_answers() {
  local url urls default_port authority
  IFS=', ' read -ra urls <<<"$PROMETHEUS_URL"
  for url in "${urls[@]}"; do
    case $url in
      http://*) default_port=80 ;;
      https://*) default_port=443 ;;
      *) die 2 "PROMETHEUS_URL must be like http://HOST:9090, got '$url'" ;;
    esac
    authority=${url#*://}
    authority=${authority%%/*}
    tcp_answers PROMETHEUS_URL "${authority##*@}" "$default_port" ||
      die 3 "PROMETHEUS_URL: nothing answers on ${authority##*@} (unset, a local Prometheus is started)"
  done
}
[ -z "${KAFKA_SERVERS:-}" ] || kafka_answers
[ -z "${PROMETHEUS_URL:-}" ] || prometheus_answers

# ---- what was started here is stopped here, whatever happens

services=()   # "script folder" of what stop_all stops
serving=''    # their names
# own_session COMMAND...: becomes it, beyond the reach of a Ctrl-C: stop_all passes that on, once.
own_session() {
  trap - EXIT INT TERM
  close_inherited
  exec setsid "$@" </dev/null
}
# end_session SIGNAL PID: all of it; while it is being made it is that process alone.
end_session() { kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null || true; }
# attend COMMAND...: runs it to its end. In the foreground a signal for this script alone would be heard only then.
attend() {
  own_session "$@" &
  wait $!
}
stop_all() {
  local code=$? pid service sessions
  # Also for what is called here: a second Ctrl-C, or one that ended the reader of our output, would leave Kafka running.
  trap '' INT TERM HUP PIPE
  trap - EXIT
  [ -z "$serving" ] || say "stopping $serving (a moment)" || true
  sessions=$(jobs -rp)
  for pid in $sessions; do end_session TERM "$pid"; done
  for pid in $sessions; do
    wait_for 15 "process $pid to end" pid_dead "$pid" || end_session KILL "$pid"
  done
  for service in "${services[@]}"; do
    "$here/${service%% *}" stop --dir "${service#* }" >/dev/null 2>&1 &
  done
  wait
  exit "$code"
}
interrupted() {
  trap '' INT TERM PIPE
  die 130 "interrupted"
}
trap stop_all EXIT
trap interrupted INT TERM

# ---- build

build_product() {
  # What the preset "release" says, for a CMake that does not know presets yet.
  attend cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release && attend cmake --build build/release --target kexp_product
}
# Of Ninja's output on stdin, one line in 20 s.
tell_steps() {
  local line next=0
  while read -r line; do
    if ((SECONDS >= next)) && [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      say "building: step ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
      next=$((SECONDS + 20))
    fi
  done
}

[ -z "$install" ] || "$here/bootstrap.sh"
cd -- "$root"
kexp=${KEXP_BINARY:-$root/build/release/bin/kexp}
if [ -z "${KEXP_BINARY:-}" ]; then
  build_log=$root/build/quickstart-build.log
  say "building, the first time about 4 minutes on 2 cores; its log: $build_log"
  mkdir -p build
  exec {building}> >(tee "$build_log" | tell_steps)  # not in a pipe: this shell has to know what it started
  teller=$! built=1
  build_product >&"$building" 2>&1 || built=''
  exec {building}>&-
  wait "$teller"
  [ -n "$built" ] || { tail -n 30 "$build_log" >&2; die 1 "the build failed; its log: $build_log"; }
fi

# ---- Kafka and Prometheus

state=${XDG_STATE_HOME:-$HOME/.local/state}/kexp/quickstart
mkdir -p "$state"
lock "$state/.lock" 1
port_or_any() { if port_free "$1"; then echo "$1"; else echo 0; fi; }

if [ -z "${KAFKA_SERVERS:-}" ]; then
  services+=("local-kafka.sh $state/kafka")
  serving=Kafka
  settings=$("$here/local-kafka.sh" start --dir "$state/kafka" --port "$(port_or_any 9092)" --metrics-port 0 --rebalance-delay 3000)
  eval "$settings"
  export KAFKA_SERVERS KAFKA_METRICS
fi
if [ -z "${PROMETHEUS_URL:-}" ]; then
  services+=("local-prometheus.sh $state/prometheus")
  serving+=${serving:+ and }Prometheus
  settings=$("$here/local-prometheus.sh" start --dir "$state/prometheus" --port "$(port_or_any 9090)" --node-exporter-port 0)
  eval "$settings"
  export PROMETHEUS_URL
fi
export KEXP_SD_DIR=${KEXP_SD_DIR:-$state/sd}
mkdir -p "$KEXP_SD_DIR"

# ---- model, images, topics

model=yolov3-tiny
attend "$kexp" model get "$model" >&2
work=$state/work
rm -rf -- "$work"
mkdir -p "$work"
dataset=$work/images.hdf5
if [ -n "$images" ]; then
  attend "$kexp" dataset make --out "$dataset" --images "$images" >&2
else
  video=${video:-$(fetch_vtest)}
  attend "$kexp" dataset make --out "$dataset" --video "$video" --count 60 --every 10 --encode jpeg >&2
fi
partitions=$((consumers * 2))
# Topics of our own: on a broker that is in use nobody else's are touched.
export KAFKA_INPUT_TOPIC=kexp_quickstart_input KAFKA_OUTPUT_TOPIC=kexp_quickstart_output
"$kexp" topics create --partitions "$partitions" --reset --force --yes >&2

# ---- consumers

# spawn NAME COMMAND...: beside this script, until stop_all ends it.
spawn() {
  local name=$1
  shift
  own_session "$@" >"$work/$name.out" 2>"$work/$name.log" &
}
port_of() {  # PID: of its metrics, from the file that it leaves for Prometheus
  sed -n 's/.*"127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$KEXP_SD_DIR/$1.json" 2>/dev/null
}
is_ready() {  # PID
  local port
  port=$(port_of "$1")
  [ -n "$port" ] && http_ok "$port" /readyz
}
all_ready() {
  local pid
  for pid in "${consuming[@]}"; do
    pid_alive "$pid" || die 1 "a consumer ended: $(tail -n 3 "$work"/consumer-*.log)"
    is_ready "$pid" || return 1
  done
}
consuming=()
for ((i = 1; i <= consumers; ++i)); do
  # Lower priority than the feeder, which shares this machine and must be on time.
  POD_NAME=consumer-$i spawn "consumer-$i" nice -n 10 "$kexp" consume --model "$model" --threads 1 --metrics-port 0
  consuming+=($!)
done
wait_for 90 "$consumers consumers with partitions" all_ready || die 3 "the consumers did not become ready: $work/consumer-*.log"

# ---- the peak that this machine can serve

max_mbps=''
# Feeds a burst, measures how long the consumers take for it, and sets max_mbps.
measure() {
  local count=40 start end
  start=$(date +%s%N)
  attend "$kexp" feed --profile burst --count "$count" --topic "$KAFKA_INPUT_TOPIC" --dataset "$dataset" --run "$work/warmup" --metrics-port 0 >"$work/warmup.out" 2>"$work/warmup.log" || return
  attend "$kexp" topics lag --until-zero --timeout 120 >"$work/warmup.lag" || return
  end=$(date +%s%N)
  # Six tenths of what a burst was served at, as MB/s: the day's mean is half of its peak.
  max_mbps=$(awk -v per_mb="$("$kexp" dataset info "$dataset" --json | sed -n 's/.*"images_per_s_at_1_mbps": *\([0-9.]*\).*/\1/p')" \
    -v count="$count" -v ns="$((end - start))" 'BEGIN {printf "%.4f", 0.6 * count / (ns / 1e9) / per_mb}')
}
say "measuring what this machine can serve"
measure || { cat "$work"/warmup.log "$work"/consumer-*.log >&2; die 1 "the measuring run failed"; }

# ---- the day

run=${run:-$root/runs/$(date -u +%Y%m%dT%H%M%SZ)-quickstart}
# From here on: what the topic holds so far are the answers to the measuring.
spawn track "$kexp" track --run "$run" --from latest --until-complete --timeout 120 --metrics-port 0
tracker=$!
tracker_joined() { [ -e "$run/track.json" ] || pid_dead "$tracker"; }  # it knows by then where the topic ended
wait_for 30 "the tracker to join the run" tracker_joined || die 3 "the tracker did not start: $work/track.log"
pid_alive "$tracker" || die 1 "the tracker ended: $(tail -n 3 "$work/track.log")"
say "one day in $duration s at a peak of $max_mbps MB/s"
code=0
attend "$kexp" feed --max_mbps "$max_mbps" --duration "$duration" --breakpoints 48 --n_cycles 1 --shuffle --seed "$seed" \
  --topic "$KAFKA_INPUT_TOPIC" --dataset "$dataset" --run "$run" >"$work/feed.out" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || die "$code" "the feed failed"
attend "$kexp" topics lag --until-zero --timeout 120 >"$work/lag.out" || die 1 "the consumers did not come to an end: $work/consumer-*.log"
wait "$tracker" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || { cat "$work/track.log" >&2; die "$code" "the tracker failed"; }

# ---- the metrics, and a picture

attend "$kexp" extract --run "$run" >"$work/extract.out"
"$kexp" dataset export "$dataset" --count 1 --out "$work/image" >&2
attend "$kexp" model check "$model" --images "$work/image" --annotate "$run/annotated" >"$work/check.out"

cat "$work/track.out"
echo
cat "$work/extract.out"
echo
echo "files:"
(cd "$run" && find . -maxdepth 2 -not -name '.*' -not -path './metrics/samples*' \( -type f -o -name metrics \) | sort | sed "s|^\.|  $run|")
if [ -n "$keep" ]; then
  services=() serving=''
  say "left running: KAFKA_SERVERS=$KAFKA_SERVERS PROMETHEUS_URL=$PROMETHEUS_URL; to stop: scripts/local-kafka.sh stop --dir $state/kafka, scripts/local-prometheus.sh stop --dir $state/prometheus"
fi
exit "$code"
