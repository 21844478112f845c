#!/usr/bin/env bash
# What people and CI run before a change lands: installs what the tests need, checks format and ranks, builds with warnings as
# errors and runs the tests; ends with ctest's summary.
#
#   check.sh [--quick] [--faults | --fault-of-the-day] [--cluster] [--jobs N]
#
#   --quick             without the sanitizer build
#   --faults            also the tests of label fault (minutes each)
#   --fault-of-the-day  also one of them, another each day: what CI does
#   --cluster           also the tests of label cluster, on a real Kubernetes control plane; it comes with the golden data
#   --jobs N            tests at a time  [8]: most of them wait
#
# KEXP_TEST_DATA names the folder of golden data; without it the tests that need it are skipped, unless
# KEXP_REQUIRE_TEST_DATA=1. Exit: 0 all passed; 1 something failed; 2 usage or not installable.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$here/lib/common.sh"
cd -- "$here/.."

usage() { sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

quick='' faults='' cluster='' jobs=8
while (($#)); do
  case $1 in
    --quick) quick=1 ;;
    --faults) faults=all ;;
    --fault-of-the-day) faults=today ;;
    --cluster) cluster=1 ;;
    --jobs) needs "a number" "$@"; jobs=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown option '$1' (--help)" ;;
  esac
  shift
done

# step NAME COMMAND...: says what runs and how long it took.
step() {
  local name=$1 start=$SECONDS
  shift
  say "$name"
  "$@" || die 1 "$name failed"
  say "$name: $((SECONDS - start)) s"
}

build_release() {
  cmake --preset release -DKEXP_TESTS=ON -DKEXP_WERROR=ON >"$log/configure-release.log" || { cat "$log/configure-release.log"; return 1; }
  cmake --build --preset release
}

build_asan() {
  cmake --preset asan -DKEXP_TESTS=ON -DKEXP_WERROR=ON >"$log/configure-asan.log" || { cat "$log/configure-asan.log"; return 1; }
  cmake --build --preset asan
}

# The golden files of third parties' graphs are for the release build: there they take a tenth of the time.
test_asan() {
  ctest --preset asan -j "$jobs" -E 'GraphsTest.*/openvino' --output-on-failure >"$log/asan-tests.log" 2>&1 ||
    { grep -vE ' Passed | +Start +[0-9]+:' "$log/asan-tests.log"; return 1; }
}

# fault_tests all|today: as a pattern for ctest, each name whole.
fault_tests() {
  local names
  mapfile -t names < <(ctest --test-dir build/release -N -L '^fault$' | sed -n 's/^ *Test *#[0-9]*: //p')
  ((${#names[@]})) || die 1 "no test has the label fault"
  if [ "$1" = today ]; then names=("${names[$(($(date +%s) / 86400 % ${#names[@]}))]}"); fi
  say "fault tests: ${names[*]}"
  local all
  all=$(IFS='|'; echo "${names[*]//./\\.}")
  ctest --test-dir build/release -R "^($all)\$" --output-on-failure
}

log=build/check
mkdir -p "$log"
step "packages" scripts/bootstrap.sh --tests
step "format" scripts/check-format.sh
step "ranks" scripts/check-ranks.py
step "release build" build_release
if [ -z "$quick" ]; then
  step "sanitizer build" build_asan
  step "sanitizer tests" test_asan
fi

if [ -n "$faults" ]; then step "faults" fault_tests "$faults"; fi
if [ -n "$cluster" ]; then step "cluster" ctest --test-dir build/release -L '^cluster$' --output-on-failure; fi
say "tests"
ctest --test-dir build/release -j "$jobs" --output-on-failure -LE '^(fault|bench|cluster)$'
