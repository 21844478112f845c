#!/usr/bin/env bash
# OpenCV and OpenVINO in kexp beside ONNX Runtime, in turn on the same picture: ms of an inference, 640x640.
#
#   engines.sh [--build DIR] [--rounds 15] [--threads 1] IMAGE MODEL...     [build/release]
#
# Needs a build with -DKEXP_BENCHMARKS=ON and OpenVINO. ONNX Runtime is fetched into the cache, once; it gets no network: its telemetry is off.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib/common.sh
. "$root/scripts/lib/common.sh"

usage="usage: engines.sh [--build DIR] [--rounds N] [--threads N] IMAGE MODEL..."
build=$root/build/release rounds=15 threads=1
while [[ ${1:-} == --* ]]; do
  [ $# -ge 2 ] || die 2 "$usage"
  case $1 in
    --build) build=$2 ;;
    --rounds) rounds=$2 ;;
    --threads) threads=$2 ;;
    *) die 2 "$usage" ;;
  esac
  shift 2
done
[ $# -ge 2 ] || die 2 "$usage"
program=$build/bin/engine_turns
[ -x "$program" ] || die 3 "there is no $program: cmake --preset release -DKEXP_BENCHMARKS=ON && ninja -C build/release engine_turns kexp_openvino"

export ORT_DISABLE_TELEMETRY=1
python=$KEXP_CACHE/bench/onnxruntime/bin/python
if ! "$python" -c 'import onnxruntime' 2>/dev/null; then
  say "fetching onnxruntime (60 MB, once)"
  python3 -m venv "$KEXP_CACHE/bench/onnxruntime"
  "$python" -m pip install --quiet --disable-pip-version-check onnxruntime==1.28.0 numpy >&2 || die 3 "pip could not fetch onnxruntime"
fi
exec "$python" "$root/tests/bench/engines_beside_ort.py" "$program" "$rounds" "$threads" "$@"
