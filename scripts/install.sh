#!/bin/sh
# Installs what the demo and the tests need beside cargo, npm and python3: redis-server, the node tools of
# tests/contracts (anvil, solc), boto3 and the AWS CLI in target/tools/python. May be run at any time; says nothing when there is
# nothing to do. Touches nothing outside this directory except by apt-get, and that only for what is missing.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "install: $*" >&2
    exit 1
}

for tool in cargo npm python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed; on Debian: apt-get install $tool"
done

# A stamp holds the checksum of what was installed from, so that a changed lock file installs again.
up_to_date() { # stamp file
    [ -f "$1" ] && sha256sum --check --status "$1"
}

node_stamp=target/tools/node.sha256
python_stamp=target/tools/python.sha256

missing=
command -v redis-server >/dev/null || missing="$missing redis-server"
up_to_date $python_stamp || python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
if [ -n "$missing" ]; then
    echo "install:$missing, by apt-get"
    command -v apt-get >/dev/null || fail "missing$missing, and there is no apt-get to install it"
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    # RUNLEVEL keeps the package from starting a server on port 6379, which nobody asked for.
    packages() { $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq "$@" >/dev/null; }
    # shellcheck disable=SC2086 # a list of words
    packages install -y --no-install-recommends $missing ||
        { packages update && packages install -y --no-install-recommends $missing; } ||
        fail "apt-get could not install$missing"
fi

if ! { [ -d tests/contracts/node_modules ] && up_to_date $node_stamp; }; then
    echo "install: anvil and solc, by npm ci in tests/contracts"
    mkdir -p target/tools
    (cd tests/contracts && npm ci --no-audit --no-fund --loglevel=error >/dev/null) || fail "npm ci failed in tests/contracts"
    sha256sum tests/contracts/package-lock.json >$node_stamp
fi

if ! { [ -d target/tools/python ] && up_to_date $python_stamp; }; then
    echo "install: boto3 and the AWS CLI, by pip into target/tools/python"
    mkdir -p target/tools
    rm -rf target/tools/python
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target target/tools/python --require-hashes -r scripts/requirements.txt || fail "pip could not install scripts/requirements.txt"
    sha256sum scripts/requirements.txt >$python_stamp
fi
