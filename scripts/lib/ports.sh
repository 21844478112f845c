# shellcheck shell=bash disable=SC2154  # dir is of whoever sources this
# The ports of a local service, remembered in $dir/ports so that one that was killed comes back where its clients look for it.
# To be sourced after common.sh. NAMEs are variables of whoever calls.

# load_ports NAME...: as the last start has saved them; empty where it has not.
load_ports() {
  local name key value
  for name in "$@"; do printf -v "$name" ''; done
  [ -f "$dir/ports" ] || return 0
  while IFS='=' read -r key value; do
    for name in "$@"; do
      if [ "$name" = "$key" ]; then printf -v "$name" %s "$value"; fi
    done
  done <"$dir/ports"
}

save_ports() {  # NAME...
  local name
  for name in "$@"; do echo "$name=${!name}"; done >"$dir/ports"
}

# choose_port NAME FLAG DEFAULT SLOT: what the flag says, then the remembered one, then the default. 0 takes the remembered one or
# any that is free (free_port SLOT).
choose_port() {
  local wanted=${2:-${!1:-$3}}
  if [ "$wanted" = 0 ]; then wanted=${!1:-$(free_port "$4")}; fi
  printf -v "$1" %s "$wanted"
}

# choose_two_ports FLAG DEFAULT NAME2 FLAG2 DEFAULT2: `port`, and one beside it that is any free one when that is.
choose_two_ports() {
  local beside=$5
  if [ "$1" = 0 ]; then beside=0; fi
  choose_port port "$1" "$2" 0
  choose_port "$3" "$4" "$beside" 1
}
