# shellcheck shell=bash disable=SC2034  # names used by the scripts that source this
# What the scripts share. To be sourced after `set -euo pipefail`; works with bash, coreutils, util-linux and /proc alone,
# so that a bare container (no systemd, ps, ss, lsof, curl) is enough.
export LC_ALL=C.UTF-8  # decimal points are points
shopt -s inherit_errexit  # or a failing command inside $(...) would go unnoticed

script_name=${0##*/}
script_name=${script_name%.sh}
KEXP_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kexp

# Exit codes, as the binary's: 1 failed, 2 usage, 3 unavailable.
say() { printf '%s: %s\n' "$script_name" "$*" >&2; }
die() { local code=$1; shift; say "$*"; exit "$code"; }

# needs WHAT FLAG [VALUE...]: called with the arguments from a valued option on; dies when its value is missing or empty.
needs() { [ -n "${3-}" ] || die 2 "$2 needs $1"; }

# wait_for SECONDS WHAT COMMAND...: polls until COMMAND succeeds; false after the deadline. Says what it waits for once it takes long.
wait_for() {
  local deadline=$((SECONDS + $1)) notice=$((SECONDS + 5)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    if ((notice && SECONDS >= notice)); then
      say "waiting for $what"
      notice=0
    fi
    sleep 0.1
  done
}

# ---- folders

# lock FILE SECONDS: holds FILE's lock until this shell ends (or the subshell that called it).
lock() {
  local fd
  { exec {fd}>"$1"; } 2>/dev/null || die 1 "cannot write $1"
  flock -w "$2" "$fd" || die 3 "another process has held $1 for $2 s"
}

# prepare_dir DIR MIB: makes DIR, proves that it can be written and has MIB free.
prepare_dir() {
  local dir=$1 need=$2 free probe
  mkdir -p -- "$dir" 2>/dev/null || die 1 "cannot create $dir"
  probe=$dir/.probe.$$
  # A byte has to arrive: an empty file can still be made on a full disk.
  { echo probe >"$probe"; } 2>/dev/null || { rm -f -- "$probe"; die 1 "cannot write in $dir (read-only, not yours, or full)"; }
  rm -f -- "$probe"
  free=$(df -Pk -- "$dir" | awk 'NR == 2 {print int($4 / 1024)}')
  ((free >= need)) || die 1 "$dir has $free MiB free, $need MiB are needed"
}

# ---- ports, all on 127.0.0.1

# listener_inode PORT: the socket that listens where 127.0.0.1:PORT would bind; empty when the port is free.
listener_inode() {
  # 0A is LISTEN; Java's IPv4 sockets stand in tcp6 as ::ffff:127.0.0.1.
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$(printf '%04X' "$1")" '$4 == "0A" && $2 ~ "^(0100007F|0+|0+FFFF00000100007F):" port "$" && !n++ {print $10}'
}
port_free() { [ -z "$(listener_inode "$1")" ]; }

# port_user PORT: "name, pid N" where /proc shows it (one's own processes, or as root), else "another process".
port_user() {
  local inode fd pid
  inode=$(listener_inode "$1")
  fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  pid=${fd#/proc/}
  pid=${pid%%/*}
  if [ -n "$pid" ]; then echo "$(cat "/proc/$pid/comm" 2>/dev/null || echo process), pid $pid"; else echo "another process"; fi
}

# free_port SLOT: one below the range that the kernel gives to outgoing connections, so it is still free at the next start. Where
# to look depends on our pid: two scripts at once must not choose the same before either has bound it. SLOT is 0 to 3.
free_port() {
  local port tries
  for ((tries = 0; tries < 3000; ++tries)); do
    port=$((20000 + (($$ + tries) * 4 + $1) % 12000))
    if port_free "$port"; then echo "$port"; return; fi
  done
  die 1 "no free port between 20000 and 32000"
}

require_port_free() {  # WHAT PORT HINT
  # A process killed a moment ago may still hold it.
  wait_for 2 "port $2" port_free "$2" || die 1 "$1 port $2 is in use by $(port_user "$2"); $3"
}

check_port_flag() {  # FLAG VALUE
  if ! [[ $2 =~ ^(0|[1-9][0-9]{0,4})$ ]] || (($2 > 65535)); then
    die 2 "$1 must be a port from 0 (any free one) to 65535, got '$2'"
  fi
}

# tcp_answers NAME HOST[:PORT] PORT: something accepts connections there; dies when that is no address. NAME is what gave it.
# shellcheck disable=SC2016  # the inner bash expands it
tcp_answers() {
  [[ $2 =~ ^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:([0-9]{1,5}))?$ ]] || die 2 "$1 must name HOST:PORT, got '$2'"
  local host=${BASH_REMATCH[1]} port=${BASH_REMATCH[3]:-$3}
  timeout 5 bash -c ': <>"/dev/tcp/$0/$1"' "${host//[][]/}" "$port" 2>/dev/null
}

# http_ok PORT PATH: a GET is answered with status 200.
# shellcheck disable=SC2016  # the inner bash expands it
http_ok() {
  timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "GET %s HTTP/1.0\r\n\r\n" "$1" >&3 && head -n 1 <&3' "$1" "$2" 2>/dev/null |
    grep -q '^HTTP/1\.[01] 200'
}

# ---- background services: one process each, its pid in $dir/NAME.pid, its output in $dir/NAME.log

# service_pid NAME: prints the pid of the running service; false when there is none. Each service carries its name and folder in its
# environment, since a pid file alone may name a stranger after a crash.
service_pid() {
  local pid
  pid=$(cat -- "$dir/$1.pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] && grep -qszxF "KEXP_SERVICE=$1 $dir" "/proc/$pid/environ" || return 1
  echo "$pid"
}

# drop_stale NAME: deletes the pid file of a service that does not run. Only under the folder's lock: a start may be writing it.
drop_stale() {
  [ -f "$dir/$1.pid" ] || return 0
  say "removing the stale $dir/$1.pid: pid $(<"$dir/$1.pid") is not $1, or not any more"
  rm -f -- "$dir/$1.pid"
}

# close_inherited: closes what a child must not hold open, such as our locks and the pipe of a caller's $(...).
close_inherited() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    if ((fd > 2)); then eval "exec $fd>&-"; fi
  done
}

# launch NAME COMMAND...: starts COMMAND in a session of its own, with no file of ours open but its log: the caller's Ctrl-C does
# not reach it and a caller's $(...) does not wait for it.
launch() {
  local name=$1
  shift
  (
    trap - EXIT
    cd /
    close_inherited
    exec env "KEXP_SERVICE=$name $dir" setsid "$@" </dev/null >>"$dir/$name.log" 2>&1
  ) &
  echo $! >"$dir/$name.pid"
}

# wait_for_service NAME SECONDS WHAT COMMAND...: like wait_for, but false at once when the service's process has ended.
wait_for_service() {
  local pid
  pid=$(<"$dir/$1.pid")
  wait_for "$2" "$3" up_or_dead "$pid" "${@:4}" && pid_alive "$pid"
}
up_or_dead() { "${@:2}" || pid_dead "$1"; }

pid_alive() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }  # a zombie is dead
pid_dead() { ! pid_alive "$1"; }

log_tail() { tail -n 15 -- "$dir/$1.log" 2>/dev/null | sed "s/^/  $1.log: /" >&2 || true; }

# stop_service NAME SECONDS: SIGTERM, and SIGKILL when it has not ended in time. False when it was not running.
stop_service() {
  local pid
  pid=$(service_pid "$1") || { drop_stale "$1"; return 1; }
  kill -TERM "$pid" 2>/dev/null || true
  if ! wait_for "$2" "$1 (pid $pid) to end" pid_dead "$pid"; then
    say "$1 (pid $pid) did not end within $2 s: killing it"
    kill -KILL "$pid" 2>/dev/null || true
    wait_for 10 "$1 (pid $pid) to die" pid_dead "$pid" || die 1 "$1 (pid $pid) cannot be killed"
  fi
  rm -f -- "$dir/$1.pid"
}

# confirm YES QUESTION: agreed by --yes (YES not empty) or at a terminal; a script without --yes is refused.
confirm() {
  local answer
  if [ -n "$1" ]; then return; fi
  [ -t 0 ] || die 2 "this destroys data: give --yes"
  read -rp "$2 [y/N] " answer </dev/tty
  [[ $answer == [yY]* ]] || die 1 "left as it was"
}

# state_dir DIR: DIR as an absolute path that is safe in the config files written from it.
state_dir() {
  local path
  path=$(realpath -m -- "$1")
  [[ $path != *[$'\n\'"\\,']* ]] || die 2 "--dir: no quotes, commas, backslashes or line breaks, please: $path"
  echo "$path"
}
