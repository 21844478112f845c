#!/usr/bin/env bash
# Makes this machine the cluster's control plane: on the master, as root, prepared and with a preflight that passes.
#
#   init.sh
#
# Prints no token: make-join.sh makes one for the workers. On a control plane that is there it does no harm.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "$0")/../10-nodes/node-lib.sh"

[ $# -eq 0 ] || usage
need_root
load_settings kubeadm.env
admin=$root/etc/kubernetes/admin.conf

ready() { [ "$(host kubectl --kubeconfig "$admin" get --raw /readyz 2>/dev/null)" = ok ]; }

initialise() {
  if [ -e "$admin" ]; then
    ready || die 1 "$admin is there, but its API does not answer: an init that was cut short? ./reset.sh node, then again"
    say "the control plane is there already"
    return
  fi
  [ "$(host hostname)" = "$MASTER" ] || die 2 "this is $(host hostname), the master of cluster.yaml is $MASTER"
  host kubeadm config validate --config "$here/init.yaml" || die 2 "kubeadm refuses init.yaml"
  host kubeadm config images pull --config "$here/init.yaml" || die 3 "kubeadm could not pull its images"
  host kubeadm init --config "$here/init.yaml" --skip-token-print || die 1 "kubeadm init failed; ./reset.sh node clears up after it"
}

# kubectl for whoever called sudo: ~/.kube/config, or a file beside one that is there.
give_kubectl() {
  local user=${SUDO_USER:-root} home config
  home=$root$(host getent passwd "$user" | cut -d: -f6)
  config=$home/.kube/config
  install -d -m 700 "$home/.kube"
  if [ -e "$config" ] && ! cmp -s -- "$admin" "$config"; then
    config=$home/.kube/$CLUSTER
    say "$home/.kube/config is another cluster's: export KUBECONFIG=$config"
  fi
  install -m 600 "$admin" "$config"
  host chown -R "$user:" "$home/.kube"
}

initialise
give_kubectl
say "next: the network (30-network), then ./make-join.sh"
