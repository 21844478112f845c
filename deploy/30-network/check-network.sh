#!/usr/bin/env bash
# Waits for the pod network, and sees to it that packets within the subnet go without a tunnel.
#
#   check-network.sh
#
# Where kubectl reaches the cluster, after calico.yaml and patch-calico-node.yaml. Calico reads its settings once, when it
# makes its address pool: a pool that was made before the patch came is corrected here.
set -euo pipefail

say() { echo "${0##*/}: $*" >&2; }
die() {
  local code=$1
  shift
  say "$*"
  exit "$code"
}

[ $# -eq 0 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
# shellcheck source=/dev/null
. "$(dirname -- "$0")/network.env"
pool=ippools.crd.projectcalico.org/default-ipv4-ippool

field() { kubectl get "$pool" -o "jsonpath={.spec.$1}"; }

kubectl rollout status --timeout 300s -n kube-system daemonset/calico-node || die 1 "Calico does not start: kubectl describe pods -n kube-system -l k8s-app=calico-node"
kubectl wait --timeout 120s --for create "$pool" >/dev/null || die 1 "Calico has made no address pool"
[ "$(field cidr)" = "$POD_NETWORK" ] || die 1 "Calico gives pods addresses of $(field cidr), cluster.yaml says $POD_NETWORK: reset the cluster, a pool cannot be moved"
if [ "$(field ipipMode)" != "$IPIP_MODE" ]; then
  say "the pool was made before the patch came: $(field ipipMode) becomes $IPIP_MODE"
  kubectl patch "$pool" --type merge --patch "{\"spec\": {\"ipipMode\": \"$IPIP_MODE\"}}"
fi
kubectl wait --timeout 180s --for condition=Ready nodes --all || die 1 "not every node is ready: kubectl describe nodes"
