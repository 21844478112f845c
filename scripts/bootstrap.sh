#!/usr/bin/env bash
# Installs what building and running kexp needs on Debian or Ubuntu, as root or by sudo. Enables and starts no service.
#
#   bootstrap.sh [--tests] [--dev] [--minimal | --build] [--print]
#
#   --tests    also what scripts/check.sh needs, with the files that tests would fetch at their first run
#   --dev      also clang (with libFuzzer), clang-tidy and ccache
#   --minimal  without the two optional SDKs: OpenVINO (a second, faster engine) and Arrow (Parquet)
#   --build    what compiling takes alone: also without what the local Kafka runs on; for the consumer's image
#   --print    lists the packages and installs nothing
#
# Run again, it installs what is missing: under 3 s when nothing is.
# Exit: 0 done, also when something optional could not be had (it says which); 1 failed; 2 usage, not root, or no apt.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/fetch.sh
. "$here/lib/fetch.sh"

build=(g++ cmake ninja-build pkg-config git ca-certificates
  librdkafka-dev libhdf5-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev prometheus-cpp-dev libcurl4-openssl-dev libssl-dev
  libsimdjson-dev libsnappy-dev nlohmann-json3-dev libcpp-httplib-dev libprotobuf-dev protobuf-compiler libonnx-dev libjpeg-dev libpng-dev
  libopencv-dev)  # all of OpenCV, because only this package has the CMake files, and they name every module
jre=default-jre-headless
if grep -qs '^VERSION_ID="22.04"' /etc/os-release; then jre=openjdk-17-jre-headless; fi  # its default is 11, Kafka needs 17
local_services=("$jre" maven)  # local-kafka.sh
sdks=(python3 python3-pip)                   # unpack the wheels
tests=(python3 python3-pip libgtest-dev libgmock-dev libbenchmark-dev clang-format-14 python3-h5py python3-yaml kcat shellcheck curl debootstrap)
dev=(clang-14 libclang-rt-14-dev clang-tidy-14 ccache)

usage() { sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

with_tests='' with_dev='' minimal='' build_only='' print=''
for argument in "$@"; do
  case $argument in
    --tests) with_tests=1 ;;
    --dev) with_dev=1 ;;
    --minimal) minimal=1 ;;
    --build) minimal=1 build_only=1 ;;
    --print) print=1 ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown option '$argument' (--help)" ;;
  esac
done

packages=("${build[@]}")
[ -n "$build_only" ] || packages+=("${local_services[@]}")
[ -n "$minimal" ] || packages+=("${sdks[@]}")
[ -z "$with_tests" ] || packages+=("${tests[@]}")
[ -z "$with_dev" ] || packages+=("${dev[@]}")
if [ -n "$print" ]; then
  printf '%s\n' "${packages[@]}" | sort -u
  exit 0
fi

missing_packages() {
  local installed package
  # A package that another provides (libjpeg-dev, pkg-config on newer releases) counts as installed.
  # shellcheck disable=SC2016  # dpkg expands it
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed //p' | tr -s ', ' '[\n*]' | sort -u)
  for package in "${packages[@]}"; do echo "$package"; done | sort -u | comm -23 - <(echo "$installed")
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "no apt here: please install what these Debian packages hold:"
  printf '%s\n' "${packages[@]}" | sort -u | tr '\n' ' ' | fold -s -w 120 >&2
  die 2 "nothing was installed"
fi

unavailable() { [[ $(apt-cache policy "$1") != *"Candidate: "[!\(]* ]]; }

# drop_optional: takes out of `missing` what this release does not have and kexp can be built without.
drop_optional() {
  local package kept=()
  for package in "${missing[@]}"; do
    case $package in
      clang-format-14 | clang-14 | libclang-rt-14-dev | clang-tidy-14)
        if unavailable "$package"; then
          say "this release has no $package: check.sh leaves its check out"
          continue
        fi
        ;;
    esac
    kept+=("$package")
  done
  missing=("${kept[@]}")
}

as_root=()
policy=/usr/sbin/policy-rc.d
policy_mark="written by kexp's bootstrap.sh while it installs"

install_missing() {
  local package
  if [ "$(id -u)" != 0 ]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
      say "neither root nor sudo; please let root run: apt-get install --no-install-recommends ${missing[*]}"
      die 2 "nothing was installed"
    fi
  fi
  "${as_root[@]}" apt-get update -qq || die 3 "apt-get update failed"
  drop_optional
  for package in "${missing[@]}"; do
    if unavailable "$package"; then
      die 1 "this release has no package $package; Debian 12 is tested, 13, Ubuntu 22.04 and 24.04 are expected to work"
    fi
  done
  ((${#missing[@]})) || return 0
  say "installing ${#missing[@]} packages: ${missing[*]}"
  # Keeps packages from starting services while they are installed. None of ours has one; a dependency of tomorrow may.
  # One of ours that was left by a killed run goes, too.
  if [ ! -e "$policy" ] || grep -qs "$policy_mark" "$policy"; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  # Thousands of lines that nobody reads unless it fails.
  mkdir -p -- "$KEXP_CACHE"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${missing[@]}" >"$KEXP_CACHE/apt.log" 2>&1 ||
    { tail -n 20 "$KEXP_CACHE/apt.log" >&2; die 1 "apt-get install failed, see $KEXP_CACHE/apt.log"; }
}

mapfile -t missing < <(missing_packages)
# Without package lists (a fresh system) nothing is known yet; install_missing looks again.
if compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then drop_optional; fi
if ((${#missing[@]})); then (install_missing); fi  # a subshell: its trap runs when the packages are in

# fetch_or_say WHAT-IS-LOST FUNCTION...: what cannot be fetched costs a feature, not the build.
fetch_or_say() {
  ("${@:2}" >/dev/null) || say "going on without: $1"
}
if [ -z "$minimal" ]; then
  fetch_or_say "OpenVINO, the faster engine (OpenCV is there)" fetch_wheel openvino
  fetch_or_say "Arrow, Parquet output (CSV is there)" fetch_wheel pyarrow
fi
if [ -n "$with_tests" ]; then
  fetch_or_say "the local Kafka" fetch_kafka
  fetch_or_say "the local Prometheus" fetch_prometheus
  fetch_or_say "promtool, for the tests of rules" fetch_promtool
  fetch_or_say "the check of manifests against Kubernetes' schemas" fetch_kubernetes_validate
  fetch_or_say "the local node exporter" fetch_node_exporter
  fetch_or_say "the test video" fetch_vtest
fi
say "ready"
