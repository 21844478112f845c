#!/usr/bin/env bash
# Fills in token and CA hash of the workers' join files: on the master, as root, after init.sh.
#
#   make-join.sh [--out DIR]     writes DIR/join-<worker>.yaml [join, beside this]
#
# Whoever has one of these files can add a node within 2 hours: they are readable by you alone, and git ignores them.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "$0")/../10-nodes/node-lib.sh"

out=$here/join
case ${1:-} in
  "") ;;
  --out) [ $# -eq 2 ] || die 2 "--out needs a folder"; out=$2 ;;
  *) usage ;;
esac
need_root
load_settings kubeadm.env
authority=$root/etc/kubernetes/pki/ca.crt
[ -e "$authority" ] || die 1 "$authority is missing: init.sh first"

# What a worker checks the master by: SHA-256 of the public key that signs the cluster's certificates.
hash=sha256:$(host openssl x509 -pubkey -noout -in "$authority" | host openssl pkey -pubin -outform der | host openssl dgst -sha256 -hex | awk '{print $NF}')
[[ $hash =~ ^sha256:[0-9a-f]{64}$ ]] || die 1 "cannot read the public key in $authority"

token=$(host kubeadm token create --ttl 2h --kubeconfig "$root/etc/kubernetes/admin.conf") || die 1 "kubeadm could not create a token"
[[ $token =~ ^[a-z0-9]{6}\.[a-z0-9]{16}$ ]] || die 1 "kubeadm token create did not print a token"

umask 077
mkdir -p -- "$out"
chmod 700 "$out"
for worker in $WORKERS; do
  file=$out/join-$worker.yaml
  text=$(cat -- "$here/join-$worker.yaml")
  [[ $text == *"$PLACEHOLDER_TOKEN"* && $text == *"$PLACEHOLDER_HASH"* ]] || die 1 "$here/join-$worker.yaml has no placeholders any more: render it again"
  text=${text//"$PLACEHOLDER_TOKEN"/"$token"}
  printf '%s\n' "${text//"$PLACEHOLDER_HASH"/"$hash"}" >"$file.new"
  mv -f -- "$file.new" "$file"
  say "$file"
done
[ -z "${SUDO_UID:-}" ] || host chown -R "$SUDO_UID:${SUDO_GID:-}" "$out"  # whoever called sudo copies them to the workers
