#!/usr/bin/env bash
# Checks that this machine is the node of the cluster file and fit to measure energy. Changes nothing.
#
#   preflight.sh [--node NAME]
#
# One line a check: ok, warn or FAIL, what was seen, the cure. Exit 1 when one has failed. As root: since 2020 the energy
# counters are root's alone.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/node-lib.sh"

name=$(host hostname)
case ${1:-} in
  "") ;;
  --node) [ $# -ge 2 ] || die 2 "--node needs a name"; name=$2 ;;
  *) usage ;;
esac
need_root
load_settings node.env
find_node "$name"

failures=0
warnings=0
line() { printf '%-4s  %-10s  %s\n' "$1" "$2" "$3"; }
ok() { line ok "$@"; }
warn() { line warn "$@"; warnings=$((warnings + 1)); }
fail() { line FAIL "$@"; failures=$((failures + 1)); }

joined() { [ -e "$root/etc/kubernetes/kubelet.conf" ]; }

# ---- who this is

identity() {
  local hostname
  hostname=$(host hostname)
  if [ "$hostname" = "$node" ]; then
    ok name "$node ($role)"
  else
    warn name "the host name is '$hostname', Kubernetes will say $node: hostnamectl hostname $node"
  fi
  if host ip -4 -o address show | awk '{print $4}' | grep -q "^${address//./\\.}/"; then
    ok address "$address"
  else
    fail address "no interface has $address, which cluster.yaml gives $node: correct the file or the interface"
  fi
}

# ---- networks that the cluster is to have must not be in use

to_number() { local a b c d; IFS=. read -r a b c d <<<"$1"; echo $(((a << 24) + (b << 16) + (c << 8) + d)); }
overlap() {  # CIDR CIDR
  local first=${1#*/} second=${2#*/} bits
  bits=$((first < second ? first : second))
  (((bits == 0) || ($(to_number "${1%/*}") >> (32 - bits)) == ($(to_number "${2%/*}") >> (32 - bits))))
}

networks() {
  local route interface network taken=
  joined && return
  while read -r route interface; do
    case $route in *.*) ;; *) continue ;; esac
    [[ $route == */* ]] || route=$route/32
    for network in "$POD_NETWORK" "$SERVICE_NETWORK"; do
      if overlap "$route" "$network"; then taken+=" $route on $interface is in $network;"; fi
    done
  done < <(host ip -4 route show | awk '{device = "?"; for (i = 1; i < NF; i++) if ($i == "dev") device = $(i + 1); print $1, device}')
  if [ -z "$taken" ]; then
    ok networks "pods $POD_NETWORK and services $SERVICE_NETWORK are free"
  else
    fail networks "in use:$taken choose others in cluster.yaml (networks.pods, networks.services)"
  fi
}

# ---- kernel

kernel() {
  local release major minor module
  release=$(cat -- "$root/proc/sys/kernel/osrelease")
  IFS=.- read -r major minor _ <<<"$release"
  if ((major > 5 || (major == 5 && minor >= 10))); then ok kernel "$release"; else fail kernel "$release is older than 5.10"; fi
  if [ -e "$root/sys/fs/cgroup/cgroup.controllers" ]; then
    ok cgroup "v2"
  else
    fail cgroup "v1, which Kubernetes refuses: remove systemd.unified_cgroup_hierarchy=0 from the kernel's command line"
  fi
  for module in overlay br_netfilter; do
    [ -d "$root/sys/module/$module" ] || fail module "$module is not loaded: prepare-node.sh"
  done
  if [ "$(cat -- "$root/proc/sys/net/ipv4/ip_forward")" = 1 ]; then ok forward "on"; else fail forward "net.ipv4.ip_forward is 0: prepare-node.sh"; fi
}

swap() {
  local devices
  devices=$(sed 1d "$root/proc/swaps" | awk '{print $1}')
  if [ -n "$devices" ]; then
    fail swap "on: ${devices//$'\n'/, }: prepare-node.sh"
  elif awk '!/^[[:space:]]*#/ && $3 == "swap" {found = 1} END {exit !found}' "$root/etc/fstab" 2>/dev/null; then
    fail swap "off, but /etc/fstab would switch it on at the next boot: prepare-node.sh"
  else
    ok swap "off"
  fi
}

clock() {
  local tracking offset
  tracking=$(host chronyc -n tracking 2>/dev/null || true)
  offset=$(awk -F': *' '/^System time/ {split($2, words, " "); print words[1]}' <<<"$tracking")
  if ! grep -Eq '^Leap status *: *(Normal|Insert|Delete)' <<<"$tracking"; then
    fail clock "chrony is not synchronised, so joules of several nodes cannot be compared: systemctl status chrony, chronyc sources"
  elif awk -v offset="$offset" 'BEGIN {exit !(offset > 0.01)}'; then
    warn clock "off by $offset s: wait for chrony, or chronyc makestep"
  else
    ok clock "chrony, off by $offset s"
  fi
}

# ---- CPU and memory, as cluster.yaml counts on them

processors() {
  local online wanted=$((WORKER_CPUS / 1000)) siblings
  online=$(expand_cpus "$(cat -- "$cpus/online")" | wc -l)
  if [ "$role" != worker ] || [ "$online" = "$wanted" ]; then
    ok cpus "$online online"
  elif [ "$online" -lt "$wanted" ]; then
    fail cpus "$online online, cluster.yaml counts on $wanted (nodes.cpus)"
  else
    warn cpus "$online online, cluster.yaml knows of $wanted (nodes.cpus)"
  fi
  if [ -n "$RESERVED_CPUS" ]; then
    siblings=$(expand_cpus "$(cat -- "$cpus/cpu0/topology/thread_siblings_list")" | paste -sd,)
    [ "$siblings" = "$RESERVED_CPUS" ] || fail reserved "20-kubeadm reserves CPU $RESERVED_CPUS for the system, but the first core is CPU $siblings: nodes.cpu_control.smt: false, or correct reservedSystemCPUs"
  fi
}

memory() {
  local bytes
  bytes=$(($(awk '$1 == "MemTotal:" {print $2}' "$root/proc/meminfo") * 1024))
  # The kernel and the graphics keep some of what is built in.
  if [ "$role" = worker ] && ((bytes * 10 < WORKER_MEMORY * 9)); then
    fail memory "$((bytes >> 20)) MiB, cluster.yaml counts on $((WORKER_MEMORY >> 20)) MiB (nodes.memory)"
  else
    ok memory "$((bytes >> 20)) MiB"
  fi
}

cpu_control() {
  local differences
  if differences=$("$here/cpu-control.sh" check 2>&1); then
    ok control "governor $CPU_GOVERNOR, turbo $CPU_TURBO, hyper-threading $CPU_SMT"
  else
    fail control "$(head -n 1 <<<"${differences#cpu-control.sh: }") ($(wc -l <<<"$differences") in all): cpu-control.sh apply"
  fi
}

# ---- energy counters: Kepler reads the same; one that stands still would give joules that are made up

zones() { for zone in "$root"/sys/class/powercap/intel-rapl:*; do if [ -e "$zone/energy_uj" ]; then echo "$zone"; fi; done; }
read_zones() { while read -r zone; do printf '%s %s %s\n' "$(cat -- "$zone/name")" "$(cat -- "$zone/energy_uj" || echo unreadable)" "${zone##*/}"; done < <(zones) 2>/dev/null; }

rapl() {
  local first second still text limits
  first=$(read_zones)
  if [ -z "$first" ]; then
    fail rapl "no energy counters: a virtual machine, or modprobe intel_rapl_msr is needed; Kepler would have nothing to read"
    return
  fi
  host sleep 1
  second=$(read_zones)
  text=$(paste -d ' ' <(echo "$first") <(echo "$second") | awk '{
    watts = ($5 - $2) / 1e6; printf "%s%s %s", sep, $1, ($5 < $2 ? "(wrapped)" : sprintf("%.1f W", watts)); sep = ", "}')
  # Zones inside the package may rest (graphics, memory); the package itself never does.
  still=$(paste -d ' ' <(echo "$first") <(echo "$second") | awk '$1 ~ /^package/ {n++; if ($2 == $5) print $1} END {if (!n) print "package"}')
  if [ -n "$still" ]; then
    fail rapl "zone $still does not count: $text"
  else
    ok rapl "$text"
  fi
  limits=$(for zone in "$root"/sys/class/powercap/intel-rapl:0/constraint_*_power_limit_uw; do
    if [ -r "$zone" ]; then printf ' %s %s W' "$(cat -- "${zone%_power_limit_uw}_name")" "$(($(cat -- "$zone") / 1000000))"; fi
  done)
  [ -z "$limits" ] || ok limits "${limits# }"
}

# Pods that infer on the graphics need this group's number (supplementalGroups).
render_group() {
  local gid
  gid=$(awk -F: '$1 == "render" {print $3}' "$root/etc/group")
  if [ -n "$gid" ]; then ok render "group $gid"; else ok render "no such group: inference on the CPU alone"; fi
}

# ---- software

software() {
  local version program
  for program in kubelet kubeadm kubectl; do
    version=$(package_version "$program")
    [[ $version == "$KUBERNETES_VERSION"-* ]] || fail packages "$program is ${version:-missing}, cluster.yaml asks for $KUBERNETES_VERSION: prepare-node.sh"
  done
  version=$(host containerd --version 2>/dev/null | awk '{print $3}')
  case ${version#v} in
    2.*) ok containerd "$version" ;;
    *) fail containerd "${version:-missing}, Kubernetes ${KUBERNETES_VERSION%.*} needs 2.x: prepare-node.sh" ;;
  esac
  unit_is active containerd || fail containerd "is not running: systemctl status containerd"
  grep -Eqs '^[[:space:]]*SystemdCgroup = true' "$root/etc/containerd/config.toml" ||
    fail containerd "/etc/containerd/config.toml does not say SystemdCgroup = true: prepare-node.sh"
}

# listening PORT: 0A is LISTEN in the kernel's tables.
listening() { cat -- "$root/proc/net/tcp" "$root/proc/net/tcp6" 2>/dev/null | awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port {found = 1} END {exit !found}'; }

ports() {
  local port taken=() wanted="10249 10250 10256 179 9100"
  if joined; then
    ok ports "not checked: this node is in a cluster"
    return
  fi
  [ "$role" != infra ] || wanted="$wanted 6443 2379 2380 10257 10259 $KAFKA_PORTS"
  for port in $wanted; do if listening "$port"; then taken+=("$port"); fi; done
  if [ "${#taken[@]}" -eq 0 ]; then
    ok ports "free: $wanted"
  else
    fail ports "in use: ${taken[*]}: ss -ltnp says by whom"
  fi
}

cpus=$root/sys/devices/system/cpu
identity
networks
kernel
swap
clock
processors
memory
cpu_control
rapl
render_group
software
ports
echo "$node: $failures failed, $warnings warnings"
[ "$failures" -eq 0 ]
