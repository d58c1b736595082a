#!/bin/sh
# Deploys a manifest that git holds: shows the plan, converges, waits until the result is proved. All of the logic is the
# reconciler's; this refuses what could not be told again afterwards, and adds the image.
set -eu
cd "$(dirname "$0")/.."

usage() {
    cat <<'U'
Usage: scripts/deploy.sh [--dry-run] [--image REPOSITORY@sha256:…] MANIFEST [ARGUMENT of `reconciler reconcile`...]

Prints the plan for MANIFEST, makes AWS equal to it and waits until that is proved. Without --image, the image is the
manifest's own; with it, that of the digest in the manifest's repository.
  scripts/deploy.sh manifests/development.yaml
  scripts/deploy.sh --image "$(scripts/build-and-push.sh)" manifests/development.yaml --timeout 20m

  --image     deploy this one; by digest, because a tag may mean another image tomorrow
  --dry-run   end after the plan
  --help      this

Environment: RECONCILER, the program; `cargo run` when unset. Credentials are found as the AWS CLI finds them.

Exit codes are the reconciler's: 0 fine · 1 failed · 3 rolled back · 64 wrong arguments or manifest, or changes that no
commit holds
U
}

wrong() {
    echo "deploy: $*" >&2
    exit 64
}

dry_run=
digest=
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage; exit ;;
    --dry-run) dry_run=1; shift ;;
    --image)
        expr "${2-}" : '.*@sha256:[0-9a-f]\{64\}$' >/dev/null || wrong "--image takes REPOSITORY@sha256:…, and not '${2-}'"
        digest=${2##*@}
        shift 2
        ;;
    -*) wrong "$1 stands before the manifest and is none of --image, --dry-run, --help" ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || wrong "which manifest? See --help"
manifest=$1
shift
. scripts/committed.sh
committed deploy

# shellcheck disable=SC2086 # a command and its first arguments
reconciler() { ${RECONCILER:-cargo run --quiet --locked --bin reconciler --} "$@"; }
reconciler plan "$manifest" ${digest:+--set "image.digest=$digest"}
# The commit is the one that is checked out; a job's GITHUB_SHA is the one it was started for.
[ -n "$dry_run" ] || reconciler reconcile "$manifest" ${digest:+--set "image.digest=$digest"} \
    --commit "$(git rev-parse HEAD)" "$@"
