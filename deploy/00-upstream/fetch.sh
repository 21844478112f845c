#!/usr/bin/env bash
# Fetches what upstream.lock names into upstream/, and proves that it is what was meant.
#
#   fetch.sh [--resolve] [NAME...]     all bundles, or those
#
# A download that was cut short goes on. A file with another SHA-256 than the lock's is thrown away: exit 1. A bundle whose
# SHA-256 is `unresolved` is refused, for nothing could be proven; --resolve fetches it, prints its SHA-256 and writes that
# into upstream.lock. Compare it with another source before you trust it, and commit the lock.
set -euo pipefail
export LC_ALL=C.UTF-8

say() { echo "${0##*/}: $*" >&2; }
die() {  # CODE MESSAGE: 1 failed, 2 usage, 3 unavailable
  local code=$1
  shift
  say "$*"
  exit "$code"
}

here=$(cd -- "$(dirname -- "$0")" && pwd)
lock=$here/../upstream.lock
upstream=$here/../upstream
resolve=no
wanted=()
for argument in "$@"; do
  case $argument in
    --resolve) resolve=yes ;;
    -*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) wanted+=("$argument") ;;
  esac
done
[ -r "$lock" ] || die 2 "$lock is missing"
command -v curl >/dev/null || die 2 "curl is missing: apt-get install curl"

sum() { sha256sum -- "$1" | cut -d' ' -f1; }

# ---- the lock, which is YAML as kexp writes it: one key a line

names() { awk '/^bundles:/ {inside = 1; next} /^[a-z]/ {inside = 0} inside && $1 == "-" && $2 == "name:" {print $3}' "$lock"; }

field() {  # NAME KEY
  awk -v name="$1" -v key="$2:" '
    $1 == "-" {current = $2 == "name:" ? $3 : ""}
    current == name && $1 == key {sub(/^ *[a-z0-9_]+: /, ""); gsub(/^"|"$/, ""); print; exit}' "$lock"
}

# A rendering replaces only what nobody has edited since the last one, by the hashes in .kexp-rendered: this edit is its own.
write_hash() {  # NAME SHA256
  local list=$here/../.kexp-rendered
  awk -v name="$1" -v hash="$2" '
    $1 == "-" {current = $2 == "name:" ? $3 : ""}
    current == name && $1 == "sha256:" {sub(/unresolved/, hash)}
    {print}' "$lock" >"$lock.new"
  chmod --reference="$lock" "$lock.new"
  if [ -w "$list" ]; then sed -i "s/^$(sum "$lock")  upstream.lock\$/$(sum "$lock.new")  upstream.lock/" "$list"; fi
  mv -f -- "$lock.new" "$lock"
}

# ---- one bundle

download() {  # URL PART
  curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 --continue-at - --output "$2" "$1"
}

# fetch NAME PART: what the URL gives, with the lock's hash; what is left of an earlier try is gone on with, once.
fetch() {
  local name=$1 part=$2 url hash
  url=$(field "$name" url)
  hash=$(field "$name" sha256)
  say "$name: $url"
  if [ -e "$part" ]; then
    if [ "$hash" != unresolved ] && download "$url" "$part" && [ "$(sum "$part")" = "$hash" ]; then return; fi
    rm -f -- "$part"
  fi
  download "$url" "$part" || die 3 "$name could not be fetched; fetch.sh again goes on where it stopped"
  if [ "$hash" = unresolved ]; then
    hash=$(sum "$part")
    write_hash "$name" "$hash"
    say "$name: SHA-256 $hash, written into upstream.lock; compare it with another source"
  elif [ "$(sum "$part")" != "$hash" ]; then
    local seen
    seen=$(sum "$part")
    rm -f -- "$part"
    die 1 "$name has SHA-256 $seen, upstream.lock says $hash: it has been changed, or is not what was meant; nothing was kept"
  fi
}

# The manifests of an archive, without those that this cluster does not have.
unpack() {  # NAME PART FOLDER
  local name=$1 new=$3.new pattern
  rm -rf -- "$new"
  mkdir -p -- "$new"
  tar -xzf "$2" -C "$new" --strip-components 2 --wildcards '*/manifests/*' || die 1 "$name has no manifests"
  while read -r pattern; do
    [ -n "$(find "$new" -name "$pattern" -print -quit)" ] || die 1 "$name has no $pattern: have its files been renamed? upstream.lock leaves it out"
    find "$new" -name "$pattern" -delete
  done < <(field "$name" without | tr ' ' '\n' | sed '/^$/d')
  field "$name" sha256 >"$new/.sha256"
  field "$name" without >>"$new/.sha256"
  rm -rf -- "$3"
  mv -T -- "$new" "$3"
  rm -f -- "$2"
}

is_there() {  # NAME TARGET
  case $2 in
    */) cmp -s -- "$2.sha256" <(field "$1" sha256; field "$1" without) ;;
    *) [ -f "$2" ] && [ "$(sum "$2")" = "$(field "$1" sha256)" ] ;;
  esac
}

bring() {  # NAME
  local name=$1 target part=$upstream/.$1.part
  target=$upstream/$(field "$name" file)
  if is_there "$name" "$target"; then
    say "$name is there"
    return
  fi
  fetch "$name" "$part"
  case $target in
    */) unpack "$name" "$part" "${target%/}" ;;
    *) mv -f -- "$part" "$target" ;;
  esac
}

known=$(names)
[ "${#wanted[@]}" -gt 0 ] || mapfile -t wanted <<<"$known"
open=()
for name in "${wanted[@]}"; do
  grep -Fqx -e "$name" <<<"$known" || die 2 "upstream.lock has no bundle '$name'; it has $(paste -sd' ' <<<"$known")"
  if [ "$(field "$name" sha256)" = unresolved ]; then open+=("$name"); fi
done
if [ "${#open[@]}" -gt 0 ] && [ "$resolve" = no ]; then
  die 1 "the SHA-256 of ${open[*]} is unresolved: nobody has read it yet. fetch.sh --resolve ${open[*]} fetches and writes it down"
fi
mkdir -p -- "$upstream"
for name in "${wanted[@]}"; do bring "$name"; done
