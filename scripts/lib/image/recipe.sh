#!/usr/bin/env bash
# What is done inside the builder of the consumer's image; Dockerfile.consumer says in which order, and hands its ARGs over as environment.
#
#   recipe.sh packages     installs what building takes; refuses a base other than DEBIAN, or one with another librdkafka than LIBRDKAFKA
#   recipe.sh build        builds and installs kexp with KEXP_COMPONENTS=consume; OPENVINO=yes adds the second engine
#   recipe.sh models       fetches MODELS by name, prepares the files of image-models/, tries each
#   recipe.sh files DIR    lays out in DIR what the image holds: the program, what it needs of others, models, a user; nothing else
#
# To be run in the source tree, as root, on a system that is thrown away afterwards.
set -euo pipefail
image_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$image_dir/../common.sh"
scripts=$(realpath -- "$image_dir/../..")

program=/usr/local/bin/kexp
modules=/usr/local/lib/kexp
models=/models
user=10001  # as the rendered Deployment has it

packages() {
  # shellcheck disable=SC1091  # of the system
  . /etc/os-release
  [ "$ID $VERSION_ID" = "debian $DEBIAN" ] || die 1 "the base is $PRETTY_NAME, DEBIAN=$DEBIAN was asked for"
  "$scripts/bootstrap.sh" --build
  # OpenCV takes either BLAS; the reference one is 40 MB less, and nothing of a detector's inference goes through it.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libblas3 liblapack3 python3 python3-pip >/dev/null ||
    die 1 "apt-get install failed"
  local found
  found=$(pkg-config --modversion rdkafka)
  [ "$found" = "$LIBRDKAFKA" ] || die 1 "the base has librdkafka $found, LIBRDKAFKA=$LIBRDKAFKA was asked for"
}

build() {
  local settings=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr/local -DKEXP_COMPONENTS=consume -DKEXP_WERROR=OFF) without=ON
  if [ "$OPENVINO" = yes ]; then
    "$scripts/lib/fetch.sh" wheel openvino >/dev/null  # found there
    without=OFF
  fi
  settings+=("-DCMAKE_DISABLE_FIND_PACKAGE_OpenVINO=$without")  # said each time: a build root that is kept remembers
  cmake -S . -B build/image -G Ninja "${settings[@]}" >build-image.log || { cat build-image.log >&2; die 1 "cmake failed"; }
  cmake --build build/image
  cmake --install build/image --strip >/dev/null
  if [ "$OPENVINO" = yes ] && ! "$program" --version | grep -q '^OpenVINO module /'; then die 1 "the build has no OpenVINO"; fi
}

# A model's file that the program has tried; what is no detector ends the build with its message.
tried() {
  say "$1"
  "$program" model check "$1" >"$1.log" || die 1 "$1: kexp model check refused it"
  rm -f -- "$1.log"
}

models() {
  local name file
  [ ! -e "$models" ] || die 1 "$models is there already"
  mkdir -p "$models"
  # shellcheck disable=SC2153  # an ARG, no misspelling
  for name in $MODELS; do
    "$program" model get "$name" --models-dir "$models" >/dev/null
  done
  if [ -d image-models ]; then
    (cd image-models && sha256sum --check --strict --quiet SHA256SUMS) || die 1 "image-models is not what was sent"
    for file in image-models/*.onnx image-models/*.cfg; do
      if [ ! -e "$file" ]; then continue; fi
      name=${file##*/}
      "$program" model prepare "$file" -o "$models/${name%.*}.onnx" >/dev/null
    done
  fi
  find "$models" ! -name '*.onnx' -type f -delete  # locks
  for file in "$models"/*.onnx; do
    [ -e "$file" ] || die 1 "no model: name one in MODELS, or put a file into image-models/"
    tried "$file"
  done
  chmod 644 "$models"/*.onnx
  (cd "$models" && sha256sum -- *.onnx >SHA256SUMS)
}

# packages_of FILE...: the Debian packages that installed them. Of /usr/lib/… dpkg may know the older name, /lib/….
packages_of() {
  local file real names=()
  for file in "$@"; do
    real=$(realpath -- "$file")
    names+=("$real" "${real#/usr}")
  done
  { dpkg-query -S "${names[@]}" 2>/dev/null || true; } | sed -n 's/: .*//p' | sort -u
}

# describe DIR FILE...: for each package that a file is from, its version (as scanners of images look for it) and its licence.
describe() {
  local dir=$1 package
  shift
  mkdir -p "$dir/var/lib/dpkg/status.d"
  for package in $(packages_of "$@") ca-certificates; do
    dpkg-query -s "$package" >"$dir/var/lib/dpkg/status.d/${package%%:*}"
    install -D -m 644 "/usr/share/doc/${package%%:*}/copyright" "$dir/usr/share/doc/${package%%:*}/copyright"
  done
}

files() {
  local dir=$1 file libraries=()
  [ ! -e "$dir" ] || die 1 "$dir is there already"
  mkdir -p "$dir"/{dev,etc/ssl/certs,proc,sys,tmp}
  chmod 1777 "$dir/tmp"
  local own=("$program")
  for file in "$modules"/*; do
    if [ -f "$file" ]; then own+=("$file"); fi
  done
  mapfile -t libraries < <("$image_dir/gather-closure.sh" "$dir" "${own[@]}")
  ((${#libraries[@]})) || die 1 "the closure could not be gathered"
  if ls "$dir"/usr/lib/*/*openblas* >/dev/null 2>&1; then die 1 "OpenBLAS came along: is libblas3 not the chosen BLAS?"; fi
  describe "$dir" "${libraries[@]}"
  install -D -m 644 LICENSE "$dir/usr/share/doc/kexp/copyright"
  cp -r -- "$models" "$dir/"
  (cd "$dir/models" && sha256sum --check --strict --quiet SHA256SUMS) || die 1 "a model has changed"
  printf 'root:x:0:0::/:\nkexp:x:%d:%d::/:\n' "$user" "$user" >"$dir/etc/passwd"
  printf 'root:x:0:\nkexp:x:%d:\n' "$user" >"$dir/etc/group"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$dir/etc/hosts"  # engines put theirs over these two
  : >"$dir/etc/resolv.conf"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$dir/etc/nsswitch.conf"
  # Debian's own: what the builder's machine trusts besides is not the image's business.
  cat /usr/share/ca-certificates/mozilla/*.crt >"$dir/etc/ssl/certs/ca-certificates.crt"
  chmod -R u=rwX,go=rX "$dir"/{etc,models,usr,var}
  say "$dir: $(du -sb --apparent-size "$dir" | awk '{printf "%.1f MB", $1 / 1e6}'), ${#libraries[@]} libraries"
}

case "${1:-}" in
  packages | build | models) "$1" ;;
  files) files "${2:?files DIR}" ;;
  *) sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
