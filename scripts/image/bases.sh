#!/bin/sh
# Sees to the base images that the Dockerfile names: here already, else from their registry, else made from Debian's own
# packages (mmdebstrap) and, for Rust, this machine's toolchain. The last needs root.
set -eu
cd "$(dirname "$0")/../.."
. scripts/image/engine.sh

# `ARG NAME=value` of the Dockerfile: the names are written there only.
name_of() { sed -n "s/^ARG $1=//p" Dockerfile; }
debian_image=$(name_of DEBIAN_IMAGE)
rust_image=$(name_of RUST_IMAGE)

have() { # image
    present "$1" || { say "pulling $1" && timeout 300 "$ENGINE" pull "$1" >/dev/null 2>&1; }
}

make_debian() {
    say "$debian_image cannot be pulled: making it from Debian's packages (1 min)"
    mirror=${DEBIAN_MIRROR:-http://deb.debian.org}
    command -v mmdebstrap >/dev/null || scripts/install.sh packages mmdebstrap
    # Without usr-is-merged, usrmerge would bring the whole of perl.
    mmdebstrap --quiet --variant=minbase --include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' bookworm "$work/debian.tar" \
        "deb $mirror/debian bookworm main" "deb $mirror/debian bookworm-updates main" \
        "deb $mirror/debian-security bookworm-security main" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    printf 'FROM scratch\nADD debian.tar /\nCMD ["bash"]\n' >"$work/Dockerfile"
    engine_build --tag "$debian_image" "$work" >/dev/null
    rm "$work/debian.tar"
}

make_rust() {
    toolchain=$(rustc --print sysroot)
    wanted=$(echo "$rust_image" | sed 's/.*:\([0-9.]*\)-.*/\1/')
    case $(rustc --version) in
    "rustc $wanted "*) ;;
    *) say "$rust_image cannot be pulled, and this machine's $(rustc --version) is not $wanted"; exit 1 ;;
    esac
    say "$rust_image cannot be pulled: making it from $toolchain (1 min)"
    cat >"$work/Dockerfile" <<E
FROM $debian_image
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev ca-certificates && rm -rf /var/lib/apt/lists/*
COPY bin /usr/local/rustup/toolchain/bin
COPY lib /usr/local/rustup/toolchain/lib
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:/usr/local/rustup/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
E
    engine_build --file "$work/Dockerfile" --tag "$rust_image" "$toolchain" >/dev/null
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
have "$debian_image" || make_debian
have "$rust_image" || make_rust
