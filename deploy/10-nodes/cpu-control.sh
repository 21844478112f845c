#!/usr/bin/env bash
# How this node's CPU runs while energy is measured: governor, turbo, hyper-threading, as node.env says.
#
#   cpu-control.sh apply     sets it; what was there before is kept the first time
#   cpu-control.sh check     says what differs; exit 1 then
#   cpu-control.sh restore   sets what was there before
#
# These settings live in the kernel alone, so a reboot would lose them. prepare-node.sh therefore installs this script below
# /usr/local/lib/kexp and starts it at each boot before the kubelet: its CPU manager stops when the CPUs are not those it
# remembers. It works without that too, by hand, on any Linux.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/node-lib.sh"

cpus=$root/sys/devices/system/cpu
before=$state/cpu

differs=no

# want FILE VALUE: FILE of sysfs should say VALUE.
want() {
  local file=$1 value=$2 now
  now=$(cat -- "$file")
  if [ "$now" = "$value" ]; then return; fi
  differs=yes
  if [ "$command" = check ]; then
    say "${file#"$root"} is $now, node.env asks for $value"
    return
  fi
  remember "$file" "$now"
  write "$file" "$value"
}

remember() {  # FILE VALUE
  record cpu control
  grep -Fq -e "${1#"$root"}"$'\t' "$before" 2>/dev/null || printf '%s\t%s\n' "${1#"$root"}" "$2" >>"$before"
}

write() {  # FILE VALUE
  { echo "$2" >"$1"; } 2>/dev/null || die 1 "cannot set ${1#"$root"} to $2: the kernel or the firmware (BIOS) forbids it"
}

# A kubelet that runs has given away CPUs by number; taking some from under it breaks its pods.
refuse_under_kubelet() {
  if [ "$command" != apply ] || [ ! -e "$root/var/lib/kubelet/cpu_manager_state" ] || ! unit_is active kubelet; then return; fi
  die 1 "hyper-threading must change, but the kubelet runs and remembers its CPUs: kubectl drain this node, systemctl stop kubelet, rm /var/lib/kubelet/cpu_manager_state, then again"
}

smt() {
  local control=$cpus/smt/control now
  [ -e "$control" ] || return 0
  now=$(cat -- "$control")
  case $now in
    on | off) ;;
    *) return 0 ;;  # this CPU has none, or the firmware has switched it off
  esac
  [ "$now" = "$CPU_SMT" ] || refuse_under_kubelet
  want "$control" "$CPU_SMT"
}

turbo() {
  if [ -e "$cpus/intel_pstate/no_turbo" ]; then
    want "$cpus/intel_pstate/no_turbo" "$([ "$CPU_TURBO" = on ] && echo 0 || echo 1)"
  elif [ -e "$cpus/cpufreq/boost" ]; then
    want "$cpus/cpufreq/boost" "$([ "$CPU_TURBO" = on ] && echo 1 || echo 0)"
  fi
}

# With intel_pstate the governor "performance" alone fixes no frequency: minimum and maximum do.
frequency() {  # POLICY
  local policy=$1 target
  target=$(cat -- "$policy/cpuinfo_max_freq")
  if [ "$CPU_TURBO" = off ] && [ -e "$policy/base_frequency" ]; then
    target=$(cat -- "$policy/base_frequency")
  fi
  want "$policy/scaling_max_freq" "$target"
  want "$policy/scaling_min_freq" "$target"
}

governor() {
  local policy
  [ "$CPU_GOVERNOR" != keep ] || return 0
  for policy in "$cpus"/cpufreq/policy*; do
    [ -e "$policy/scaling_governor" ] || continue
    want "$policy/scaling_governor" "$CPU_GOVERNOR"
    [ "$CPU_GOVERNOR" != performance ] || frequency "$policy"
  done
}

restore() {
  local file value
  [ -e "$before" ] || return 0
  # The minimum may be above the maximum that is in force: limits are written twice.
  for _ in 1 2; do
    while IFS=$'\t' read -r file value; do
      if [ ! -e "$root$file" ] || [ "$(cat -- "$root$file")" = "$value" ]; then continue; fi
      say "+ $file = $value"
      { echo "$value" >"$root$file"; } 2>/dev/null || say "$file stays $(cat -- "$root$file")"
    done <"$before"
  done
  rm -f -- "$before"
}

command=${1:-}
[ $# -le 1 ] || command=
case $command in
  apply | check)
    [ "$command" = check ] || need_root
    load_settings node.env
    smt  # first: frequencies of CPUs that are off cannot be set
    turbo
    governor
    [ "$command" = apply ] || [ "$differs" = no ]
    ;;
  restore)
    need_root
    restore
    ;;
  *)
    usage
    ;;
esac
