#!/usr/bin/env bash
# Makes this machine a worker of the cluster: as root, prepared, with a preflight that passes.
#
#   join.sh [FILE]     a join file of make-join.sh [join-<host name>.yaml, in join/ beside this]
#
# On a node that is in the cluster it does nothing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "$0")/../10-nodes/node-lib.sh"

case ${1:-} in -*) usage ;; esac
need_root
load_settings kubeadm.env
file=${1:-$here/join/join-$(host hostname).yaml}

if [ -e "$root/etc/kubernetes/kubelet.conf" ]; then
  say "this node is in a cluster already; reset.sh node takes it out"
  exit 0
fi
[ -e "$file" ] || die 2 "$file is missing: make-join.sh on $MASTER writes it"
! grep -Fq -e "$PLACEHOLDER_TOKEN" -e "$PLACEHOLDER_HASH" "$file" || die 2 "$file has placeholders for token and hash: make-join.sh on $MASTER fills them in"
host kubeadm config validate --config "$file" || die 2 "kubeadm refuses $file"
host kubeadm join --config "$file" || die 1 "kubeadm join failed; the token lives 2 hours (make-join.sh), ./reset.sh node clears up"
rm -f -- "$file"  # it has done its work, and its token should not lie about
say "joined; kubectl get nodes on $MASTER"
