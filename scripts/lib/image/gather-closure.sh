#!/usr/bin/env bash
# Copies programs and shared modules with every shared library that they need into a folder that is to be a root of its own.
#
#   gather-closure.sh DIR FILE...    prints each library that was copied: its path here
#
# Each goes to the place that it has here, links resolved, /lib being /usr/lib where it is that here; the loader finds them there without
# ld.so.cache. Needs no patchelf and changes no file. Exit: 0 done; 1 a library is missing, or DIR is not complete in itself.
set -euo pipefail
lib_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$lib_dir/common.sh"

if (($# < 2)) || [[ $1 == -* ]]; then
  sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
dir=$1
shift

# place FILE: where FILE goes, below DIR; the folder's own name, not that of a link to it.
place() { printf '%s%s/%s' "$dir" "$(realpath -- "$(dirname -- "$1")")" "${1##*/}"; }

copy() {
  local to
  to=$(place "$1")
  mkdir -p -- "${to%/*}"
  cp -L --preserve=mode,timestamps -- "$1" "$to"
}

# needed FILE...: the paths of the libraries that the loader takes for them, itself among them.
needed() {
  local file text
  for file in "$@"; do
    [ -f "$file" ] || die 1 "there is no file $file"
    text=$(ldd -- "$file" 2>&1) || die 1 "$file is no program and no shared library: $text"
    if [[ $text == *"not found"* ]]; then die 1 "$file needs what is not here: $(grep 'not found' <<<"$text" | xargs)"; fi
    awk '$2 == "=>" {print $3; next} $1 ~ /^\// {print $1}' <<<"$text"
  done | sort -u
}

mapfile -t libraries < <(needed "$@")
((${#libraries[@]})) || die 1 "no shared library is needed, which no program of ours is"
for link in /lib /lib64; do  # the loader's own path goes through them
  if [ -L "$link" ]; then mkdir -p -- "$dir$(realpath -- "$link")" && cp -P -- "$link" "$dir/"; fi
done
for file in "$@" "${libraries[@]}"; do copy "$file"; done

# The loader in DIR has to find all of them in DIR.
loader=$(printf '%s\n' "${libraries[@]}" | grep '/ld-[^/]*$')
folders=$(for library in "${libraries[@]}"; do dirname -- "$(place "$library")"; done | sort -u | paste -sd :)
for file in "$@"; do
  outside=$("$(place "$loader")" --inhibit-cache --library-path "$folders" --list "$(place "$file")" |
    awk -v dir="$(realpath -- "$dir")/" '$2 == "=>" && index($3, dir) != 1 {print $1, $3}')
  [ -z "$outside" ] || die 1 "$file in $dir would take from outside: $outside"
done
printf '%s\n' "${libraries[@]}"
