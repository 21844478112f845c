#!/usr/bin/env bash
# Takes the cluster apart.
#
#   reset.sh cluster [--yes]   on the master: removes what runs, lets consumers commit and operators clean up, then the workers
#   reset.sh node [--yes]      on each worker, then on the master, as root: kubeadm reset, and what it leaves behind
#
# Both list what goes and ask; --yes does not ask. Prometheus' samples stay in their folder on the master. undo-node.sh of
# 10-nodes then takes back what prepare-node.sh has changed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "$0")/../10-nodes/node-lib.sh"

command=
while [ $# -gt 0 ]; do
  case $1 in
    cluster | node) command=$1 ;;
    --yes) yes=yes ;;
    *) command= && break ;;
  esac
  shift
done
[ -n "$command" ] || usage
load_settings kubeadm.env

remove() { host kubectl delete --ignore-not-found --wait --timeout 180s "$@"; }

# Who is looked after by an operator goes before it: a finalizer of one that is gone would never be taken off.
reset_cluster() {
  local nodes namespace worker kind
  nodes=$(host kubectl get nodes -o name) || die 3 "kubectl does not reach the cluster"
  confirm "the namespaces $NAMESPACES with all that is in them, then the nodes $WORKERS leave cluster $CLUSTER"
  for kind in scaledobjects.keda.sh prometheuses.monitoring.coreos.com; do
    if [ -n "$(host kubectl get crd "$kind" -o name --ignore-not-found)" ]; then remove "$kind" --all --all-namespaces; fi
  done
  for namespace in $NAMESPACES; do remove namespace "$namespace"; done
  for worker in $WORKERS; do
    grep -Fqx -e "node/$worker" <<<"$nodes" || continue
    host kubectl drain "$worker" --ignore-daemonsets --delete-emptydir-data --force --timeout 180s
    remove node "$worker"
  done
  say "now ./reset.sh node on each of: $WORKERS, at last on $MASTER"
}

others() { host kubectl --kubeconfig "$root/etc/kubernetes/admin.conf" --request-timeout 10s get nodes -o name 2>/dev/null | grep -Fvx -e "node/$MASTER" || true; }

# kubeadm leaves the network's files and interfaces alone; the next cluster's pods would come up with the old ones.
remove_network() {
  local link
  rm -rf -- "$root"/etc/cni/net.d/*calico* "$root/var/lib/cni" "$root/var/lib/calico"
  for link in vxlan.calico wireguard.cali; do
    if [ -e "$root/sys/class/net/$link" ]; then host ip link delete "$link"; fi
  done
  # tunl0 belongs to its module
  if [ -e "$root/sys/class/net/tunl0" ]; then host modprobe -r ipip || say "tunl0 stays until the next boot"; fi
}

remove_kubectl() {  # ADMIN: copies of the cluster's key
  local home
  for home in "$root"/root "$root"/home/*; do
    if cmp -s -- "$1" "$home/.kube/config"; then rm -f -- "$home/.kube/config"; fi
    rm -f -- "$home/.kube/$CLUSTER"
  done
}

reset_node() {
  need_root
  local admin=$root/etc/kubernetes/admin.conf here_is left
  here_is=$(host hostname)
  if [ -e "$admin" ]; then
    left=$(others)
    [ -z "$left" ] || die 1 "$(tr '\n' ' ' <<<"${left//node\//}")would lose their master: ./reset.sh cluster first"
  fi
  confirm "$here_is leaves cluster $CLUSTER: its pods, on the master etcd too, /etc/kubernetes, the pod network"
  remove_kubectl "$admin"
  host kubeadm reset --config "$here/reset.yaml" || die 1 "kubeadm reset failed"
  remove_network
  say "$here_is is out; firewall rules of the cluster stay until the next boot"
}

"reset_$command"
