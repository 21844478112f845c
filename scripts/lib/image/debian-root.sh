#!/usr/bin/env bash
# Makes a bare Debian in a folder, as the base to build the consumer's image in where there is no registry to take one from.
#
#   debian-root.sh DIR RELEASE    RELEASE: 12 or 13
#
# It reaches the network as this machine does: its apt's proxies and sources (of the same release), and the certificates that it trusts.
# What is there already stays as it is. Needs root and debootstrap. Exit: 0 done; 1 failed; 2 usage; 3 no debootstrap.
set -euo pipefail
lib_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$lib_dir/common.sh"

(($# == 2)) || die 2 "usage: debian-root.sh DIR RELEASE"
dir=$1
case $2 in
  12) suite=bookworm ;;
  13) suite=trixie ;;
  *) die 2 "Debian 12 and 13 are known, got '$2'" ;;
esac
[ "$(id -u)" = 0 ] || die 2 "debootstrap needs root"
command -v debootstrap >/dev/null || die 3 "no debootstrap: apt-get install debootstrap"
if [ -e "$dir/.complete" ]; then exit; fi

say "debootstrap of $suite, 1 minute"
rm -rf -- "$dir"
mkdir -p -- "$dir"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$dir" >"$dir.log" 2>&1 ||
  { tail -n 5 "$dir.log" >&2; die 3 "debootstrap failed, see $dir.log"; }
rm -f -- "$dir.log"
cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
if grep -qs "$suite" /etc/apt/sources.list.d/debian.sources; then
  rm -f -- "$dir/etc/apt/sources.list"
  cp /etc/apt/sources.list.d/debian.sources "$dir/etc/apt/sources.list.d/"
fi
apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check-|Retries)' >"$dir/etc/apt/apt.conf.d/90builder" || true
for certificate in /usr/local/share/ca-certificates/*.crt; do
  if [ -e "$certificate" ]; then cp -- "$certificate" "$dir/usr/local/share/ca-certificates/"; fi
done
chroot "$dir" update-ca-certificates >/dev/null 2>&1 || die 1 "update-ca-certificates failed in $dir"
touch "$dir/.complete"
