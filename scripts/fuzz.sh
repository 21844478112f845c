#!/usr/bin/env bash
# Builds the fuzz targets (preset fuzz: clang-14 and libFuzzer, under ASan and UBSan) and runs one after the other, niced.
#
#   fuzz.sh [--seconds N] [--build-only] [TARGET...]
#
#   --seconds N   for each target  [600]
#   --build-only  run nothing
#   TARGET        image_decode, message_headers, onnx_reader, darknet_cfg, prom_chunk, prom_frames  [all]
#
# Each begins with its seeds in tests/fuzz/corpus and with what it found worth keeping before, in build/fuzz/corpus. An input that is
# a finding lies in build/fuzz/findings: mended, it becomes a seed.
# Exit: 0 no finding; 1 a finding, or it could not be built; 2 usage.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$here/lib/common.sh"
cd -- "$here/.."

usage() { sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

all_targets=(image_decode message_headers onnx_reader darknet_cfg prom_chunk prom_frames)
seconds=600 build_only='' targets=()
while (($#)); do
  case $1 in
    --seconds) needs "a number" "$@"; seconds=$2; shift ;;
    --build-only) build_only=1 ;;
    -h | --help) usage; exit 0 ;;
    -*) die 2 "unknown option '$1' (--help)" ;;
    *) [[ " ${all_targets[*]} " == *" $1 "* ]] || die 2 "no target $1: ${all_targets[*]}"; targets+=("$1") ;;
  esac
  shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die 2 "--seconds must be a whole number above 0, got '$seconds'"
((${#targets[@]})) || targets=("${all_targets[@]}")

# fuzz TARGET: for so long, with its log in build/fuzz.
fuzz() {
  local grown=build/fuzz/corpus/$1 findings=build/fuzz/findings options=()
  mkdir -p "$grown" "$findings"
  [ ! -f "tests/fuzz/$1.dict" ] || options+=("-dict=tests/fuzz/$1.dict")
  nice -n 19 "build/fuzz/bin/$1_fuzz" "${options[@]}" -max_total_time="$seconds" -max_len=32768 -timeout=120 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$findings/$1-" "$grown" "tests/fuzz/corpus/$1" >"build/fuzz/$1.log" 2>&1 || {
    tail -n 60 "build/fuzz/$1.log" >&2
    return 1
  }
  say "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$1.log") inputs in $seconds s, no finding"
}

[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >&2
cmake --build --preset fuzz >&2
[ -z "$build_only" ] || exit 0
found=0
for target in "${targets[@]}"; do
  fuzz "$target" || { found=1; say "$target: a finding, see build/fuzz/findings and build/fuzz/$target.log"; }
done
exit "$found"
