#!/usr/bin/env bash
# Takes back what prepare-node.sh has changed on this machine, from the last change to the first, and nothing else.
#
#   undo-node.sh [--dry-run]
#
# Stopped half-way, it goes on from there when it is started again. Folders that hold data by now stay.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=node-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/node-lib.sh"

case ${1:-} in
  "") ;;
  --dry-run) dry_run=yes ;;
  *) usage ;;
esac
need_root
[ -e "$state/changes" ] || { say "nothing to undo: ${state#"$root"}/changes is not there"; exit 0; }
[ ! -e "$root/etc/kubernetes/kubelet.conf" ] || die 1 "this node is in a cluster: 20-kubeadm/reset.sh node first"

# Packages depend on each other, so they go in one transaction; what else would go with them is not ours to remove.
purge() {  # NAME...
  local package packages=() others
  for package in "$@"; do if has_package "$package"; then packages+=("$package"); fi; done
  [ "${#packages[@]}" -gt 0 ] || return 0
  others=$(host apt-get purge --simulate --allow-change-held-packages "${packages[@]}" |
    awk '$1 == "Remv" || $1 == "Purg" {print $2}' | grep -Fvx -f <(printf '%s\n' "${packages[@]}") || true)
  [ -z "$others" ] || die 1 "$(tr '\n' ' ' <<<"$others")need packages that prepare-node.sh has installed: remove them first"
  change apt-get purge -qq --allow-change-held-packages "${packages[@]}" || die 1 "apt could not remove ${packages[*]}"
}

undo() {  # VERB OBJECT
  case $1 in
    created)
      say "+ remove $2"
      [ "$dry_run" = yes ] || rm -f -- "$root$2"
      ;;
    replaced) restore_file "$2" ;;
    made) remove_dir "$2" ;;
    removed) change apt-get install -qq "$2" ;;
    held) change apt-mark -qq unhold "$2" ;;
    swap) change swapon "$2" || say "$2 stays off" ;;
    masked) change systemctl --quiet unmask "$2" ;;
    enabled) change systemctl --quiet disable "$2" ;;
    disabled) change systemctl --quiet enable "$2" ;;
    started) change systemctl stop "$2" ;;
    stopped) change systemctl start "$2" ;;
    module) change modprobe -r "$2" || say "module $2 is in use and stays until the next boot" ;;
    sysctl) change sysctl -q -w "$2" ;;
    cpu)
      say "+ cpu-control.sh restore"
      [ "$dry_run" = yes ] || "$here/cpu-control.sh" restore
      ;;
    *) die 1 "${state#"$root"}/changes: what is '$1'?" ;;
  esac
}

remove_dir() {  # DIR
  if [ "$1" = /var/lib/kexp ]; then return; fi  # this record is in it
  [ -d "$root$1" ] || return 0
  say "+ remove $1"
  [ "$dry_run" = yes ] || rmdir -- "$root$1" 2>/dev/null || say "$1 stays: something is in it"
}

forget() {  # COUNT: the last changes are undone
  [ "$dry_run" = yes ] || { head -n "-$1" "$state/changes" >"$state/changes.new" && mv -f -- "$state/changes.new" "$state/changes"; }
}

mapfile -t changes <"$state/changes"
last=$((${#changes[@]} - 1))
while [ "$last" -ge 0 ]; do
  verb=${changes[last]%%$'\t'*}
  object=${changes[last]#*$'\t'}
  count=1
  if [ "$verb" = installed ]; then
    packages=("$object")
    while [ "$count" -le "$last" ] && [[ ${changes[last - count]} == installed$'\t'* ]]; do
      packages+=("${changes[last - count]#*$'\t'}")
      count=$((count + 1))
    done
    purge "${packages[@]}"
  else
    undo "$verb" "$object"
  fi
  forget "$count"
  last=$((last - count))
done

if [ "$dry_run" = yes ]; then
  say "nothing was changed"
  exit 0
fi
rm -rf -- "$state"
if [[ ${changes[0]} == made$'\t'/var/lib/kexp ]]; then rmdir -- "$root/var/lib/kexp" 2>/dev/null || say "/var/lib/kexp stays: something is in it"; fi
change systemctl daemon-reload
say "all changes are undone"
