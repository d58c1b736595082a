#!/bin/sh
# Unpacks the image into target/image/root and makes target/image/bin, whose programs run from there with the image's own
# loader and libraries; the simulator, which is no part of the image, is linked from target/debug. So
# `LOCAL_BINARIES=target/image/bin scripts/demo.py` runs what the image holds without an engine.
set -eu
cd "$(dirname "$0")/../.."
. scripts/image/engine.sh
need_runner
image=$(image_name)
out=$PWD/target/image
mkdir -p "$out/bin"
rm -rf "$out/root"
mkdir "$out/root"
container=$(engine create --no-healthcheck "$image")
engine export "$container" | tar -x -C "$out/root" --no-same-owner
engine rm "$container" >/dev/null
sha=$(engine image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "$image")
libraries=$out/root/usr/lib/x86_64-linux-gnu
for program in contracts-api reconciler; do
    printf '#!/bin/sh\nexport GIT_SHA=%s\nexec "%s" --library-path "%s" "%s" "$@"\n' "$sha" \
        "$out/root/lib64/ld-linux-x86-64.so.2" "$libraries" "$out/root/usr/local/bin/$program" >"$out/bin/$program"
    chmod +x "$out/bin/$program"
done
ln -sf "$PWD/target/debug/simulator" "$out/bin/simulator"
