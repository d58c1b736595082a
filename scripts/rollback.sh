#!/bin/sh
# Puts the whole unit back to what was published before, and waits until that is proved. All of the logic is the reconciler's.
set -eu
cd "$(dirname "$0")/.."

usage() {
    cat <<'U'
Usage: scripts/rollback.sh [--dry-run] MANIFEST [ARGUMENT of `reconciler rollback`...]

Makes an earlier state of MANIFEST's unit the wanted one (image, alarms, scaling: all of it) and waits until that is proved.
Without --to, the newest state that was stable and is not the present one.
  scripts/rollback.sh manifests/development.yaml
  scripts/rollback.sh manifests/development.yaml --to 12 --reason 'latency doubled'

  --dry-run   only list what there is to go back to
  --help      this

It asks before it does; --yes says so beforehand. A tree with changes is no reason to refuse: of MANIFEST only the unit's name and place are read.
Environment: RECONCILER, the program; `cargo run` when unset. Credentials are found as the AWS CLI finds them.

Exit codes are the reconciler's: 0 rolled back and proved · 1 failed · 3 ECS would not run that either · 64 wrong arguments
U
}

verb=rollback
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage; exit ;;
    --dry-run) verb=history; shift ;;
    -*) echo "rollback: $1 stands before the manifest and is none of --dry-run, --help" >&2; exit 64 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { echo "rollback: of which manifest? See --help" >&2; exit 64; }
[ $verb = rollback ] || set -- "$1"
# shellcheck disable=SC2086 # a command and its first arguments
exec ${RECONCILER:-cargo run --quiet --locked --bin reconciler --} $verb "$@"
