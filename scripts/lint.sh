#!/bin/sh
# Lints what cargo does not: the Dockerfile, and every shell script, YAML and Python file that git tracks, and that each
# target of the Makefile has its line in `make help`. Takes nothing; changes nothing; its exit code says whether all is well.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh lint
tools=target/tools/lint
failed=0

# Paths here have no spaces, so that a list is words. An empty list is a broken search, not a clean tree.
tracked() { # pattern...
    files=$(git ls-files -- "$@")
    [ -n "$files" ] || { echo "lint: git tracks none of: $*" >&2; exit 1; }
    echo "$files"
}
all=$(tracked .)
yaml=$(tracked '*.yaml' '*.yml' .yamllint)
python=$(tracked '*.py')
# shellcheck disable=SC2086 # a list of words
shell=$(awk 'FNR == 1 && (/^#!.*[\/ ](ba)?sh( |$)/ || FILENAME ~ /\.sh$/) { print FILENAME } { nextfile }' $all)

# shellcheck disable=SC2086 # lists of words
{
    $tools/bin/hadolint Dockerfile || failed=1
    $tools/bin/shellcheck $shell || failed=1
    PYTHONPATH=$tools python3 -m yamllint --strict $yaml || failed=1
    $tools/bin/ruff check --quiet --no-cache $python || failed=1
}

# What begins a rule, without what `make help` shows.
nameless=$(sed -nE '/^[^.#[:space:]][^:=]*:([^=]|$)/ { /^[a-z-]+:.*## [^ ]/!p }' Makefile)
[ -z "$nameless" ] || { echo "Makefile: not in \`make help\`, which takes \`name: ## what it does\`: $nameless" >&2; failed=1; }
exit $failed
