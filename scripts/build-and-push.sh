#!/bin/sh
# Builds the image of HEAD, pushes it, and prints REPOSITORY@sha256:…, the one name that will always mean it. That is all
# that standard output gets, so that a variable can hold it; everything else is said on standard error.
set -eu
cd "$(dirname "$0")/.."

usage() {
    cat <<'U'
Usage: scripts/build-and-push.sh [--dry-run]

Builds the image for linux/amd64 from HEAD, pushes it as REPOSITORY:VERSION-COMMIT and prints REPOSITORY@sha256:…
COMMIT is the newest one that touched what the image is made of: the same sources are built once, and a tag that the
registry has is used as it is, never written again. Deploy what is printed:
  scripts/deploy.sh --image "$(scripts/build-and-push.sh)" manifests/development.yaml

  --dry-run   say what would be built and pushed; touch nothing
  --help      this

Environment:
  REPOSITORY  where to; 932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts when unset. For ECR the AWS CLI
              logs in, and the repository must have immutable tags; any other registry is taken as it is.

Exit codes: 0 fine · 1 failed · 64 wrong arguments, or changes that no commit holds
U
}

dry_run=
for argument; do
    case $argument in
    --dry-run) dry_run=1 ;;
    --help) usage; exit ;;
    *) echo "build-and-push: $argument is none of --dry-run, --help" >&2; exit 64 ;;
    esac
done
. scripts/committed.sh
committed build-and-push
REPOSITORY=${REPOSITORY:-932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts}
registry=${REPOSITORY%%/*}
name=${REPOSITORY#*/}

fail() {
    echo "build-and-push: $*" >&2
    exit 1
}

ecr() { # what to ask for, of the repository
    # Of 932100697590.dkr.ecr.us-east-1.amazonaws.com; the account is named, so that another's repository is not asked.
    region=${registry#*.dkr.ecr.}
    aws ecr --region "${region%%.*}" "$@"
}

log_in() {
    case $registry in *.dkr.ecr.*.amazonaws.com) ;; *) return 0 ;; esac
    tags=$(ecr describe-repositories --registry-id "${registry%%.*}" --repository-names "$name" \
        --query 'repositories[0].imageTagMutability' --output text) || fail "ECR does not show the repository $name"
    [ "$tags" = IMMUTABLE ] || fail "the tags of $name are $tags: a pushed image could be replaced;" \
        "aws ecr put-image-tag-mutability --repository-name $name --image-tag-mutability IMMUTABLE"
    ecr get-login-password | engine login --username AWS --password-stdin "$registry" >&2
}

# Docker itself takes loopback registries without TLS.
over() { # verb...: what talks to a registry
    case $ENGINE/$registry in
    podman/127.0.0.1:* | podman/localhost:*) engine "$@" --tls-verify=false ;;
    *) engine "$@" ;;
    esac
}

push() { # prints the digest
    case $ENGINE in
    podman)
        digest_file=$(mktemp)
        over push --digestfile "$digest_file" "$image" >&2 || fail "$image could not be pushed"
        cat "$digest_file"
        rm "$digest_file"
        ;;
    docker) engine push "$image" >&2 || fail "$image could not be pushed"; digests ;;
    esac
}

# All that this engine knows the image by in the registry: podman keeps its own digest beside the registry's.
digests() {
    engine image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | sed -n "s|^$REPOSITORY@||p"
}

# ECS runs the image on x86-64, whatever this machine is; and an image of other sources may have this name here.
expect() { # image
    found=$(engine image inspect --format \
        '{{.Os}}/{{.Architecture}} {{index .Config.Labels "org.opencontainers.image.revision"}}' "$1")
    [ "$found" = "linux/amd64 $(git_sha)" ] || fail "$1 is $found, and not linux/amd64 $(git_sha)"
}

. scripts/image/source.sh
image=$REPOSITORY:$(version)-$(git_sha | cut -c 1-12)
if [ -n "$dry_run" ]; then
    echo "build-and-push: would build $image for linux/amd64 from $(git_sha), push it, and print its digest" >&2
    exit
fi
. scripts/image/engine.sh
need_runner
log_in
if over pull "$image" >/dev/null 2>&1; then
    echo "build-and-push: $registry has $image already" >&2
    expect "$image"
    candidates=$(digests)
else
    IMAGE=$image scripts/image/build.sh >&2
    expect "$image"
    candidates=$(push)
fi
# Only what the registry gives back by its digest is printed; the layers are here already.
for digest in $candidates; do
    if over pull "$REPOSITORY@$digest" >/dev/null 2>&1; then
        expect "$REPOSITORY@$digest"
        echo "$REPOSITORY@$digest"
        exit
    fi
done
fail "$registry gives none of this back: $candidates"
