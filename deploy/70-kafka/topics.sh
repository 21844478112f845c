#!/usr/bin/env bash
# Creates the topics of the cluster file, or verifies that they are as it says: messages of up to 16 MiB, their partitions, a leader
# for each. May be run again at any time; it deletes nothing. KEXP names the program where it is not on PATH.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=/dev/null
. "$here/topics.env"

kexp=${KEXP:-kexp}
command -v "$kexp" >/dev/null || {
  echo "topics.sh: there is no $kexp on PATH: set KEXP to where it is" >&2
  exit 2
}
# shellcheck disable=SC2154  # topics.env sets them
exec "$kexp" topics create --servers "$servers" --input-topic "$input_topic" --partitions "$input_partitions" \
  --output-topic "$output_topic" --output-partitions "$output_partitions"
