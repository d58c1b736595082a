# shellcheck shell=sh
# Sourced, in the project's root. Gives ENGINE, which is docker, podman or buildah, whichever is there, and `engine` and
# `engine_build`, which call it with what it needs on this machine; and the image's name. Installs podman by apt-get when
# there is no engine; a docker client without a daemon is none.

. scripts/image/source.sh

image_name() { echo "${IMAGE:-localhost/hokusai/contracts:$(version)}"; }

say() {
    echo "image: $*" >&2
}

if docker info >/dev/null 2>&1; then
    ENGINE=docker
elif command -v podman >/dev/null; then
    ENGINE=podman
elif command -v buildah >/dev/null; then
    ENGINE=buildah
else
    scripts/install.sh packages podman runc
    ENGINE=podman
fi

# Buildah builds but starts no containers; podman shares its images.
need_runner() {
    if [ "$ENGINE" = buildah ]; then
        scripts/install.sh packages podman runc
        ENGINE=podman
    fi
}

engine() {
    # Without systemd there is no cgroup manager to ask, and crun, podman's first choice, refuses hybrid cgroups.
    if [ "$ENGINE" = podman ] && ! [ -d /run/systemd/system ]; then
        podman --runtime runc --cgroup-manager cgroupfs "$@"
    else
        "$ENGINE" "$@"
    fi
}

engine_build() { # arguments of `docker build`
    case $ENGINE in
    docker) DOCKER_BUILDKIT=1 docker build "$@" ;;
    # chroot asks for no cgroups, namespaces or network of its own; OCI's own format has no HEALTHCHECK.
    podman | buildah) engine build --isolation chroot --format docker --layers "$@" ;;
    esac
}

present() { # image
    case $ENGINE in
    docker | podman) engine image inspect "$1" >/dev/null 2>&1 ;;
    buildah) buildah inspect --type image "$1" >/dev/null 2>&1 ;;
    esac
}
