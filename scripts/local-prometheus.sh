#!/usr/bin/env bash
# A real Prometheus and node exporter for one machine, on 127.0.0.1 only. Nothing is installed: the programs on PATH are used,
# else Debian's, unpacked into the cache.
#
#   local-prometheus.sh start|stop|status|reset [options]
#
#   --dir DIR                  data, logs, pids, chosen ports  [${XDG_STATE_HOME:-~/.local/state}/kexp/prometheus]
#   --port N                   0: any free one; remembered     [9090]
#   --node-exporter-port N     likewise                        [9100; any free one with --port 0]
#   --kafka-metrics HOST:PORT  what local-kafka.sh printed     [$KAFKA_METRICS, else 127.0.0.1:7071]
#   --scrape-interval S        whole seconds                   [5]
#   --yes                      reset without asking
#
# Scraped: kafka, node, prometheus, and as kexp whatever leaves a target file in $KEXP_SD_DIR [DIR/sd]. start on a running
# Prometheus applies a changed --kafka-metrics, --scrape-interval or KEXP_SD_DIR.
# start prints on stdout, for eval:  PROMETHEUS_URL=http://127.0.0.1:9090  KEXP_SD_DIR=…
# With PROMETHEUS_URL in the environment it starts nothing: one's own Prometheus is used.
# Exit: 0 done; 1 failed; 2 usage; 3 not running, or something needed is missing.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/fetch.sh
. "$here/lib/fetch.sh"
# shellcheck source-path=SCRIPTDIR source=lib/ports.sh
. "$here/lib/ports.sh"

start_seconds=60  # 0.1 s on a quiet machine
stop_seconds=20

usage() { sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

print_settings() {
  echo "PROMETHEUS_URL=http://127.0.0.1:$port"
  echo "KEXP_SD_DIR=$(printf %q "$sd_dir")"
}

write_config() {
  cat >"$dir/prometheus.yml.new" <<END
# Written by local-prometheus.sh at each start.
global:
  scrape_interval: ${interval}s
  scrape_timeout: ${interval}s
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ['127.0.0.1:$port']}]
  - job_name: node
    static_configs: [{targets: ['127.0.0.1:$node_port']}]
  - job_name: kafka
    static_configs: [{targets: ['$kafka_metrics']}]
  - job_name: kexp
    file_sd_configs: [{files: ['$sd_dir/*.json'], refresh_interval: ${interval}s}]
END
}

# apply_config: true when the running Prometheus had to be told of a change.
apply_config() {
  if cmp -s "$dir/prometheus.yml" "$dir/prometheus.yml.new"; then
    rm -f -- "$dir/prometheus.yml.new"
    return 1
  fi
  mv -- "$dir/prometheus.yml.new" "$dir/prometheus.yml"
}

# start_service NAME PORT PATH COMMAND...: launches it and waits until it answers 200 on PATH.
start_service() {
  local name=$1 service_port=$2 path=$3
  shift 3
  : >"$dir/$name.log"  # one run's log: it is shown when the service dies
  started+=("$name")
  launch "$name" "$@"
  if ! wait_for_service "$name" "$start_seconds" "$name to answer on 127.0.0.1:$service_port" http_ok "$service_port" "$path"; then
    log_tail "$name"
    pid_alive "$(<"$dir/$name.pid")" || die 1 "$name ended while starting; its log: $dir/$name.log"
    die 3 "$name did not answer on port $service_port within $start_seconds s; its log: $dir/$name.log"
  fi
}

start() {
  local pid node_pid prometheus node_exporter
  started=()
  mkdir -p -- "$sd_dir" 2>/dev/null || die 1 "cannot create $sd_dir"
  pid=$(service_pid prometheus) || drop_stale prometheus
  node_pid=$(service_pid node-exporter) || drop_stale node-exporter
  if [ -n "$pid" ]; then
    load_ports port node_port
    [[ ${port_flag:-0} == 0 || $port_flag == "$port" ]] || die 1 "Prometheus is already running on port $port (pid $pid), not $port_flag: stop it first"
    [[ ${node_flag:-0} == 0 || $node_flag == "$node_port" ]] || die 1 "the node exporter is already running on port $node_port, not $node_flag: stop it first"
  else
    load_ports port node_port
    choose_two_ports "$port_flag" 9090 node_port "$node_flag" 9100
    require_port_free Prometheus "$port" "choose another by --port (0: any)"
  fi
  if [ -z "$node_pid" ]; then require_port_free "node exporter" "$node_port" "choose another by --node-exporter-port (0: any)"; fi
  save_ports port node_port
  write_config

  trap 'trap "" INT TERM; stop_all "${started[@]}" || true' EXIT  # a start that failed or was interrupted leaves nothing of its own running
  if [ -z "$node_pid" ]; then
    node_exporter=$(fetch_node_exporter)
    start_service node-exporter "$node_port" /metrics "$node_exporter" "--web.listen-address=127.0.0.1:$node_port"
  fi
  if [ -n "$pid" ]; then
    if apply_config; then
      kill -HUP "$pid"
      say "Prometheus is already running (pid $pid) and reads its changed settings"
    else
      say "Prometheus is already running (pid $pid)"
    fi
  else
    prometheus=$(fetch_prometheus)
    apply_config || true
    # No admin API and no lifecycle API: both are off unless asked for. The web console's files do not exist here.
    start_service prometheus "$port" /-/ready "$prometheus" "--config.file=$dir/prometheus.yml" \
      "--storage.tsdb.path=$dir/data" "--web.listen-address=127.0.0.1:$port"
    say "Prometheus runs on http://127.0.0.1:$port (pid $(<"$dir/prometheus.pid"), data in $dir)"
  fi
  trap - EXIT
  print_settings
}

# stop_all NAME...: false when none of them was running. They end side by side.
stop_all() {
  local stopped=1 name pid stopping=()
  for name in "$@"; do
    stop_service "$name" "$stop_seconds" &
    stopping+=($!)
  done
  for pid in "${stopping[@]}"; do
    if wait "$pid"; then stopped=0; fi
  done
  return "$stopped"
}

stop() {
  if [ -d "$dir" ] && stop_all prometheus node-exporter; then say "Prometheus and node exporter stopped"; else say "Prometheus was not running"; fi
}

status() {
  local pid
  pid=$(service_pid prometheus) || die 3 "Prometheus is not running ($dir)"
  service_pid node-exporter >/dev/null || die 3 "Prometheus (pid $pid) runs, the node exporter does not: start again"
  load_ports port node_port
  http_ok "$port" /-/ready || die 3 "Prometheus (pid $pid) runs but does not answer on port $port"
  say "Prometheus runs (pid $pid, data in $dir)"
  print_settings
}

reset() {
  if [ -d "$dir/data" ]; then
    say "this deletes every sample in $dir/data ($(du -sh "$dir/data" | cut -f1))"
    confirm "$yes" "Delete them?"
  fi
  stop
  rm -rf -- "$dir/data"
  start
}

[ $# -ge 1 ] || { usage >&2; exit 2; }
verb=$1
shift
dir=${XDG_STATE_HOME:-$HOME/.local/state}/kexp/prometheus
port_flag='' node_flag='' yes='' port='' node_port='' interval=5 kafka_metrics=${KAFKA_METRICS:-127.0.0.1:7071}
case $verb in
  start | stop | status | reset) ;;
  -h | --help) usage; exit 0 ;;
  *) die 2 "start, stop, status or reset, not '$verb' (--help)" ;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --dir | --port | --node-exporter-port | --kafka-metrics | --scrape-interval) [ $# -ge 2 ] || die 2 "$1 needs a value" ;;&
    --dir) dir=$2; shift ;;
    --port) check_port_flag "$1" "$2"; port_flag=$2; shift ;;
    --node-exporter-port) check_port_flag "$1" "$2"; node_flag=$2; shift ;;
    --kafka-metrics) kafka_metrics=$2; shift ;;
    --scrape-interval)
      [[ $2 =~ ^[1-9][0-9]{0,3}s?$ ]] || die 2 "$1 must be whole seconds from 1, got '$2'"
      interval=${2%s}
      shift
      ;;
    --yes) yes=1 ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown option '$1' (--help)" ;;
  esac
  shift
done
[[ $kafka_metrics =~ ^[][A-Za-z0-9.:_-]+:[0-9]+$ ]] || die 2 "--kafka-metrics must be HOST:PORT, got '$kafka_metrics'"
dir=$(state_dir "$dir")
sd_dir=$(state_dir "${KEXP_SD_DIR:-$dir/sd}")

if [ -n "${PROMETHEUS_URL:-}" ] && [ "$verb" = start ]; then
  say "PROMETHEUS_URL is set: using $PROMETHEUS_URL, starting nothing"
  echo "PROMETHEUS_URL=$PROMETHEUS_URL"
  exit 0
fi
[ "$verb" != reset ] || [ -z "${PROMETHEUS_URL:-}" ] || die 2 "PROMETHEUS_URL is set, and reset is for the local Prometheus: unset it first"
case $verb in start | reset) prepare_dir "$dir" 64 ;; esac
# One at a time for a folder; a second start waits, then finds Prometheus running.
if [ -d "$dir" ] && [ "$verb" != status ]; then lock "$dir/lock" 120; fi
"$verb"
