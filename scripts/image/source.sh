# shellcheck shell=sh
# Sourced, in the project's root. Gives the version and the commit of the image: the newest commit that touched what it is
# made of, so that the same sources have one name.

image_sources="Cargo.toml Cargo.lock Dockerfile .dockerignore patches src scripts/image/root.sh"

version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# shellcheck disable=SC2086 # a list of words
git_sha() {
    sha=$(git log -1 --format=%H -- $image_sources)
    git diff --quiet HEAD -- $image_sources && echo "$sha" || echo "$sha-dirty"
}
