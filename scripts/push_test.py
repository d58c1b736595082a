#!/usr/bin/env python3
"""build-and-push.sh against a real registry: Debian's docker-registry on loopback, with a small image in the place of ours.

Run by `make push-test`, which needs root for podman. The scripts are the repository's own, in a git work tree of the test's,
whose Dockerfile compiles nothing. ECR's own part (log-in, immutable tags) is not covered: a registry has no such API.

Exit status: 0 when all held, 1 when something did not, 130 or 143 after a signal.
"""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

from local.environment import environment
from local.processes import Failure, free_port, listens
from local.story import run

# The two names are what scripts/image/bases.sh reads. What differs from run to run comes first: buildah takes a cached LABEL
# for the same whatever its argument is.
DOCKERFILE = """ARG RUST_IMAGE=docker.io/library/debian:bookworm-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim
FROM scratch
COPY Cargo.toml /
ARG GIT_SHA=unknown
LABEL org.opencontainers.image.revision="${GIT_SHA}"
"""
NAME = "hokusai/contracts"


def held(what, fact):
    if not fact:
        raise Failure(what)


def start_registry(story):
    story.begin("registry")
    port = free_port()
    config = os.path.join(story.directory, "registry.yml")
    with open(config, "w") as file:
        file.write(f"version: 0.1\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
                   f"storage: {{filesystem: {{rootdirectory: {story.directory}/registry}}}}\n")
    story.processes.start("registry", ["docker-registry", "serve", config], environment())
    story.processes.wait_for("registry", 10, lambda: listens(port))
    story.say(f"docker-registry at 127.0.0.1:{port}")
    return f"127.0.0.1:{port}"


def work_tree(story):
    work = os.path.join(story.directory, "work")
    shutil.copytree("scripts", os.path.join(work, "scripts"), ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("Cargo.toml", ".dockerignore", ".gitignore"):
        shutil.copy(name, work)
    with open(os.path.join(work, "Dockerfile"), "w") as file:
        file.write(DOCKERFILE)
    with open(os.path.join(work, "Cargo.toml"), "a") as file:
        file.write(f"# {story.directory}\n")
    git(work, "init", "-q")
    commit(work, "first")
    return work


def git(work, *arguments):
    argv = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(argv, cwd=work, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


def commit(work, message):
    git(work, "add", "-A")
    git(work, "commit", "-qm", message)


def tell(story):
    registry = start_registry(story)
    try:
        check(story, registry, work_tree(story))
    finally:
        # What the scripts built and pulled, and no other image.
        subprocess.run(["sh", "-c", """. scripts/image/engine.sh
            engine image ls --format '{{.ID}} {{.Repository}}' | grep " $0/" | cut -d ' ' -f 1 |
                xargs -r "$ENGINE" image rm --force
            """, registry], capture_output=True, timeout=60)


def check(story, registry, work):

    def push(*arguments):
        ran = subprocess.run(["scripts/build-and-push.sh", *arguments], cwd=work, capture_output=True, text=True, timeout=300,
                             env=environment(REPOSITORY=f"{registry}/{NAME}"))
        return ran.returncode, ran.stdout, ran.stderr

    def ask(path, accept="application/json"):
        request = urllib.request.Request(f"http://{registry}/v2/{path}", headers={"accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.read().decode(), reply.headers.get("docker-content-digest")
        except urllib.error.HTTPError as error:
            return "", str(error.code)

    story.begin("dry run")
    status, printed, said = push("--dry-run")
    held(f"--dry-run: {status} {printed} {said}", (status, printed) == (0, "") and f"{registry}/{NAME}:" in said)
    held("--dry-run pushed something", ask(f"{NAME}/tags/list")[1] == "404")
    story.say(said.strip())

    story.begin("push")
    status, printed, said = push()
    held(f"{status}\n{said}", status == 0)
    held(f"standard output is {printed!r}", re.fullmatch(rf"{registry}/{NAME}@sha256:[0-9a-f]{{64}}\n", printed))
    digest = printed.strip().partition("@")[2]
    tags, _ = ask(f"{NAME}/tags/list")
    tag = re.search(r'"tags":\["([^"]+)"\]', tags)
    sha = git(work, "log", "-1", "--format=%H")
    held(f"the registry has {tags}", tag and tag[1].endswith("-" + sha[:12]))
    schemas = "application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json"
    _, stored = ask(f"{NAME}/manifests/{tag[1]}", schemas)
    held(f"the registry calls it {stored}", stored == digest)
    story.say(f"{tag[1]} is {digest}, and pulled back by it")

    story.begin("again")
    status, again, said = push()
    held(f"{status} {again} {said}", (status, again) == (0, printed) and "has" in said)
    with open(os.path.join(work, "README.md"), "w") as file:
        file.write("the image is not made of this\n")
    status, dirty, said = push()
    held(f"{status} {said}", (status, dirty) == (64, "") and "README.md" in said)
    commit(work, "a document")
    status, other, said = push()
    held(f"{status} {other} {said}", (status, other) == (0, printed))
    story.say("refused with changes; the same sources, and a commit beside them, are the same image and no new tag")

    story.begin("other sources")
    with open(os.path.join(work, "Cargo.toml"), "a") as file:
        file.write("# another\n")
    commit(work, "a source")
    status, other, said = push()
    held(f"{status}\n{said}", status == 0 and other != printed)
    tags, _ = ask(f"{NAME}/tags/list")
    held(f"the registry has {tags}", tags.count("-") == 2)
    _, stored = ask(f"{NAME}/manifests/{tag[1]}", schemas)
    held("the first tag was moved", stored == digest)
    story.say("a tag of its own; the first still means the first")

    story.begin("no registry")
    story.processes.stop({})
    with open(os.path.join(work, "Cargo.toml"), "a") as file:
        file.write("# a third\n")
    commit(work, "a third")
    status, printed, said = push()
    held(f"{status} {printed}", (status, printed) == (1, "") and "could not be pushed" in said)
    story.say(said.strip().splitlines()[-1])


if __name__ == "__main__":
    sys.exit(run("push", tell))
