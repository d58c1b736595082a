# shellcheck shell=sh
# Sourced, in the project's root. `committed NAME` refuses a work tree that no commit holds, because what it would deploy
# could never be told again; NAME speaks.

committed() { # who asks
    git rev-parse --verify --quiet HEAD >/dev/null || { echo "$1: this is no git work tree with a commit" >&2; exit 64; }
    changed=$(git status --porcelain --untracked-files=normal)
    [ -z "$changed" ] || { printf '%s: commit or remove this first, no commit holds it:\n%s\n' "$1" "$changed" >&2; exit 64; }
}
