"""What the layers of an image hold, and what of it should not be there.

Takes the archive `docker save` or `podman save` writes, gives its configuration and files, and every objection to them.
A path is allowed or it is an objection: what nobody thought of is found too. Files that a later layer hides count, because
whoever has the image has them.
"""

import json
import re
import tarfile

LIBRARIES = r"usr/lib(64)?/(x86_64-linux-gnu/)?(ld-linux-x86-64|libc|libm|libgcc_s)\.so\.\d"
ALLOWED = re.compile("|".join([
    r"bin|lib|lib64",  # links into usr
    r"(dev|proc|sys|tmp|etc|etc/ssl|etc/ssl/certs|usr|usr/bin|usr/local|usr/local/bin|usr/lib|usr/lib64)/?",
    r"usr/lib/x86_64-linux-gnu|usr/share|usr/share/doc|usr/share/doc/[a-z0-9.+-]+|var|var/lib|var/lib/dpkg|var/lib/dpkg/status\.d",
    r"usr/local/bin/(contracts-api|reconciler)|usr/bin/dumb-init",
    LIBRARIES,
    r"etc/(passwd|group|nsswitch\.conf|os-release|image-release|ssl/certs/ca-certificates\.crt)",
    r"usr/share/doc/[a-z0-9.+-]+/copyright|var/lib/dpkg/status\.d/[a-z0-9.+-]+",
]))
# With their values where these look like nothing else: programs that parse PEM hold its headers alone.
SECRETS = {
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{32}",
    "an AWS access key": rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a path of the machine that built it": rb"/(root|home/\w+|build)/[\w./-]*\.rs\b|/usr/local/(cargo|rustup)/",
}
# PATH finds the programs, GIT_SHA is what /health says.
VARIABLES = {"PATH", "GIT_SHA"}


class Image:
    """The configuration and the files of all layers, `(path, mode, bytes)`; bytes are None for what is no file."""

    def __init__(self, archive):
        with tarfile.open(archive) as saved:
            manifest = json.load(saved.extractfile("manifest.json"))[0]
            self.config = json.load(saved.extractfile(manifest["Config"]))
            self.files = []
            for layer in manifest["Layers"]:
                with tarfile.open(fileobj=saved.extractfile(layer)) as entries:
                    for entry in entries:
                        content = entries.extractfile(entry).read() if entry.isfile() else None
                        self.files.append((entry.name.strip("./"), entry.mode, content))

    def file(self, path):
        """The bytes of one file."""
        return next(content for name, _, content in self.files if name == path)

    def objections(self):
        """What is wrong, in words; nothing when all is well."""
        for path, mode, content in self.files:
            if path and not ALLOWED.fullmatch(path):
                yield f"/{path} should not be there"
            if mode & 0o6000:
                yield f"/{path} is set-uid or set-gid"
            if content is not None and mode & 0o022:
                yield f"/{path} is writable for others"
            for what, pattern in SECRETS.items():
                found = re.search(pattern, content or b"")
                if found:
                    # The place, never the find: it may be real.
                    yield f"/{path} holds {what} at byte {found.start()}"
        names = {pair.split("=", 1)[0] for pair in self.config["config"].get("Env") or []}
        yield from (f"the environment holds {name}" for name in sorted(names - VARIABLES))
