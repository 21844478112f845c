# shellcheck shell=bash
# What the node scripts share: messages and the check for root.

say() { echo "${0##*/}: $*" >&2; }
die() {
  say "$2"
  exit "$1"
}
need_root() { [ "$(id -u)" = 0 ] || die 2 "must run as root (sudo $0)"; }
