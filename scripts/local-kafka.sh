#!/usr/bin/env bash
# A real Kafka 4.3.1 for one machine: one KRaft node, on 127.0.0.1 only, with its metrics over HTTP.
#
#   local-kafka.sh start|stop|status|reset [options]
#
#   --dir DIR             data, log, pid and chosen ports  [${XDG_STATE_HOME:-~/.local/state}/kexp/kafka]
#   --port N              0: any free one; remembered in DIR [9092]
#   --metrics-port N      JMX metrics over HTTP            [7071; any free one with --port 0]
#   --rebalance-delay MS  group.initial.rebalance.delay.ms [3000]; 0 makes tests faster
#   --properties FILE     appended to server.properties, where it wins; {PORT} and {CONTROLLER_PORT} in it are the chosen ports
#   --yes                 reset without asking
#
# start prints on stdout, for eval:  KAFKA_SERVERS=127.0.0.1:9092  KAFKA_METRICS=127.0.0.1:7071  KAFKA_PID=…
# With KAFKA_SERVERS in the environment it starts nothing: one's own Kafka is used.
# KEXP_JMX_CONFIG names another configuration of the JMX agent (scripts/bench/kafka-idle-cpu.sh compares some).
# Exit: 0 done; 1 failed; 2 usage; 3 not running, or something needed is missing.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/fetch.sh
. "$here/lib/fetch.sh"
# shellcheck source-path=SCRIPTDIR source=lib/ports.sh
. "$here/lib/ports.sh"

start_seconds=90  # 4 s on a quiet machine
stop_seconds=20

usage() { sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

java_17() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/}java version
  command -v "$java" >/dev/null || die 3 "Kafka needs Java 17 or newer and there is no $java: apt-get install default-jre-headless"
  version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
  ((${version:-0} >= 17)) || die 3 "Kafka needs Java 17 or newer, $java is ${version:-of unknown version}"
  command -v "$java"
}

# An ApiVersions request (key 18, version 0, correlation 1, no client id) and its answer: accepting connections is not enough.
# shellcheck disable=SC2016  # the inner bash expands it
broker_answers() {
  local bytes
  bytes=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" &&
    printf "\0\0\0\12\0\22\0\0\0\0\0\1\377\377" >&3 && head -c 8 <&3 | wc -c' "$1" 2>/dev/null) || return 1
  [ "$bytes" = 8 ]
}

# broker_up: it answers on the port of DIR/ports, and the metrics do too.
broker_up() { broker_answers "$port" && http_ok "$metrics_port" /metrics; }

print_settings() {
  echo "KAFKA_SERVERS=127.0.0.1:$port"
  echo "KAFKA_METRICS=127.0.0.1:$metrics_port"
  echo "KAFKA_PID=$1"
}

choose_ports() {
  load_ports port metrics_port controller_port
  choose_two_ports "$port_flag" 9092 metrics_port "$metrics_flag" 7071
  require_port_free Kafka "$port" "choose another by --port (0: any)"
  require_port_free metrics "$metrics_port" "choose another by --metrics-port (0: any)"
  # Nobody but the broker itself talks to the controller's port, so it may move.
  if [ -z "$controller_port" ] || ! port_free "$controller_port"; then controller_port=$(free_port 2); fi
  save_ports port metrics_port controller_port
}

write_properties() {
  cat >"$dir/server.properties" <<END
# Written by local-kafka.sh at each start.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data

# Images of up to 15 MB; 16 MiB wherever a size is limited. The last line bounds what waiting requests take of the heap.
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
socket.request.max.bytes=104857600
queued.max.request.bytes=134217728

# A mistyped topic is an error, not a new topic.
auto.create.topics.enable=false

# Tests lose consumers on purpose: allow sessions short enough to see it.
group.min.session.timeout.ms=1000
group.initial.rebalance.delay.ms=$rebalance_delay

# A broker killed hard is let in again once its old session is over: 9 s by default, too long for tests that kill it.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# One node: one copy, few partitions of the internal topics (each costs start time).
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=8388608
END
  if [ -n "$properties" ]; then
    sed "s/{PORT}/$port/g; s/{CONTROLLER_PORT}/$controller_port/g" -- "$properties" >>"$dir/server.properties"
  fi
}

# 128 random bits as Kafka writes them. A leading dash would be taken for a flag, so it is replaced: Kafka avoids it too.
new_cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' '-_' | head -c 22 | sed 's/^-/A/'; }

start() {
  local pid
  if pid=$(service_pid kafka); then
    load_ports port metrics_port
    [[ ${port_flag:-0} == 0 || $port_flag == "$port" ]] || die 1 "Kafka is already running on port $port (pid $pid), not $port_flag: stop it first"
    wait_for_service kafka "$start_seconds" "Kafka on 127.0.0.1:$port" broker_up || die 3 "Kafka (pid $pid) runs but does not answer on port $port"
    say "Kafka is already running (pid $pid)"
    print_settings "$pid"
    return
  fi
  drop_stale kafka

  local java home
  java=$(java_17)
  home=$(fetch_kafka)
  choose_ports
  write_properties
  : >"$dir/kafka.log"  # one run's log: it is shown when the broker dies
  local logging=(-Dorg.slf4j.simpleLogger.showDateTime=true "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX")
  if [ ! -f "$dir/data/meta.properties" ]; then
    "$java" -cp "$home/libs/*" "${logging[@]}" kafka.tools.StorageTool format -c "$dir/server.properties" \
      -t "$(new_cluster_id)" >>"$dir/kafka.log" 2>&1 ||
      { log_tail kafka; die 1 "could not format $dir/data"; }
  fi
  launch kafka "$java" -Xms128m -Xmx512m -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true -Djava.net.preferIPv4Stack=true \
    "-javaagent:$home/libs/jmx_prometheus_javaagent-1.0.1.jar=127.0.0.1:$metrics_port:${KEXP_JMX_CONFIG:-$here/lib/kafka/jmx.yml}" \
    "${logging[@]}" -cp "$home/libs/*" kafka.Kafka "$dir/server.properties"
  trap 'trap "" INT TERM; stop_service kafka 5' EXIT  # a start that failed or was interrupted leaves nothing running
  if ! wait_for_service kafka "$start_seconds" "Kafka to answer on 127.0.0.1:$port (pid $(<"$dir/kafka.pid"))" broker_up; then
    log_tail kafka
    pid_alive "$(<"$dir/kafka.pid")" || die 1 "Kafka ended while starting; its log: $dir/kafka.log"
    die 3 "Kafka did not answer on port $port within $start_seconds s; its log: $dir/kafka.log"
  fi
  trap - EXIT
  pid=$(<"$dir/kafka.pid")
  say "Kafka 4.3.1 runs on 127.0.0.1:$port (pid $pid, data in $dir)"
  print_settings "$pid"
}

stop() {
  if stop_service kafka "$stop_seconds"; then say "Kafka stopped"; else say "Kafka was not running"; fi
}

status() {
  local pid
  pid=$(service_pid kafka) || die 3 "Kafka is not running ($dir)"
  load_ports port metrics_port
  broker_up || die 3 "Kafka (pid $pid) runs but does not answer on port $port"
  say "Kafka runs (pid $pid, data in $dir)"
  print_settings "$pid"
}

reset() {
  if [ -d "$dir/data" ]; then
    say "this deletes $dir/data ($(du -sh "$dir/data" | cut -f1)), with these topics:"
    # Folders are named <topic>-<partition>; the ones with __ are Kafka's own.
    find "$dir/data" -mindepth 1 -maxdepth 1 -type d ! -name '__*' -printf '%f\n' | sed 's/-[0-9]*$//; s/^/  /' | sort | uniq -c >&2
    confirm "$yes" "Delete them?"
  fi
  stop
  rm -rf -- "$dir/data"
  start
}

[ $# -ge 1 ] || { usage >&2; exit 2; }
verb=$1
shift
dir=${XDG_STATE_HOME:-$HOME/.local/state}/kexp/kafka
rebalance_delay=3000 port_flag='' metrics_flag='' properties='' yes='' port='' metrics_port='' controller_port=''
case $verb in
  start | stop | status | reset) ;;
  -h | --help) usage; exit 0 ;;
  *) die 2 "start, stop, status or reset, not '$verb' (--help)" ;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --dir | --port | --metrics-port | --rebalance-delay | --properties) [ $# -ge 2 ] || die 2 "$1 needs a value" ;;&
    --dir) dir=$2; shift ;;
    --port) check_port_flag "$1" "$2"; port_flag=$2; shift ;;
    --metrics-port) check_port_flag "$1" "$2"; metrics_flag=$2; shift ;;
    --rebalance-delay)
      [[ $2 =~ ^[0-9]{1,6}$ ]] || die 2 "$1 must be milliseconds, got '$2'"
      rebalance_delay=$2
      shift
      ;;
    --properties)
      [ -r "$2" ] || die 2 "$1 must be a file that can be read, got '$2'"
      properties=$2
      shift
      ;;
    --yes) yes=1 ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown option '$1' (--help)" ;;
  esac
  shift
done
dir=$(state_dir "$dir")

if [ -n "${KAFKA_SERVERS:-}" ] && [ "$verb" = start ]; then
  say "KAFKA_SERVERS is set: using $KAFKA_SERVERS, starting nothing"
  echo "KAFKA_SERVERS=$KAFKA_SERVERS"
  exit 0
fi
[ "$verb" != reset ] || [ -z "${KAFKA_SERVERS:-}" ] || die 2 "KAFKA_SERVERS is set, and reset is for the local Kafka: unset it first"
case $verb in start | reset) prepare_dir "$dir" 64 ;; esac
# One at a time for a folder; a second start waits, then finds the broker running.
if [ -d "$dir" ] && [ "$verb" != status ]; then lock "$dir/lock" 180; fi
"$verb"
