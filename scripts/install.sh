#!/bin/sh
# Installs what the demo and the tests need beside cargo, npm and python3: redis-server, curl, jq and openssl, the node tools
# of tests/contracts (anvil, solc, standardwebhooks), boto3 and the AWS CLI in target/tools/python, ecs-deploy in target/tools/deploy,
# check-jsonschema in target/tools/schema.
# `install.sh lint` installs only the linters, `install.sh moto` only moto, `install.sh api` only schemathesis, `install.sh sbom`
# what the SBOM is written with, `install.sh packages NAME...` Debian packages. May be run at any time; says nothing when there is nothing to do. Touches
# nothing outside this directory except by apt-get, and that only for what is missing.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "install: $*" >&2
    exit 1
}

# A stamp holds the checksum of what was installed from, so that a changed lock file installs again.
up_to_date() { # stamp file
    [ -f "$1" ] && sha256sum --check --status "$1"
}

apt_packages() { # package...
    echo "install: $*, by apt-get" >&2
    command -v apt-get >/dev/null || fail "missing $*, and there is no apt-get to install it"
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    # RUNLEVEL keeps the package from starting a server on port 6379, which nobody asked for.
    packages() { $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq "$@" >/dev/null; }
    packages install -y --no-install-recommends "$@" ||
        { packages update && packages install -y --no-install-recommends "$@"; } ||
        fail "apt-get could not install $*"
}

python_packages() { # directory under target/tools, requirements file
    directory=target/tools/$1
    ! { [ -d "$directory" ] && up_to_date "$directory.sha256"; } || return 0
    python3 -m pip --version >/dev/null 2>&1 || apt_packages python3-pip
    echo "install: $2, by pip into $directory"
    mkdir -p target/tools
    rm -rf "$directory"
    python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target "$directory" --require-hashes -r "$2" || fail "pip could not install $2"
    sha256sum "$2" >"$directory.sha256"
}

for tool in cargo npm python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed; on Debian: apt-get install $tool"
done

case ${1-} in
lint | moto | sbom | api) python_packages "$1" "scripts/requirements-$1.txt"; exit ;;
packages) shift; apt_packages "$@"; exit ;;
esac

for tool in redis-server curl jq openssl; do
    command -v $tool >/dev/null || apt_packages $tool
done

node_stamp=target/tools/node.sha256
if ! { [ -d tests/contracts/node_modules ] && up_to_date $node_stamp; }; then
    echo "install: anvil, solc and standardwebhooks, by npm ci in tests/contracts"
    mkdir -p target/tools
    (cd tests/contracts && npm ci --no-audit --no-fund --loglevel=error >/dev/null) || fail "npm ci failed in tests/contracts"
    sha256sum tests/contracts/package-lock.json >$node_stamp
fi

python_packages python scripts/requirements.txt
python_packages deploy scripts/requirements-deploy.txt
python_packages schema scripts/requirements-schema.txt
