#!/usr/bin/env bash
# Runs a program of an unpacked image as a strict container engine would: its files alone and read-only, no root, a small /tmp.
#
#   run-in-tree.sh [--env NAME=VALUE]... [--with FILE] TREE PROGRAM [ARGUMENT]...
#
#   --env NAME=VALUE  a variable of its environment, which has no other; PATH among them
#   --with FILE       a copy of FILE is in its /tmp, under its own name
#
# The network and the cgroup are the caller's; the process keeps its pid, so signals reach PROGRAM. Needs root.
set -euo pipefail

variables=() file=''
while (($# > 1)); do
  case $1 in
    --env) variables+=("$2") ;;
    --with) file=$(realpath -- "$2") ;;
    *) break ;;
  esac
  shift 2
done
if (($# < 2)) || [[ $1 == -* ]]; then
  sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
tree=$(realpath -- "$1")
shift
# shellcheck disable=SC2016  # the inner bash expands it
exec unshare --mount --propagation private bash -c '
  set -e
  tree=$1 file=$2
  shift 2
  mount --bind "$tree" "$tree"
  mount -o remount,bind,ro "$tree"
  mount -t proc proc "$tree/proc"
  mount --rbind /dev "$tree/dev"
  mount --rbind /sys "$tree/sys"
  mount -t tmpfs -o size=64m,mode=1777 tmpfs "$tree/tmp"
  if [ -n "$file" ]; then install -m 444 -- "$file" "$tree/tmp/"; fi
  exec "$@"' bash "$tree" "$file" env -i "${variables[@]}" "$(command -v chroot)" --userspec=10001:10001 --groups= "$tree" "$@"
