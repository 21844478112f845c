#!/usr/bin/env bash
# What scraping costs an idle broker: its CPU time over a while, per way of scraping, each on a broker of its own with an
# experiment's two topics. The figures stand in docs/benchmarks.md.
#
#   kafka-idle-cpu.sh [SECONDS]    measured time per row [60], after as long a time to settle (at most 30 s)
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die 2 "usage: kafka-idle-cpu.sh [SECONDS]"
unset KAFKA_SERVERS  # it is the local one that is measured
scratch=$(mktemp -d)
scraper=''
stop() {
  if [ -n "$scraper" ]; then kill "$scraper" 2>/dev/null || true; fi
  scraper=''
  "$root/scripts/local-kafka.sh" stop --dir "$scratch/kafka" 2>/dev/null || true
  rm -rf -- "$scratch/kafka"
}
trap 'stop; rm -rf -- "$scratch"' EXIT
printf 'lowercaseOutputName: true\nrules: [{pattern: ".*"}]\n' >"$scratch/everything.yml"

# User and system time of process PID, in milliseconds. The name before ")" may hold spaces.
cpu_ms() { sed 's/.*) //' "/proc/$1/stat" | awk -v hz="$(getconf CLK_TCK)" '{print int(($12 + $13) * 1000 / hz)}'; }

scrape() {  # HOST:PORT
  exec 3<>"/dev/tcp/${1%:*}/${1#*:}"
  printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
  cat <&3
  exec 3>&-
}

measure() {  # LABEL CONFIG INTERVAL (0: none)
  local begin cpu samples=- took=-
  eval "$(KEXP_JMX_CONFIG=$2 "$root/scripts/local-kafka.sh" start --dir "$scratch/kafka" --port 0 2>/dev/null)"
  PYTHONPATH=$root/tests/support PYTHONDONTWRITEBYTECODE=1 python3 -c 'import sys, kexp_test
for topic, partitions in (("yolo_input", 10), ("yolo_output", 1)): kexp_test.create_topic(sys.argv[1], topic, partitions)' "$KAFKA_SERVERS"
  if (($3)); then
    while sleep "$3"; do scrape "$KAFKA_METRICS" >"$scratch/scraped"; done &
    scraper=$!
  fi
  sleep "$((seconds < 30 ? seconds : 30))"
  cpu=$(cpu_ms "$KAFKA_PID")
  begin=$(date +%s%3N)
  sleep "$seconds"
  cpu=$(($(cpu_ms "$KAFKA_PID") - cpu))
  begin=$(($(date +%s%3N) - begin))
  if (($3)); then
    kill "$scraper"
    scraper=''
    took=$(date +%s%3N)
    scrape "$KAFKA_METRICS" >"$scratch/scraped"
    took=$(($(date +%s%3N) - took))
    samples=$(grep -c '^[a-z]' "$scratch/scraped")
  fi
  awk -v label="$1" -v cpu="$cpu" -v wall="$begin" -v samples="$samples" -v took="$took" -v rss="$(awk '/^VmRSS/ {print $2}' "/proc/$KAFKA_PID/status")" \
    'BEGIN {printf "| %s | %.2f | %s | %s | %.0f |\n", label, 100 * cpu / wall, samples, took, rss / 1024}'
  stop
}

echo "| scraping | broker CPU, % of a core | samples | last scrape, ms | RSS, MiB |"
echo "|---|---|---|---|---|"
measure "none" "$root/scripts/lib/kafka/jmx.yml" 0
measure "allow-list, every 5 s" "$root/scripts/lib/kafka/jmx.yml" 5
measure "allow-list, every 1 s" "$root/scripts/lib/kafka/jmx.yml" 1
measure "everything, every 5 s" "$scratch/everything.yml" 5
measure "everything, every 1 s" "$scratch/everything.yml" 1
