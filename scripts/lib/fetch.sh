#!/usr/bin/env bash
# Fetches what the local services and the tests use into ${XDG_CACHE_HOME:-~/.cache}/kexp, once, and prints where it is.
#
#   fetch.sh kafka | prometheus | promtool | node-exporter | vtest | wheel NAME | kubernetes-validate | kafka-hashes
#
# kafka-hashes prints the jars' SHA-256, for scripts/lib/kafka/jars.sha256 after a change of the pom
#
# Other scripts source it and call fetch_kafka, fetch_prometheus, … : the path on stdout, the talk on stderr, and `die 3` where
# the thing cannot be had.
set -euo pipefail
lib_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$lib_dir/common.sh"

# fetch_once DIR MIB FUNCTION ARGUMENT...: fills DIR by `FUNCTION TEMPORARY ARGUMENT...`, once. DIR appears complete or not at all, and a
# second process that wants it waits for the first.
fetch_once() {
  local target=$1 need=$2
  shift 2
  if [ -e "$target/.complete" ]; then return; fi
  prepare_dir "${target%/*}" "$need"
  (
    lock "$target.lock" 900
    if [ -e "$target/.complete" ]; then exit; fi
    rm -rf -- "$target".??????  # of a fetch that was killed
    temporary=$(mktemp -d "$target.XXXXXX")
    trap 'rm -rf -- "$temporary"' EXIT
    chmod 755 "$temporary"  # mktemp makes it private
    "$1" "$temporary" "${@:2}"
    touch "$temporary/.complete"
    rm -rf -- "$target"
    mv -T -- "$temporary" "$target"
  )
}

# ---- Kafka: the broker's jars and the JMX agent, from Maven Central

kafka_jars_into() {  # DIR
  command -v mvn >/dev/null || die 3 "the Kafka jars are not in $KEXP_CACHE and there is no mvn to fetch them: apt-get install maven"
  say "fetching Kafka's jars (46 MB, once)"
  # A repository of its own, deleted afterwards: nothing is left in ~/.m2, and nothing unchecked is taken from there.
  mvn -B -q -f "$lib_dir/kafka/pom.xml" -Dmaven.repo.local="$1/m2" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory="$1/libs" >"$1/mvn.log" 2>&1 ||
    { tail -n 20 "$1/mvn.log" >&2; die 3 "mvn could not fetch the Kafka jars"; }
  rm -rf -- "$1/m2" "$1/mvn.log"
}

checked_kafka_into() {
  kafka_jars_into "$1"
  (cd "$1/libs" && sha256sum --check --strict --quiet "$lib_dir/kafka/jars.sha256" >&2) || die 1 "a Kafka jar differs from scripts/lib/kafka/jars.sha256"
  # --check looks at listed files only; whatever else came would be on the class path too
  [ "$(find "$1/libs" -type f | wc -l)" = "$(wc -l <"$lib_dir/kafka/jars.sha256")" ] || die 1 "mvn brought files that jars.sha256 does not list"
}

fetch_kafka() {
  fetch_once "$KEXP_CACHE/kafka-4.3.1" 200 checked_kafka_into
  echo "$KEXP_CACHE/kafka-4.3.1"
}

# ---- single files out of Debian packages, which stay uninstalled (they would enable public services, or weigh 274 MB)

deb_into() {  # DIR PACKAGE PATH: takes PATH out of the package; apt has checked the archive's signature
  command -v apt-get >/dev/null || die 3 "$2 is not here and there is no apt-get to fetch it"
  say "fetching Debian's $2 (not installed, only unpacked)"
  # As root apt wants to download as user _apt, who cannot write here.
  (cd "$1" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$2" >&2) || die 3 "apt-get could not download $2; has apt-get update been run?"
  dpkg-deb --fsys-tarfile "$1"/*.deb | tar -x -C "$1" --wildcards --transform 's|.*/||' --no-anchored "$3" ||
    die 1 "$2 does not contain $3"
  rm -f -- "$1"/*.deb
}

# fetch_program NAME PACKAGE PATH: the program on PATH, else Debian's.
fetch_program() {
  if command -v "$1"; then return; fi
  fetch_once "$KEXP_CACHE/debian/$1" 150 deb_into "$2" "$3"
  echo "$KEXP_CACHE/debian/$1/$1"
}
fetch_prometheus() { fetch_program prometheus prometheus ./usr/bin/prometheus; }
fetch_promtool() {
  local package=prometheus
  if apt-cache show promtool >/dev/null 2>&1; then package=promtool; fi  # since Debian 13 by itself
  fetch_program promtool "$package" ./usr/bin/promtool
}
fetch_node_exporter() { fetch_program prometheus-node-exporter prometheus-node-exporter ./usr/bin/prometheus-node-exporter; }

# A street with walking people, 768x576, 795 frames: our video for tests and the quick start.
fetch_vtest() {
  fetch_once "$KEXP_CACHE/media" 200 deb_into opencv-doc 'vtest.avi*'
  if [ -f "$KEXP_CACHE/media/vtest.avi.gz" ]; then gunzip "$KEXP_CACHE/media/vtest.avi.gz"; fi  # some releases compress it
  echo "$KEXP_CACHE/media/vtest.avi"
}

# ---- SDKs that Debian does not have: pinned wheels, unpacked (their headers and libraries are used, no Python)

wheel_into() {  # DIR REQUIREMENT
  local machine
  machine=$(uname -m)
  [ "$machine" = x86_64 ] || die 3 "${2%% *} is pinned for x86_64 only, this is $machine"
  python3 -m pip --version >/dev/null 2>&1 || die 3 "python3-pip is missing"
  say "fetching ${2%% *} (once)"
  echo "$2" >"$1/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --require-hashes -r "$1/requirements.txt" -d "$1" >&2 || die 3 "pip could not fetch ${2%% *}"
  python3 -m zipfile -e "$1"/*.whl "$1" || die 1 "${2%% *} cannot be unpacked into $1"
  rm -f -- "$1"/*.whl "$1/requirements.txt"
}

wheel_dir() {  # NAME
  local requirement
  requirement=$(grep "^$1==" "$lib_dir/wheels.txt")
  requirement=${requirement%% *}
  echo "$KEXP_CACHE/sdk/${requirement/==/-}"
}

fetch_wheel() {  # NAME
  local dir
  dir=$(wheel_dir "$1") || die 2 "no wheel named '$1' is pinned in scripts/lib/wheels.txt"
  fetch_once "$dir" 400 wheel_into "$(grep "^$1==" "$lib_dir/wheels.txt")"
  echo "$dir"
}

# ---- the library that checks manifests against Kubernetes' schemas, with what it needs: Python modules of pinned wheels

kubernetes_validate_into() {  # DIR
  python3 -m pip --version >/dev/null 2>&1 || die 3 "python3-pip is missing"
  say "fetching kubernetes-validate (24 MB, once)"
  python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: --require-hashes \
    -r "$lib_dir/kubernetes-validate.txt" -d "$1" >&2 || die 3 "pip could not fetch kubernetes-validate for this Python"
  # Of its 17,000 schemas only the strict ones of our Kubernetes version: the rest takes seconds and 100 MB.
  python3 - "$1" <<'PYTHON' || die 1 "kubernetes-validate cannot be unpacked into $1"
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
for wheel in folder.glob("*.whl"):
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder, [name for name in files.namelist() if "-json-schema/" not in name or "/v1.36.0-local-strict/" in name])
    wheel.unlink()
PYTHON
}

# One for each Python: some of the modules are compiled.
fetch_kubernetes_validate() {
  local python
  python=$(python3 -c 'import sys; print(sys.implementation.cache_tag)')
  fetch_once "$KEXP_CACHE/python/kubernetes-validate-1.37.0-$python" 100 kubernetes_validate_into
  echo "$KEXP_CACHE/python/kubernetes-validate-1.37.0-$python"
}

kafka_hashes() {
  local temporary
  temporary=$(mktemp -d)
  kafka_jars_into "$temporary"
  (cd "$temporary/libs" && sha256sum -- *.jar)
  rm -rf -- "$temporary"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  case ${1:-} in
    kafka) fetch_kafka ;;
    kafka-hashes) kafka_hashes ;;
    prometheus) fetch_prometheus ;;
    promtool) fetch_promtool ;;
    node-exporter) fetch_node_exporter ;;
    vtest) fetch_vtest ;;
    wheel) fetch_wheel "${2:-}" ;;
    kubernetes-validate) fetch_kubernetes_validate ;;
    *) die 2 "unknown: '${1:-}' (see the head of this file)" ;;
  esac
fi
