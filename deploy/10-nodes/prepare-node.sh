#!/usr/bin/env bash
# Makes this machine a node that kubeadm can use. Again does no harm.
#
#   prepare-node.sh [--dry-run] [--node NAME]
#
#   --dry-run    says what would change, changes nothing
#   --node NAME  which node of the cluster file this is [the host name]
#
# For Debian and Ubuntu, as root. It
#   installs      containerd, kubelet, kubeadm, kubectl at their versions, and holds them; chrony; Docker on a master with Kafka
#   switches off  swap, ufw, firewalld
#   sets          kernel modules and forwarding, containerd's cgroup driver, what NetworkManager leaves alone, and how the CPU
#                 runs (cpu-control.sh), also after a boot
# undo-node.sh takes back what this has changed, and only that. From the environment:
#   KEXP_CONTAINERD=present                the containerd 2.x that is there, instead of Docker's package
#   KEXP_DOCKER_APT, KEXP_KUBERNETES_APT   a mirror of download.docker.com/linux, of pkgs.k8s.io
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/node-lib.sh"

name=$(host hostname)
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --node) [ $# -ge 2 ] || die 2 "--node needs a name"; name=$2; shift ;;
    *) usage ;;
  esac
  shift
done
need_root
load_settings node.env
find_node "$name"

docker_apt=${KEXP_DOCKER_APT:-https://download.docker.com/linux}
kubernetes_apt=${KEXP_KUBERNETES_APT:-https://pkgs.k8s.io}
minor=${KUBERNETES_VERSION%.*}
library=/usr/local/lib/kexp
written=no

# ---- what cannot be changed from here

check_system() {
  [ -e "$root/etc/debian_version" ] || die 1 "this is no Debian or Ubuntu; prepare the node by hand, preflight.sh says what is missing"
  [ -e "$root/sys/fs/cgroup/cgroup.controllers" ] || die 1 "cgroup v2 is off and Kubernetes $minor refuses v1: remove systemd.unified_cgroup_hierarchy=0 from the kernel's command line"
  local installed
  installed=$(package_version kubelet)
  case $installed in
    "" | "$KUBERNETES_VERSION"-*) ;;
    *) [ ! -e "$root/etc/kubernetes/kubelet.conf" ] || die 1 "this node is in a cluster with kubelet $installed: 20-kubeadm/reset.sh first, or kubeadm upgrade" ;;
  esac
}

# ---- packages

# Exactly what apt would add and take away is recorded first, dependencies too.
install_packages() {  # NAME or NAME=VERSION...
  local plan added removed
  if ! plan=$(host apt-get install --simulate --no-install-recommends --allow-change-held-packages "$@" 2>&1); then
    [ "$dry_run" = no ] || { say "+ apt-get install $*"; return; }  # its repository is not there yet
    die 3 "apt finds no $*: is the network there, has the version been withdrawn? $(grep -m 1 '^E:' <<<"$plan" || true)"
  fi
  removed=$(awk '$1 == "Remv" {print $2}' <<<"$plan")
  # "Inst NAME [OLD] (NEW …": without [OLD] the package is new here
  added=$(awk '$1 == "Inst" && $3 !~ /^\[/ {print $2}' <<<"$plan")
  while read -r package; do [ -z "$package" ] || record removed "$package"; done <<<"$removed"
  while read -r package; do [ -z "$package" ] || record installed "$package"; done <<<"$added"
  change apt-get install -qq --no-install-recommends --allow-change-held-packages "$@" ||
    die 3 "apt could not install $*"
}

update_lists() { change apt-get -qq update || die 3 "apt could not read its repositories: is the network there?"; }

hold() {  # NAME...: a package that moved during a campaign would make its runs incomparable
  local package held
  held=$(host apt-mark showhold)
  for package in "$@"; do
    if grep -Fqx -e "$package" <<<"$held"; then continue; fi
    record held "$package"
    change apt-mark -qq hold "$package"
  done
}

apt_source() {  # NAME KEY_URL LINE: NAME.list for apt, signed by the key at KEY_URL
  local keyring=/etc/apt/keyrings/kexp-$1.asc key
  if [ ! -s "$root$keyring" ]; then
    say "+ write $keyring"
    if [ "$dry_run" = no ]; then
      key=$(host curl --fail --silent --show-error --location --retry 3 "$2") || die 3 "cannot fetch $2"
      put_file "$keyring" 644 <<<"$key"
    fi
  fi
  put_file "/etc/apt/sources.list.d/kexp-$1.list" 644 <<<"deb [signed-by=$keyring] $3"
}

packages() {
  local wanted=() package
  for package in ca-certificates curl chrony; do has_package "$package" || wanted+=("$package"); done
  if [ "${#wanted[@]}" -gt 0 ]; then
    update_lists
    install_packages "${wanted[@]}"
  fi

  local distribution codename
  distribution=$(os_release ID)
  codename=$(os_release VERSION_CODENAME)
  written=no
  if [ "${KEXP_CONTAINERD:-}" != present ] || needs_docker; then
    apt_source docker "$docker_apt/$distribution/gpg" "$docker_apt/$distribution $codename stable"
  fi
  apt_source kubernetes "$kubernetes_apt/core:/stable:/v$minor/deb/Release.key" "$kubernetes_apt/core:/stable:/v$minor/deb/ /"
  [ "$written" = no ] || update_lists

  if [ "${KEXP_CONTAINERD:-}" != present ]; then
    at_version containerd.io "$CONTAINERD_VERSION" || install_packages "containerd.io=$(pattern "$CONTAINERD_VERSION")"
    hold containerd.io
  fi
  if needs_docker && ! { has_package docker-ce && has_package docker-compose-plugin; }; then
    install_packages docker-ce docker-ce-cli docker-compose-plugin
  fi
  wanted=()
  for package in kubelet kubeadm kubectl; do
    at_version "$package" "$KUBERNETES_VERSION" || wanted+=("$package=$(pattern "$KUBERNETES_VERSION")")
  done
  [ "${#wanted[@]}" -eq 0 ] || install_packages "${wanted[@]}"
  hold kubelet kubeadm kubectl
}

# shellcheck source=/dev/null
os_release() { (. "$root/etc/os-release" && echo "${!1}"); }
# What apt takes for a version and its package's revision; it knows a star at the end, and no other pattern.
pattern() { case $1 in *.*.*) echo "$1-*" ;; *) echo "$1.*" ;; esac; }
at_version() { [[ $(package_version "$1") == "$2"[.-]* ]]; }  # NAME VERSION or its beginning
needs_docker() { [ "$role" = infra ] && [ -n "$KAFKA_PORTS" ]; }

# ---- swap: the kubelet refuses to start with it, and it would blur what memory costs

swap_off() {
  local device unit
  if [ -e "$root/etc/fstab" ]; then
    put_file /etc/fstab 644 < <(awk '!/^[[:space:]]*#/ && $3 == "swap" {print "#kexp# " $0; next} {print}' "$root/etc/fstab")
  fi
  while read -r device _; do
    [ -n "$device" ] || continue
    record swap "$device"
    change swapoff "$device"
    # Swap on zram or on a marked partition stands in no fstab: its unit would switch it on at the next boot.
    unit=$(host systemd-escape --path --suffix=swap "$device")
    [ -n "$unit" ] || continue
    record masked "$unit"
    change systemctl --quiet mask "$unit"
  done < <(sed 1d "$root/proc/swaps" 2>/dev/null)
}

# ---- kernel

kernel() {
  local module key value now
  put_file /etc/modules-load.d/kexp.conf 644 <<<$'overlay\nbr_netfilter'
  for module in overlay br_netfilter; do
    if [ ! -d "$root/sys/module/$module" ]; then
      record module "$module"
      change modprobe "$module"
    fi
  done
  # Forwarding is what Kubernetes asks for; the second lets iptables, thus Calico's policies, see what a bridge forwards.
  put_file /etc/sysctl.d/90-kexp.conf 644 <<<$'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1'
  for key in net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables; do
    value=$root/proc/sys/${key//.//}
    now=$(cat -- "$value" 2>/dev/null || echo none)
    if [ "$now" = 1 ]; then continue; fi
    [ "$now" = none ] || record sysctl "$key=$now"
    change sysctl -q -w "$key=1"
  done
}

# ---- services

# Joules of several nodes are only comparable on one clock.
clock() {
  unit_is enabled chrony || { record enabled chrony; change systemctl --quiet enable chrony; }
  unit_is active chrony || { record started chrony; change systemctl start chrony; }
}

# A firewall of the host's own drops traffic between pods; Calico's policies stand in its place.
firewall() {
  local unit
  for unit in ufw firewalld; do
    if unit_is enabled "$unit"; then record disabled "$unit"; change systemctl --quiet disable "$unit"; fi
    if unit_is active "$unit"; then record stopped "$unit"; change systemctl stop "$unit"; fi
  done
}

# NetworkManager would take Calico's interfaces for its own and remove their routes.
network_manager() {
  [ -d "$root/etc/NetworkManager" ] || return 0
  written=no
  put_file /etc/NetworkManager/conf.d/kexp-calico.conf 644 <<<$'[keyfile]\nunmanaged-devices=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico'
  if [ "$written" = yes ] && unit_is active NetworkManager; then change systemctl reload NetworkManager; fi
}

containerd() {
  written=no
  put_file /etc/containerd/config.toml 644 <"$here/containerd-config.toml"
  if [ "$written" = yes ]; then change systemctl restart containerd; fi  # containers that run go on
  unit_is enabled containerd || { record enabled containerd; change systemctl --quiet enable containerd; }
}

# ---- CPU, and what stays on disk

cpu_control() {
  local file
  for file in cpu-control.sh node-lib.sh node.env; do
    put_file "$library/$file" "$([ "$file" = cpu-control.sh ] && echo 755 || echo 644)" <"$here/$file"
  done
  written=no
  put_file /etc/systemd/system/kexp-cpu-control.service 644 <<UNIT
[Unit]
Description=CPU frequency, turbo and hyper-threading for energy experiments
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$library/cpu-control.sh apply

[Install]
WantedBy=multi-user.target
UNIT
  if [ "$written" = yes ]; then change systemctl daemon-reload; fi
  unit_is enabled kexp-cpu-control || { record enabled kexp-cpu-control; change systemctl --quiet enable kexp-cpu-control; }
  if "$here/cpu-control.sh" check; then return; fi
  say "+ cpu-control.sh apply"
  [ "$dry_run" = yes ] || "$here/cpu-control.sh" apply
}

# A local volume's folder must be there before the pod; the kubelet gives it to Prometheus' group.
storage() {
  if [ "$role" = infra ] && [ -n "$STORAGE_PATH" ]; then make_dir "$STORAGE_PATH"; fi
}

check_system
packages
swap_off
kernel
clock
network_manager
firewall
containerd
cpu_control
storage
if [ "$dry_run" = yes ]; then say "nothing was changed"; else say "$node ($role, $address) is prepared; preflight.sh checks it"; fi
