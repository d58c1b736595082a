#!/bin/sh
# Builds the image of this work tree and prints its name and size. Names it $IMAGE, or localhost/hokusai/contracts:VERSION.
set -eu
cd "$(dirname "$0")/../.."
. scripts/image/engine.sh
image=$(image_name)
# Cargo's download goes through a TLS-inspecting proxy where the machine says so in the usual variables.
ca=${CARGO_HTTP_CAINFO:-${SSL_CERT_FILE:-/dev/null}}
# No file in the image has a time of its own, so that the same sources give the same bytes; CREATED says when they are from.
case $ENGINE in
docker) same_times="--build-arg SOURCE_DATE_EPOCH=0" ;;
podman | buildah) same_times="--timestamp 0" ;;
esac

scripts/image/bases.sh
say "building $image with $ENGINE; the first time compiles everything (10 to 20 min)"
# shellcheck disable=SC2086 # a list of words
engine_build $same_times --secret "id=ca,src=$ca" --tag "$image" \
    --build-arg "VERSION=$(version)" --build-arg "GIT_SHA=$(git_sha)" --build-arg "CREATED=$(git log -1 --format=%cI "$(git_sha | sed 's/-dirty//')")" .
case $ENGINE in
docker | podman) bytes=$(engine image inspect --format '{{.Size}}' "$image") ;;
buildah) bytes=$(buildah images --json "$image" | sed -n 's/.*"size": "\(.*\)".*/\1/p') ;;
esac
echo "$image $bytes bytes"
