# shellcheck shell=bash disable=SC2034  # some names are for the scripts that source this
# What the scripts of 10-nodes and 20-kubeadm share: settings, messages, and changes that can be undone.
#
# A change is written to $state/changes before it is made: a verb, a tab, what it was done to. undo-node.sh goes through
# them from the last to the first. Files that were there are kept below $state/originals.
#
# KEXP_ROOT (for tests) stands before every path; programs that ask or change the machine are then those of $KEXP_ROOT/bin
# alone, and one that is not there does nothing.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

here=$(cd -- "$(dirname -- "$0")" && pwd)  # the script's folder
root=${KEXP_ROOT:-}
state=$root/var/lib/kexp/node-state
dry_run=no

say() { echo "${0##*/}: $*" >&2; }
die() {  # CODE MESSAGE: 1 failed, 2 usage, 3 unavailable
  local code=$1
  shift
  say "$*"
  exit "$code"
}
usage() {  # the comment that the script begins with
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
need_root() { [ -n "$root" ] || [ "$(id -u)" = 0 ] || die 2 "must run as root: sudo $0"; }

# confirm TEXT: says what will happen and goes on after a yes, or with yes=yes (--yes).
yes=no
confirm() {
  say "$1"
  if [ "$yes" = yes ]; then return; fi
  [ -t 0 ] || die 2 "needs --yes where nobody can be asked"
  local answer
  read -r -p "Go on? [yes/no] " answer
  [ "$answer" = yes ] || die 1 "nothing was done"
}

load_settings() {  # FILE
  [ -r "$here/$1" ] || die 2 "$here/$1 is missing; copy the whole folder"
  # shellcheck source=/dev/null
  . "$here/$1"
}

# ---- which node this is

# node_field NAME 2|3: address or role of a node of the cluster file; empty when it has none of that name.
node_field() { awk -v name="$1" -v field="$2" '$1 == name {print $field}' <<<"$NODES"; }

find_node() {  # NAME: sets node, address and role
  node=$1
  address=$(node_field "$node" 2)
  role=$(node_field "$node" 3)
  [ -n "$role" ] || die 2 "no node of cluster $CLUSTER is called '$node'; they are $(awk 'NF {printf "%s%s", sep, $1; sep = ", "}' <<<"$NODES"): set the host name (hostnamectl hostname NAME) or say --node NAME"
}

# ---- asking and changing the machine

host() {  # PROGRAM ARGUMENT...
  local program=$1
  shift
  if [ -z "$root" ]; then
    "$program" "$@"
  elif [ -x "$root/bin/$program" ]; then
    "$root/bin/$program" "$@"
  fi
}

change() {  # PROGRAM ARGUMENT...: as host, but only said in a dry run
  say "+ $*"
  [ "$dry_run" = yes ] || host "$@"
}

unit_is() { host systemctl "is-$1" "$2" 2>/dev/null | grep -Fqx -e "$1"; }  # active|enabled UNIT
has_package() { [ -n "$(package_version "$1")" ]; }
package_version() {  # NAME: empty when it is not installed
  # shellcheck disable=SC2016  # dpkg expands it
  host dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | awk '$1 == "installed" {print $2}' || true
}

# ---- changes, and their record

record() {  # VERB OBJECT
  [ "$dry_run" = no ] || return 0
  if [ ! -d "$state" ]; then
    local ours=no
    [ -d "$root/var/lib/kexp" ] || ours=yes
    install -d -m 755 "$root/var/lib/kexp"
    install -d -m 700 "$state"
    if [ "$ours" = yes ]; then printf 'made\t/var/lib/kexp\n' >"$state/changes"; fi
  fi
  grep -Fqxs -e "$1"$'\t'"$2" "$state/changes" || printf '%s\t%s\n' "$1" "$2" >>"$state/changes"
}

make_dir() {  # DIR
  [ -d "$root$1" ] || [ "$dry_run" = yes ] || {
    make_dir "$(dirname -- "$1")"
    record made "$1"
    mkdir -m 755 -- "$root$1"
  }
}

keep_original() {  # FILE: only the first time, so that a second run keeps nothing of ours
  if grep -Fqx -e created$'\t'"$1" -e replaced$'\t'"$1" "$state/changes" 2>/dev/null; then return; fi
  if [ -e "$root$1" ]; then
    install -d -m 700 "$state" "$state/originals$(dirname -- "$1")"
    cp -a -- "$root$1" "$state/originals$1"
    record replaced "$1"
  else
    record created "$1"
  fi
}

# put_file FILE MODE: standard input becomes that file. Sets written=yes when that changed anything.
put_file() {
  local target=$root$1 mode=$2 text
  text=$(cat && echo .)
  text=${text%.}
  if [ -f "$target" ]; then
    if cmp -s -- "$target" <(printf %s "$text"); then return; fi
    mode=$(stat -c %a -- "$target")
  fi
  say "+ write $1"
  [ "$dry_run" = no ] || return 0
  written=yes
  make_dir "$(dirname -- "$1")"
  keep_original "$1"
  printf %s "$text" >"$target.kexp-new"
  chmod "$mode" "$target.kexp-new"
  mv -f -- "$target.kexp-new" "$target"
}

restore_file() {  # FILE that was `replaced`
  local original=$state/originals$1
  [ -e "$original" ] || return 0
  say "+ restore $1"
  [ "$dry_run" = yes ] || { cp -a -- "$original" "$root$1.kexp-new" && mv -fT -- "$root$1.kexp-new" "$root$1" && rm -f -- "$original"; }
}

# ---- CPU lists: "0-3,8" as Linux writes them

expand_cpus() {  # LIST: one number a line
  tr ',' '\n' <<<"$1" | awk -F- 'NF {for (i = $1; i <= $NF; i++) print i}'
}
