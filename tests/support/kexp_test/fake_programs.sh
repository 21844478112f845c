#!/usr/bin/env bash
# The programs that the node scripts ask, on a machine that is a folder (fake_node.py): this file under their names in its
# `bin`. Each call is added to `calls`; what the real program does to a machine, this does to files: packages and units are
# files below `db`.
set -euo pipefail
root=${0%/bin/*}
program=${0##*/}
echo "$program $*" >>"$root/calls"
words=()
options=" "
for argument in "$@"; do
  case $argument in -*) options+="$argument " ;; *) words+=("$argument") ;; esac
done

put() { mkdir -p "$root/${1%/*}" && printf %s "${2:-}" >"$root/$1"; }
drop() {
  rm -f "$root/$1"
  (cd "$root" && rmdir -p --ignore-fail-on-non-empty "${1%/*}" 2>/dev/null) || true
}
has() { [ -e "$root/db/package/$1" ]; }

unit_of() {
  case $1 in
    chrony | systemd-timesyncd) echo "$1" ;;
    containerd.io) echo containerd ;;
    docker-ce) echo docker ;;
  esac
}

version_of() { case $1 in kube*) echo 1.36.4-1.1 ;; containerd.io) echo 2.3.2-1~debian ;; *) echo 1.0 ;; esac; }

add() {  # PACKAGE
  local old="" unit
  if has "$1"; then old="[$(cat "$root/db/package/$1")] "; fi
  if [[ $options == *" --simulate "* ]]; then
    echo "Inst $1 $old($(version_of "$1") Debian:12 [amd64])"
  elif [ -z "$old" ]; then
    put "db/package/$1" "$(version_of "$1")"
    if [ "$1" = containerd.io ]; then put etc/containerd/config.toml 'disabled_plugins = ["cri"]'; fi
    unit=$(unit_of "$1")
    if [ -n "$unit" ]; then put "db/active/$unit"; put "db/enabled/$unit"; fi
  fi
}

remove() {  # PACKAGE WORD
  local unit
  has "$1" || return 0
  if [[ $options == *" --simulate "* ]]; then
    echo "$2 $1 [1.0]"
    return
  fi
  drop "db/package/$1"
  if [ "$1" = containerd.io ]; then drop etc/containerd/config.toml; fi
  unit=$(unit_of "$1")
  if [ -n "$unit" ]; then drop "db/active/$unit"; drop "db/enabled/$unit"; fi
}

# install PACKAGE[=VERSION]: with what it replaces and what it depends on. A star at the end of a version stands for the rest
# of it, and nothing else is a pattern, as with apt.
install() {
  local wanted=${1#*=}
  set -- "${1%%=*}"
  if [ "$wanted" != "$1" ] && [[ $(version_of "$1") != "$wanted" && ($wanted != *\* || $(version_of "$1") != "${wanted%\*}"*) ]]; then
    echo "E: Version '$wanted' for '$1' was not found" >&2
    exit 100
  fi
  case $1 in
    chrony) remove systemd-timesyncd Remv ;;
    docker-ce) add iptables ;;
    kubelet) add conntrack ;;
    kube* | containerd.io) [ -e "$root/etc/apt/sources.list.d/kexp-kubernetes.list" ] || { echo "E: Unable to locate package $1" >&2; exit 100; } ;;
  esac
  add "$1"
}

apt_get() {
  local package
  for package in "${words[@]:1}"; do
    case ${words[0]} in
      install) install "$package" ;;
      purge) remove "$package" Purg ;;
    esac
  done
}

systemctl() {
  local unit
  for unit in "${words[@]:1}"; do
    case ${words[0]} in
      is-active | is-enabled)
        [ -e "$root/db/${words[0]#is-}/$unit" ] || { echo unknown; exit 3; }
        echo "${words[0]#is-}"
        ;;
      start) put "db/active/$unit" ;;
      stop) drop "db/active/$unit" ;;
      enable) put "db/enabled/$unit" ;;
      disable) drop "db/enabled/$unit" ;;
      mask) put "db/masked/$unit" ;;
      unmask) drop "db/masked/$unit" ;;
    esac
  done
}

modprobe() {
  local module=${words[0]} bridge=$root/proc/sys/net/bridge
  if [[ $options == *" -r "* ]]; then
    rmdir "$root/sys/module/$module"
    if [ "$module" = br_netfilter ]; then rm -r "$bridge"; fi
  else
    mkdir "$root/sys/module/$module"
    if [ "$module" = br_netfilter ]; then mkdir "$bridge"; echo 0 >"$bridge/bridge-nf-call-iptables"; fi
  fi
}

case $program in
  apt-get) apt_get ;;
  apt-mark)
    case ${words[0]} in
      showhold) if [ -d "$root/db/held" ]; then ls "$root/db/held"; fi ;;
      hold) put "db/held/${words[1]}" ;;
      unhold) drop "db/held/${words[1]}" ;;
    esac
    ;;
  dpkg-query) has "${words[-1]}" && echo "installed $(cat "$root/db/package/${words[-1]}")" ;;
  systemctl) systemctl ;;
  modprobe) modprobe ;;
  sysctl)
    key=${words[-1]%%=*}
    [ -e "$root/proc/sys/${key//.//}" ] && echo "${words[-1]#*=}" >"$root/proc/sys/${key//.//}"
    ;;
  swapoff) sed -i "\\|^${words[0]} |d" "$root/proc/swaps" ;;
  swapon) echo "${words[0]} partition 8388604 0 -2" >>"$root/proc/swaps" ;;
  systemd-escape) name=${words[-1]#/}; echo "${name//\//-}.swap" ;;
  sleep)  # a second in which the zones that are not frozen have counted
    for zone in "$root"/sys/class/powercap/*; do
      if [ ! -e "$zone/energy_uj" ] || [ -e "$root/db/frozen/${zone##*/}" ]; then continue; fi
      echo $(($(cat "$zone/energy_uj") + 7200000)) >"$zone/energy_uj"
    done
    ;;
  curl) echo "-----BEGIN PGP PUBLIC KEY BLOCK-----" ;;
  containerd) echo "containerd containerd.io v2.3.2 abc" ;;
  hostname | chronyc) cat "$root/db/$program" ;;
  ip) cat "$root/db/ip-${words[0]}" ;;
esac
