#!/usr/bin/env bash
# Builds the consumer's image from Dockerfile.consumer, tries it, and says what it weighs; docs/operations.md, "The consumer's image".
#
#   build-consumer-image.sh [options]
#
#   --name REF        [localhost/kexp-consumer:VERSION]
#   --model FILE      one more model, ONNX or a Darknet .cfg with its .weights and its .names (or coco.names) beside it; may be repeated.
#                     In the image by its file's name
#   --models NAMES    models fetched by name [yolov3-tiny], in one word; '' for none
#   --with-openvino   the second engine as well, 90 MB more
#   --base REF        a Debian image to build on [docker.io/library/debian:12-slim]
#   --picture FILE    a JPEG or PNG that each model is tried on; without it on a grey picture
#   --save F.tar      as a file for docker load, podman load, ctr images import
#   --push REF        to a registry
#   --tool T          docker, podman or buildah [the first that answers]; root: the same recipe in a debootstrap root, as root
#   --build-root DIR  of --tool root: where it builds; kept, so that a second build takes a minute
#   --tree DIR        of --tool root: keeps the image's files there
#
# The image holds what git tracks here, changes that are not committed among them (it then says so: revision …-dirty).
# Exit: 0 done; 1 failed; 2 usage; 3 no engine, or something cannot be fetched.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$here/lib/common.sh"
source_tree=${here%/*}

usage() { sed -n '2,/^set -/{/^set -/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

version=$(sed -n 's/^project(kexp VERSION \([0-9.]*\).*/\1/p' "$source_tree/CMakeLists.txt")
name=localhost/kexp-consumer:$version models=yolov3-tiny openvino=no base='' picture='' save='' push='' tool='' build_root='' tree=''
model_files=()
while (($#)); do
  case $1 in
    --with-openvino) openvino=yes ;;
    --name | --model | --models | --base | --picture | --save | --push | --tool | --build-root | --tree)
      (($# > 1)) || die 2 "$1 needs a value"
      case $1 in
        --name) name=$2 ;;
        --model) model_files+=("$2") ;;
        --models) models=$2 ;;
        --base) base=$2 ;;
        --picture) picture=$2 ;;
        --save) save=$2 ;;
        --push) push=$2 ;;
        --tool) tool=$2 ;;
        --build-root) build_root=$2 ;;
        --tree) tree=$2 ;;
      esac
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) die 2 "unknown option '$1' (--help)" ;;
  esac
  shift
done

# ---- what is wrong with the options, before anything is done

check_name() {  # FLAG REF
  [[ $2 =~ ^[a-z0-9][a-zA-Z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9._-]*$ && $2 != *:latest ]] ||
    die 2 "$1 must be an image with a tag other than latest, such as localhost/kexp-consumer:$version, got '$2'"
}

# labels_of FILE.cfg: as `kexp model prepare` looks for them.
labels_of() {
  local file
  for file in "${1%.cfg}.names" "$(dirname -- "$1")/coco.names"; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; return; fi
  done
  return 1
}

check_model() {  # FILE
  local stem=${1%.*}
  [ -f "$1" ] || die 2 "--model: there is no file $1"
  case $1 in
    *.onnx) ;;
    *.cfg)
      [ -f "$stem.weights" ] || die 2 "--model: $1 needs its weights beside it, $stem.weights"
      labels_of "$1" >/dev/null || die 2 "--model: $1 needs its labels beside it, $stem.names or coco.names"
      ;;
    *) die 2 "--model must be an .onnx or a Darknet .cfg, got $1" ;;
  esac
  [[ ${1##*/} =~ ^[A-Za-z0-9._-]+$ ]] || die 2 "--model: a model's file name consists of letters, digits, '.', '_' and '-', got '${1##*/}'"
}

check_options() {
  local file
  check_name --name "$name"
  if [ -n "$push" ]; then check_name --push "$push"; fi
  for file in "${model_files[@]}"; do check_model "$file"; done
  if [ -z "$models" ] && ((${#model_files[@]} == 0)); then die 2 "--models '' and no --model: an image without a model does nothing"; fi
  if [ -n "$picture" ] && [ ! -f "$picture" ]; then die 2 "--picture: there is no file $picture"; fi
  if [ -n "$save" ] && [ ! -d "$(dirname -- "$save")" ]; then die 2 "--save: there is no folder $(dirname -- "$save")"; fi
  if [ "$tool" != root ]; then
    if [ -n "$build_root$tree" ]; then die 2 "--build-root and --tree belong to --tool root"; fi
    return
  fi
  if [ -n "$push" ]; then die 2 "--tool root cannot push: load what --save leaves where there is an engine, and push it there"; fi
  if [ -n "$base" ]; then die 2 "--tool root builds in a debootstrap root, not in --base"; fi
  if [ -z "$save$tree" ]; then die 2 "--tool root leaves an image as a file only: give --save F.tar"; fi
  if [ -n "$tree" ] && [ -e "$tree" ]; then die 2 "--tree: $tree is there already"; fi
}

# ---- the engine

answers() { command -v "$1" >/dev/null && timeout 20 "$1" info >/dev/null 2>&1; }

choose_tool() {
  local candidate why=''
  case $tool in
    docker | podman | buildah)
      command -v "$tool" >/dev/null || die 3 "there is no $tool here"
      answers "$tool" || die 3 "$tool is here but does not answer: $tool info"
      ;;
    root)
      [ "$(id -u)" = 0 ] || die 2 "--tool root needs to be root (chroot, mount)"
      command -v debootstrap >/dev/null || die 3 "--tool root needs debootstrap: apt-get install debootstrap"
      ;;
    '')
      for candidate in docker podman buildah; do
        if answers "$candidate"; then tool=$candidate; return; fi
        if command -v "$candidate" >/dev/null; then why+="$candidate does not answer; "; fi
      done
      die 3 "${why}no docker, podman or buildah to build with; --tool root does it without an engine, as root"
      ;;
    *) die 2 "--tool must be docker, podman, buildah or root, got '$tool'" ;;
  esac
}

# ---- what the builder is given

work=''
cleanup() { if [ -n "$work" ]; then rm -rf --one-file-system -- "$work"; fi; }

stage_sources() {
  local git=(git -C "$source_tree" -c user.name=kexp -c user.email=kexp@localhost) what=HEAD
  revision=$("${git[@]}" rev-parse HEAD 2>&1) ||
    die 1 "$source_tree is no git checkout that can be read, so the image could not say what it is of: $revision"
  created=$("${git[@]}" log -1 --format=%ct)
  if ! "${git[@]}" diff --quiet HEAD; then
    what=$("${git[@]}" stash create) || die 1 "git cannot read the changes that are not committed"  # a commit beside; nothing is changed
    revision+=-dirty
  fi
  mkdir "$work/context"
  "${git[@]}" archive "$what" | tar -x -C "$work/context"
}

stage_model_file() {  # FILE NAME
  [ ! -e "$work/context/image-models/$2" ] || die 2 "--model: two files are called $2"
  cp -L -- "$1" "$work/context/image-models/$2"
}

stage_models() {
  local file stem
  ((${#model_files[@]})) || return 0
  mkdir "$work/context/image-models"
  for file in "${model_files[@]}"; do
    stage_model_file "$file" "${file##*/}"
    if [[ $file == *.cfg ]]; then
      stem=${file##*/} stem=${stem%.cfg}
      stage_model_file "${file%.cfg}.weights" "$stem.weights"
      stage_model_file "$(labels_of "$file")" "$stem.names"  # also coco.names: each model its own
    fi
  done
  (cd "$work/context/image-models" && sha256sum -- * >"$work/sums" && mv -- "$work/sums" SHA256SUMS)
}

build_arguments() {  # FLAG: before each NAME=VALUE
  local all=("OPENVINO=$openvino" "MODELS=$models" "VERSION=$version" "REVISION=$revision") argument
  if [ "$tool" = root ]; then base="debootstrap of Debian"; fi
  if [ -n "$base" ]; then all+=("BASE=$base"); fi
  for argument in "${all[@]}"; do arguments+=("$1" "$argument"); done
}

# ---- building, trying, saving, pushing

arguments=()
build() {
  say "building $name by $tool, revision $revision"
  case $tool in
    root)
      build_arguments --arg
      tree=${tree:-$work/tree}
      python3 "$here/lib/image/build_in_root.py" --root "${build_root:-$work/root}" --tree "$tree" "${arguments[@]}" --name "$name" \
        --created "$created" ${save:+--archive "$save.part"} "$work/context" || die 1 "the image was not built"
      if [ -n "$save" ]; then mv -- "$save.part" "$save"; fi
      ;;
    docker)
      build_arguments --build-arg
      docker build -f "$work/context/Dockerfile.consumer" -t "$name" "${arguments[@]}" "$work/context" >&2 || die 1 "docker could not build it"
      ;;
    *)  # their default format, OCI's, has no HEALTHCHECK
      build_arguments --build-arg
      "$tool" build --format docker -f "$work/context/Dockerfile.consumer" -t "$name" "${arguments[@]}" "$work/context" >&2 ||
        die 1 "$tool could not build it"
      ;;
  esac
}

# in_image ARGUMENT...: kexp of the image, as in a pod: no root, no network, nothing to write to.
in_image() {
  case $tool in
    docker | podman)
      "$tool" run --rm --read-only --network none --cap-drop ALL ${picture:+--volume "$(realpath -- "$picture"):/tmp/${picture##*/}:ro"} "$name" "$@"
      ;;
    *) "$here/lib/image/run-in-tree.sh" --env PATH=/usr/local/bin ${picture:+--with "$picture"} "$tree" kexp "$@" ;;
  esac
}

# open_image: `tree` is the image's files until close_image, where it is not docker or podman that runs them. False where that takes root.
container=''
open_image() {
  if [ "$tool" != buildah ]; then return; fi
  if [ "$(id -u)" != 0 ]; then say "not tried: with buildah that takes root"; return 1; fi
  container=$(buildah from --pull-never "$name")
  tree=$(buildah mount "$container")
}
close_image() {
  if [ -n "$container" ]; then buildah rm "$container" >/dev/null; fi
}

try() {
  local model line='^median' on=()
  if [ -n "$picture" ]; then
    on=(--images "/tmp/${picture##*/}")
    line=" decode "
  fi
  in_image --version >"$work/version" || die 1 "kexp --version failed in the image"
  for model in $models $(for file in "${model_files[@]}"; do stem=${file##*/}; echo "${stem%.*}"; done); do
    in_image model check "/models/$model.onnx" "${on[@]}" >"$work/check" || die 1 "kexp model check $model failed in the image"
    say "$model: $(grep -m 1 -e "$line" "$work/check")"
  done
}

bytes_of_image() {
  case $tool in
    docker | podman) "$tool" image inspect --format '{{.Size}}' "$name" ;;
    *) du -sb --apparent-size -- "$tree" | cut -f 1 ;;
  esac
}

report() {
  open_image || return 0
  try
  say "$name: $(bytes_of_image | awk '{printf "%.1f MB", $1 / 1e6}') unpacked, $(tr '\n' ' ' <"$work/version")"
  close_image
}

save_image() {
  [ -n "$save" ] && [ "$tool" != root ] || return 0
  rm -f -- "$save"
  case $tool in
    docker) docker save -o "$save" "$name" ;;
    podman) podman save --format docker-archive -o "$save" "$name" >&2 ;;
    buildah) buildah push "$name" "docker-archive:$save:$name" >&2 ;;
  esac || die 1 "$tool could not save it"
}

push_image() {
  [ -n "$push" ] || return 0
  say "pushing $push"
  case $tool in
    docker) docker tag "$name" "$push" && docker push "$push" >&2 ;;
    *) "$tool" push "$name" "docker://$push" >&2 ;;
  esac || die 3 "$tool could not push $push"
}

main() {
  check_options
  choose_tool
  work=$(mktemp -d "${TMPDIR:-/tmp}/kexp-image.XXXXXX")
  trap cleanup EXIT
  chmod 755 "$work"  # the image's user goes through it
  if [ "$tool" = root ]; then prepare_dir "${build_root:-$work}" 4000; else prepare_dir "$work" 200; fi
  stage_sources
  stage_models
  build
  report
  save_image
  push_image
  if [ -n "$save" ]; then say "saved as $save"; fi
}

main
