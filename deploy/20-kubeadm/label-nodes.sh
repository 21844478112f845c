#!/usr/bin/env bash
# Gives the nodes their labels: the role that `kubectl get nodes` shows, and those of cluster.yaml.
#
#   label-nodes.sh
#
# Where kubectl reaches the cluster, when all workers have joined. Again does no harm. kexp.dev/role is there already: the
# kubelets bring it along.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "$0")/../10-nodes/node-lib.sh"

[ $# -eq 0 ] || usage
load_settings kubeadm.env

nodes=$(host kubectl get nodes -o name) || die 3 "kubectl does not reach the cluster"
for node in $MASTER $WORKERS; do
  grep -Fqx -e "node/$node" <<<"$nodes" || die 1 "$node has not joined: 20-kubeadm/join.sh there"
done
for worker in $WORKERS; do
  host kubectl label --overwrite node "$worker" node-role.kubernetes.io/worker=
done
while read -r node label; do
  if [ -n "$node" ]; then host kubectl label --overwrite node "$node" "$label"; fi
done <<<"$NODE_LABELS"
