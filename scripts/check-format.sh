#!/bin/sh
# Formatting of what git tracks: clang-format-14 on C++ (another version formats otherwise), shellcheck on scripts.
#
#   scripts/check-format.sh         says what differs; exit 1 then
#   scripts/check-format.sh --fix   formats the C++ files in place
#
# A tool that is not installed is skipped with a line that says so; with CI set that is an error.
set -eu
cd "$(dirname "$0")/.."

failed=0

skip() {
  if [ -n "${CI:-}" ]; then
    echo "check-format: $1 is not installed (scripts/bootstrap.sh --tests)" >&2
    failed=1
  else
    echo "check-format: skipped, $1 is not installed (scripts/bootstrap.sh --tests)"
  fi
}

case "${1:-}" in
  "") mode="--dry-run --Werror" ;;
  --fix) mode="-i" ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

if command -v clang-format-14 >/dev/null; then
  # shellcheck disable=SC2086  # the mode is several words
  git ls-files -z -- '*.cpp' '*.hpp' | xargs -0 -r clang-format-14 $mode || failed=1
else
  skip clang-format-14
fi

if command -v shellcheck >/dev/null; then
  # deploy/ has copies of src/manifest/scripts in folders of their own; tests/cli/manifests_test.py checks them there.
  git ls-files -z -- '*.sh' '.ci/run' ':!deploy' | xargs -0 -r shellcheck || failed=1
else
  skip shellcheck
fi

if [ "$failed" -eq 0 ]; then
  echo "check-format: done"
fi
exit "$failed"
